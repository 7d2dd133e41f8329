#pragma once

#include <chrono>
#include <string>

#include "stsfs/base/fd.h"
#include "stsfs/base/result.h"

namespace stsfs::daemon {

/// One folder's state directory, held by one daemon at a time. Released when it goes, also by a
/// kill.
class StateLock {
 public:
  /// Makes `<directory>` (0700) and locks `<directory>/lock`, which names the holder for messages.
  ///
  /// A daemon whose mount is gone is about to end: it is waited for, `patience` long. So is one
  /// whose mount is there, but not that long: it may have been killed just now.
  ///
  /// Errors: kBusy: another daemon has this folder mounted (the message says where, and about
  /// state=), or goes on after its mount.
  static Result<StateLock> take(const std::string& directory, const std::string& mount_point,
                                std::chrono::milliseconds patience);

  const std::string& directory() const { return directory_; }

 private:
  StateLock(std::string directory, UniqueFd lock)
      : directory_(std::move(directory)), lock_(std::move(lock)) {}

  std::string directory_;
  UniqueFd lock_;
};

/// Where the folder of that state was mounted last, for messages; empty when that is not known.
std::string last_mount_point(const std::string& directory);

}  // namespace stsfs::daemon
