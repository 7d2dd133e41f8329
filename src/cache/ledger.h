#pragma once

#include <cstdint>

#include "stsfs/base/fd.h"
#include "stsfs/base/mutex.h"

namespace stsfs::cache {

/// How many bytes the blocks of a cache directory have, as far as is known: a number in a file that
/// all processes of the directory read and write. A file that is empty says 0.
///
/// It is not mapped into memory: a disk that is full or broken would end the process. What the file
/// does not take stays in this process's own count.
///
/// Threads: any. No call waits for another process.
class Ledger {
 public:
  explicit Ledger(UniqueFd file) : file_(std::move(file)) {}

  std::uint64_t bytes() const STSFS_EXCLUDES(mutex_);
  void add(std::uint64_t bytes) STSFS_EXCLUDES(mutex_);
  void subtract(std::uint64_t bytes) STSFS_EXCLUDES(mutex_);
  /// After a count.
  void set(std::uint64_t bytes) STSFS_EXCLUDES(mutex_);

  /// The lock of the processes, for whoever looks at every file. False when another has it.
  bool try_lock() const;
  void unlock() const;

 private:
  std::int64_t in_file() const STSFS_REQUIRES(mutex_);
  void change(std::int64_t bytes) STSFS_EXCLUDES(mutex_);
  void put(std::int64_t bytes, std::int64_t in_file) STSFS_REQUIRES(mutex_);

  const UniqueFd file_;
  mutable Mutex mutex_;                                     // a leaf
  mutable std::int64_t last_ STSFS_GUARDED_BY(mutex_) = 0;  // seen in the file
  std::int64_t unwritten_ STSFS_GUARDED_BY(mutex_) = 0;     // what the file did not take
};

}  // namespace stsfs::cache
