#include "moved_keys.h"

#include <algorithm>
#include <iterator>

namespace stsfs::fs {
namespace {

/// There are as many as there are gaps: objects that cannot be moved yet. What lies in a range that
/// is not kept is looked for under both keys.
constexpr std::size_t kRangesMax = 1'000;

}  // namespace

void MovedKeys::copied(std::string_view key, std::string_view etag) {
  known_.insert_or_assign(std::string(key), etag);
  ++count_;
}

void MovedKeys::gone(std::string_view key) {
  ++count_;
  const auto known = known_.find(key);
  if (known == known_.end()) {
    if (!is_passed(key)) known_.emplace(key, "");
  } else if (is_passed(key)) {
    known_.erase(known);
  }
}

void MovedKeys::passed(const std::string& after, const std::string& last, bool is_all) {
  known_.erase(known_.upper_bound(after), known_.upper_bound(last));
  if (!is_all) return;
  std::string from = after;
  std::string to = last;
  auto range = ranges_.upper_bound(from);
  if (range != ranges_.begin() && std::prev(range)->second >= from) {
    --range;
    from = range->first;
  }
  while (range != ranges_.end() && range->first <= to) {
    to = std::max(to, range->second);
    range = ranges_.erase(range);
  }
  if (ranges_.size() < kRangesMax) ranges_.emplace(std::move(from), std::move(to));
}

bool MovedKeys::is_passed(std::string_view key) const {
  const auto range = ranges_.lower_bound(key);
  return range != ranges_.begin() && key <= std::prev(range)->second;
}

bool MovedKeys::has(std::string_view key) const {
  return known_.find(key) != known_.end() || is_passed(key);
}

const std::string* MovedKeys::etag_of(std::string_view key) const {
  const auto known = known_.find(key);
  return known == known_.end() ? nullptr : &known->second;
}

}  // namespace stsfs::fs
