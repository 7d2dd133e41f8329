#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "stsfs/base/fd.h"
#include "stsfs/base/mutex.h"

namespace stsfs::staging {

/// Space of the disk that is held for the journal, in a file beside it: where somebody else has
/// filled the disk, pieces of it are given free, so that what is staged can still go to OSS and be
/// forgotten here, and taken again when there is room.
///
/// Where the disk cannot allocate, nothing is held.
///
/// Threads: every call at once on any thread.
class Reserve {
 public:
  /// What an earlier daemon holds in `file` is taken over.
  explicit Reserve(std::string file);

  /// Of `wanted_bytes`, which depend on the size of the disk, what is not held.
  std::uint64_t missing_bytes() const { return missing_; }
  /// Gives a piece free; the last half only for who says so. False when nothing was.
  bool give_free(bool last_half) STSFS_EXCLUDES(mutex_);
  /// Takes what is missing, when as much again would be left on the disk.
  void fill() STSFS_EXCLUDES(mutex_);

  /// For a disk of that size.
  static std::uint64_t wanted_bytes(std::uint64_t disk_bytes);

 private:
  void look() STSFS_REQUIRES(mutex_);

  const std::string path_;
  std::atomic<std::uint64_t> missing_{0};

  Mutex mutex_;  // a leaf
  UniqueFd file_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t wanted_ STSFS_GUARDED_BY(mutex_) = 0;  // 0: the disk cannot allocate
  std::uint64_t held_ STSFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace stsfs::staging
