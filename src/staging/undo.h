#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"

namespace stsfs::staging {

class StagedFile;
class StagingArea;

/// What a staged file held at some moments, while it is written on: whoever writes over bytes of
/// such a moment has them copied into a file beside it first, once.
///
/// They go to the file of the latest moment. What a moment held is therefore what the staged file
/// has, less what was copied since: the earliest copy counts.
///
/// Threads: every call at once on any thread; but no write between the moment that a caller means
/// and its `freeze`.
class Undo {
 public:
  Undo(const StagedFile& file, StagingArea& area) : file_(file), area_(area) {}

  /// `held`: what was staged at `moment`, in order. Moments ascend.
  void freeze(std::uint64_t moment, std::vector<ByteRange> held) STSFS_EXCLUDES(mutex_);
  /// Nobody asks for it any more.
  void thaw(std::uint64_t moment) STSFS_EXCLUDES(mutex_);
  /// With the staged file. The files beside it stay for the next daemon if that does.
  void end(bool is_kept) STSFS_EXCLUDES(mutex_);
  /// Before `range` is written. kNoSpace: then it must not be.
  Result<void> preserve(ByteRange range) STSFS_EXCLUDES(mutex_);
  /// Makes what was just read from the staged file at `offset` what it was at `moment`; 0: it is.
  Result<void> restore(const std::atomic<std::uint64_t>& moment, std::span<std::byte> buffer,
                       std::uint64_t offset) const STSFS_EXCLUDES(mutex_);

 private:
  struct Copy {
    std::uint64_t length = 0;
    std::uint64_t at = 0;  // in the file beside
  };
  struct Moment {
    std::uint64_t number = 0;
    bool wanted = true;
    std::vector<ByteRange> held;
    std::map<std::uint64_t, Copy> copied;  // by offset, since this moment and before the next
    std::shared_ptr<StagedFile> beside;
    std::uint64_t end = 0;  // of the file beside
  };

  std::vector<ByteRange> missing(std::size_t moment, ByteRange range) const STSFS_REQUIRES(mutex_);
  Result<void> copy(ByteRange range) STSFS_REQUIRES(mutex_);

  const StagedFile& file_;
  StagingArea& area_;

  mutable Mutex mutex_;  // a leaf, but for those of the area; held while bytes are copied
  std::vector<Moment> moments_ STSFS_GUARDED_BY(mutex_);  // ascending
};

}  // namespace stsfs::staging
