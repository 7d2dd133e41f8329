// Space and holes of a file: fallocate(2), and lseek(2) with SEEK_DATA and SEEK_HOLE.

#include <algorithm>

#include "file_content.h"

namespace stsfs::fs {

Result<void> FileContent::allocate(ByteRange range, Allocation kind) {
  MutexLock lock(mutex_);
  if (auto may = may_change(); !may) return may;
  if (kind != Allocation::kPunch)
    if (auto may = may_reach(range.end()); !may) return may;
  const std::uint64_t size = map_.size();
  switch (kind) {
    case Allocation::kReserve:
    case Allocation::kExtend:
      if (auto ready = stage(); !ready) return ready;
      if (auto reserved = staged_->allocate(range); !reserved) return reserved;
      if (kind == Allocation::kReserve || range.end() <= size) return {};
      map_.truncate(range.end());
      break;
    case Allocation::kPunch:
      if (range.offset >= size) return {};
      range.length = std::min(range.length, size - range.offset);
      map_.zero(range);
      if (staged_ && !staged_in_use())
        if (auto punched = staged_->punch(range); !punched) return punched;
      break;
    case Allocation::kZero:
      map_.zero(range);
      break;
  }
  if (stream_) stream_->outdated(range);
  changed();
  return {};
}

Result<std::optional<std::uint64_t>> FileContent::seek(std::uint64_t offset, SeekTo what) const {
  MutexLock lock(mutex_);
  if (offset >= map_.size()) return std::nullopt;
  if (what == SeekTo::kHole) return map_.next_hole(offset);
  const std::uint64_t data = map_.next_data(offset);
  if (data == map_.size()) return std::nullopt;
  return data;
}

}  // namespace stsfs::fs
