#pragma once

#include <cstdint>
#include <string_view>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"
#include "stsfs/fs/file_system.h"

namespace stsfs::fuse {

/// Where errors of operations stop travelling: one line each, bounded, so that a program that tries
/// for ever while the network is gone does not fill a disk.
///
/// Threads: any.
class ErrorLog {
 public:
  static constexpr int kLinesPerSecondMax = 20;

  explicit ErrorLog(const Clock& clock) : clock_(clock) {}

  void note(std::string_view operation, fs::InodeNumber inode, const Error& error)
      STSFS_EXCLUDES(mutex_);
  std::uint64_t count() const STSFS_EXCLUDES(mutex_);

 private:
  /// Whether a line may be written now; sets `suppressed` to how many were not since the last.
  bool admit(std::uint64_t& suppressed) STSFS_EXCLUDES(mutex_);

  const Clock& clock_;
  mutable Mutex mutex_;  // a leaf
  SteadyTime second_ STSFS_GUARDED_BY(mutex_){};
  int lines_ STSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t suppressed_ STSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t count_ STSFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace stsfs::fuse
