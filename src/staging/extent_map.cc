#include "stsfs/staging/extent_map.h"

#include <algorithm>

namespace stsfs::staging {

ExtentMap::ExtentMap(std::uint64_t base_size) : size_(base_size) {
  if (base_size > 0) starts_[0] = Origin::kBase;
}

ExtentMap::ExtentMap(const std::vector<Extent>& extents) {
  for (const Extent& extent : extents) set(extent.range, extent.origin);
}

void ExtentMap::split_at(std::uint64_t offset) {
  if (offset >= size_) return;
  const auto after = starts_.upper_bound(offset);
  starts_.emplace(offset, std::prev(after)->second);
}

void ExtentMap::merge_around(std::uint64_t from, std::uint64_t to) {
  auto at = starts_.lower_bound(from);
  if (at != starts_.begin()) --at;
  while (at != starts_.end() && at->first <= to) {
    const auto next = std::next(at);
    if (next != starts_.end() && next->second == at->second)
      starts_.erase(next);
    else
      at = next;
  }
}

void ExtentMap::set(ByteRange range, Origin origin) {
  if (range.empty()) return;
  split_at(range.offset);
  split_at(range.end());
  starts_.erase(starts_.lower_bound(range.offset), starts_.lower_bound(range.end()));
  starts_[range.offset] = origin;
  size_ = std::max(size_, range.end());
  merge_around(range.offset, range.end());
}

void ExtentMap::write(ByteRange range) {
  if (range.empty()) return;
  if (range.offset > size_) set({size_, range.offset - size_}, Origin::kZero);
  set(range, Origin::kStaged);
}

void ExtentMap::truncate(std::uint64_t size) {
  if (size > size_) {
    set({size_, size - size_}, Origin::kZero);
    return;
  }
  starts_.erase(starts_.lower_bound(size), starts_.end());
  size_ = size;
}

void ExtentMap::fetched(ByteRange range) {
  for (const Extent& extent : within(range))
    if (extent.origin == Origin::kBase) set(extent.range, Origin::kStaged);
}

std::vector<Extent> ExtentMap::within(ByteRange range) const {
  std::vector<Extent> out;
  const std::uint64_t end = std::min(range.end(), size_);
  if (range.offset >= end) return out;
  for (auto at = std::prev(starts_.upper_bound(range.offset));
       at != starts_.end() && at->first < end; ++at) {
    const auto next = std::next(at);
    const std::uint64_t from = std::max(at->first, range.offset);
    const std::uint64_t to = std::min(next == starts_.end() ? size_ : next->first, end);
    out.push_back({{from, to - from}, at->second});
  }
  return out;
}

std::uint64_t ExtentMap::staged_bytes() const {
  std::uint64_t sum = 0;
  for (const Extent& extent : all())
    if (extent.origin == Origin::kStaged) sum += extent.range.length;
  return sum;
}

bool ExtentMap::needs_base() const {
  return std::any_of(starts_.begin(), starts_.end(),
                     [](const auto& run) { return run.second == Origin::kBase; });
}

}  // namespace stsfs::staging
