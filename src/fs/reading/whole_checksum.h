#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/crc64.h"

namespace stsfs::fs {

/// The CRC-64 of an object from those of its ranges, in whatever order they come. Pure.
class WholeChecksum {
 public:
  explicit WholeChecksum(std::uint64_t size) : size_(size) {}

  /// What overlaps a range that was added before is left out: then the whole is never known.
  void add(ByteRange range, std::uint64_t crc) {
    if (range.empty()) return;
    auto after = ranges_.lower_bound(range.offset);
    if (after != ranges_.end() && after->first < range.end()) return;
    if (after != ranges_.begin() && std::prev(after)->second.end > range.offset) return;
    auto at = ranges_.emplace_hint(after, range.offset, Piece{range.end(), crc});
    if (after != ranges_.end() && after->first == range.end()) join(at, after);
    if (at != ranges_.begin() && std::prev(at)->second.end == at->first) join(std::prev(at), at);
  }

  /// Of the whole object, once every byte was added.
  std::optional<std::uint64_t> whole() const {
    if (ranges_.size() != 1 || ranges_.begin()->first != 0) return std::nullopt;
    if (ranges_.begin()->second.end != size_) return std::nullopt;
    return ranges_.begin()->second.crc;
  }

 private:
  struct Piece {
    std::uint64_t end;
    std::uint64_t crc;
  };
  using Ranges = std::map<std::uint64_t, Piece>;

  void join(Ranges::iterator first, Ranges::iterator second) {
    first->second.crc =
        crc64_combine(first->second.crc, second->second.crc, second->second.end - second->first);
    first->second.end = second->second.end;
    ranges_.erase(second);
  }

  std::uint64_t size_;
  Ranges ranges_;  // by their start; neither overlap nor touch
};

}  // namespace stsfs::fs
