#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "stsfs/base/byte_range.h"

namespace stsfs::fs {

/// A set of byte positions, as the ranges that make it up. Pure.
class ByteSet {
 public:
  void add(ByteRange range) {
    if (range.empty()) return;
    std::uint64_t from = range.offset, to = range.end();
    auto at = ranges_.upper_bound(from);
    if (at != ranges_.begin() && std::prev(at)->second >= from) --at;
    while (at != ranges_.end() && at->first <= to) {
      from = std::min(from, at->first);
      to = std::max(to, at->second);
      at = ranges_.erase(at);
    }
    ranges_.emplace_hint(at, from, to);
  }

  void remove(ByteRange range) {
    if (range.empty()) return;
    auto at = ranges_.upper_bound(range.offset);
    if (at != ranges_.begin() && std::prev(at)->second > range.offset) --at;
    while (at != ranges_.end() && at->first < range.end()) {
      const auto [from, to] = *at;
      at = ranges_.erase(at);
      if (from < range.offset) ranges_.emplace(from, range.offset);
      if (to > range.end()) ranges_.emplace(range.end(), to);
    }
  }

  bool contains(ByteRange range) const {
    const auto after = ranges_.upper_bound(range.offset);
    return after != ranges_.begin() && std::prev(after)->second >= range.end();
  }

  /// What of `range` is not in it, in order.
  std::vector<ByteRange> missing(ByteRange range) const {
    std::vector<ByteRange> out;
    std::uint64_t from = range.offset;
    auto at = ranges_.upper_bound(from);
    if (at != ranges_.begin() && std::prev(at)->second > from) --at;
    for (; at != ranges_.end() && at->first < range.end(); ++at) {
      if (at->first > from) out.push_back({from, at->first - from});
      from = std::max(from, at->second);
    }
    if (from < range.end()) out.push_back({from, range.end() - from});
    return out;
  }

  void clear() { ranges_.clear(); }
  bool empty() const { return ranges_.empty(); }

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // start to end; neither overlap nor touch
};

}  // namespace stsfs::fs
