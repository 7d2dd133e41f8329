#pragma once

#include <compare>
#include <cstdint>

namespace stsfs {

/// `[offset, offset + length)`, in bytes.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  std::uint64_t end() const { return offset + length; }
  bool empty() const { return length == 0; }
  bool overlaps(ByteRange other) const { return offset < other.end() && other.offset < end(); }
  auto operator<=>(const ByteRange&) const = default;
};

}  // namespace stsfs
