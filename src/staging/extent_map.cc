#include "stsfs/staging/extent_map.h"

#include <algorithm>
#include <utility>

namespace stsfs::staging {
namespace {

bool same(const CopySourcePointer& a, const CopySourcePointer& b) {
  return a == b || (a && b && *a == *b);
}

}  // namespace

bool Extent::operator==(const Extent& other) const {
  return range == other.range && origin == other.origin && same(source, other.source) &&
         source_offset == other.source_offset && in_base == other.in_base;
}

ExtentMap::ExtentMap(std::uint64_t base_size) : size_(base_size) {
  if (base_size > 0) starts_[0] = {Origin::kBase};
}

ExtentMap::ExtentMap(const std::vector<Extent>& extents) {
  for (const Extent& extent : extents)
    set(extent.range, {extent.origin, extent.source, extent.source_offset, extent.in_base});
}

ExtentMap::Run ExtentMap::advanced(const Run& run, std::uint64_t by) {
  Run out = run;
  if (out.origin == Origin::kCopied) out.source_offset += by;
  return out;
}

Extent ExtentMap::extent_of(const Run& run, ByteRange range) {
  return {range, run.origin, run.source, run.source_offset, run.in_base};
}

bool ExtentMap::continues(const Extent& extent, const Extent& next) {
  if (extent.origin != next.origin || extent.in_base != next.in_base) return false;
  return extent.origin != Origin::kCopied ||
         (same(extent.source, next.source) && extent.source_range().end() == next.source_offset);
}

bool ExtentMap::continues(const Run& run, std::uint64_t length, const Run& next) {
  return run.round == next.round && continues(extent_of(run, {0, length}), extent_of(next, {}));
}

void ExtentMap::split_at(std::uint64_t offset) {
  if (offset >= size_) return;
  const auto before = std::prev(starts_.upper_bound(offset));
  if (before->first == offset) return;
  starts_.emplace(offset, advanced(before->second, offset - before->first));
}

void ExtentMap::merge_around(std::uint64_t from, std::uint64_t to) {
  auto at = starts_.lower_bound(from);
  if (at != starts_.begin()) --at;
  while (at != starts_.end() && at->first <= to) {
    const auto next = std::next(at);
    if (next != starts_.end() && continues(at->second, next->first - at->first, next->second))
      starts_.erase(next);
    else
      at = next;
  }
}

void ExtentMap::set(ByteRange range, const Run& run) {
  if (range.empty()) return;
  split_at(range.offset);
  split_at(range.end());
  starts_.erase(starts_.lower_bound(range.offset), starts_.lower_bound(range.end()));
  starts_[range.offset] = run;
  size_ = std::max(size_, range.end());
  merge_around(range.offset, range.end());
}

void ExtentMap::extend_to(std::uint64_t offset) {
  if (offset > size_) set({size_, offset - size_}, {.origin = Origin::kZero, .round = round_});
}

void ExtentMap::write(ByteRange range) {
  if (range.empty()) return;
  extend_to(range.offset);
  set(range, {.origin = Origin::kStaged, .round = round_});
}

void ExtentMap::zero(ByteRange range) {
  if (range.empty()) return;
  extend_to(range.offset);
  set(range, {.origin = Origin::kZero, .round = round_});
}

void ExtentMap::copy(ByteRange range, CopySourcePointer source, std::uint64_t source_offset) {
  if (range.empty()) return;
  extend_to(range.offset);
  set(range, {Origin::kCopied, std::move(source), source_offset, false, round_});
}

void ExtentMap::truncate(std::uint64_t size) {
  if (size > size_) {
    extend_to(size);
    return;
  }
  starts_.erase(starts_.lower_bound(size), starts_.end());
  size_ = size;
}

void ExtentMap::fetched(ByteRange range) {
  for (const Extent& extent : within(range))
    if (extent.is_remote()) set(extent.range, {.origin = Origin::kStaged, .round = round_});
}

std::vector<Extent> ExtentMap::freeze() {
  ++round_;
  return all();
}

void ExtentMap::committed() {
  for (auto& [offset, run] : starts_) {
    if (run.origin == Origin::kBase || run.round >= round_) continue;
    if (run.origin == Origin::kCopied)
      run = {Origin::kBase};
    else
      run.in_base = true;
  }
  merge_all();
}

bool ExtentMap::move_source(const CopySource& from, const CopySourcePointer& to) {
  bool moved = false;
  for (auto& [offset, run] : starts_) {
    if (!run.source || *run.source != from) continue;
    run.source = to;
    moved = true;
  }
  if (moved) merge_all();
  return moved;
}

void ExtentMap::base_gone() {
  for (auto& [offset, run] : starts_) run.in_base = false;
  merge_all();
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
    Extent extent = extent_of(advanced(at->second, from - at->first), {from, to - from});
    if (!out.empty() && continues(out.back(), extent))
      out.back().range.length += extent.range.length;
    else
      out.push_back(std::move(extent));
  }
  return out;
}

std::uint64_t ExtentMap::next(std::uint64_t offset, bool hole) const {
  if (offset >= size_) return size_;
  for (auto at = std::prev(starts_.upper_bound(offset)); at != starts_.end(); ++at)
    if ((at->second.origin == Origin::kZero) == hole) return std::max(at->first, offset);
  return size_;
}

std::uint64_t ExtentMap::staged_bytes() const {
  std::uint64_t sum = 0;
  for (const Extent& extent : all())
    if (extent.origin == Origin::kStaged && !extent.in_base) sum += extent.range.length;
  return sum;
}

std::uint64_t ExtentMap::unsent_bytes() const {
  std::uint64_t sum = 0;
  for (const Extent& extent : all())
    if (!extent.is_in_store()) sum += extent.range.length;
  return sum;
}

bool ExtentMap::has(Origin origin) const {
  return std::any_of(starts_.begin(), starts_.end(),
                     [&](const auto& run) { return run.second.origin == origin; });
}

}  // namespace stsfs::staging
