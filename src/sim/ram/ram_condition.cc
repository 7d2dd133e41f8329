#include "ram_condition.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>

#include "ram_match.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::sim {
namespace {

std::optional<double> parse_number(std::string_view text) {
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return out;
}

std::optional<bool> parse_bool(std::string_view text) {
  if (equals_ignoring_case(text, "true")) return true;
  if (equals_ignoring_case(text, "false")) return false;
  return std::nullopt;
}

bool satisfies(std::partial_ordering order, Comparison comparison) {
  switch (comparison) {
    case Comparison::kEquals:
    case Comparison::kNotEquals:  // "none is equal" is formed by the caller
      return std::is_eq(order);
    case Comparison::kLess:
      return std::is_lt(order);
    case Comparison::kLessEquals:
      return std::is_lteq(order);
    case Comparison::kGreater:
      return std::is_gt(order);
    case Comparison::kGreaterEquals:
      return std::is_gteq(order);
  }
  return false;
}

template <class T>
bool compares(const std::optional<T>& given, const std::optional<T>& wanted, Comparison how) {
  return given && wanted && satisfies(*given <=> *wanted, how);
}

bool compares(ConditionOperator op, std::string_view given, std::string_view wanted) {
  switch (op.type) {
    case ConditionType::kString:
      return given == wanted;
    case ConditionType::kStringIgnoringCase:
      return equals_ignoring_case(given, wanted);
    case ConditionType::kStringLike:
      return matches_wildcard(wanted, given);
    case ConditionType::kNumeric:
      return compares(parse_number(given), parse_number(wanted), op.comparison);
    case ConditionType::kDate:
      return compares(parse_policy_date(given), parse_policy_date(wanted), op.comparison);
    case ConditionType::kBool:
      return compares(parse_bool(given), parse_bool(wanted), op.comparison);
    case ConditionType::kIp:
      return matches_ip(wanted, given);
  }
  return false;
}

/// 16 bytes, IPv4 as ::ffff:a.b.c.d.
std::optional<std::array<unsigned char, 16>> parse_ip(std::string_view text) {
  const std::string copy(text);
  std::array<unsigned char, 16> out{};
  if (inet_pton(AF_INET6, copy.c_str(), out.data()) == 1) return out;
  out[10] = out[11] = 0xFF;
  if (inet_pton(AF_INET, copy.c_str(), out.data() + 12) == 1) return out;
  return std::nullopt;
}

constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
bool is_v4(const std::array<unsigned char, 16>& ip) {
  return std::equal(kMapped.begin(), kMapped.end(), ip.begin());
}

struct Range {
  std::array<unsigned char, 16> start;
  unsigned bits;  ///< Of 128.
};

std::optional<Range> parse_range(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto start = parse_ip(text.substr(0, slash));
  if (!start) return std::nullopt;
  if (slash == std::string_view::npos) return Range{*start, 128};
  const auto bits = parse_u64(text.substr(slash + 1));
  const bool v4 = text.find(':') == std::string_view::npos;
  if (!bits || *bits > (v4 ? 32 : 128)) return std::nullopt;
  return Range{*start, static_cast<unsigned>(*bits) + (v4 ? 96 : 0)};
}

}  // namespace

std::optional<ConditionOperator> parse_condition_operator(std::string_view name) {
  using C = Comparison;
  using T = ConditionType;
  struct Row {
    std::string_view name;
    ConditionOperator op;
  };
  static constexpr Row kRows[] = {
      {"StringEquals", {T::kString, C::kEquals}},
      {"StringNotEquals", {T::kString, C::kNotEquals}},
      {"StringEqualsIgnoreCase", {T::kStringIgnoringCase, C::kEquals}},
      {"StringNotEqualsIgnoreCase", {T::kStringIgnoringCase, C::kNotEquals}},
      {"StringLike", {T::kStringLike, C::kEquals}},
      {"StringNotLike", {T::kStringLike, C::kNotEquals}},
      {"NumericEquals", {T::kNumeric, C::kEquals}},
      {"NumericNotEquals", {T::kNumeric, C::kNotEquals}},
      {"NumericLessThan", {T::kNumeric, C::kLess}},
      {"NumericLessThanEquals", {T::kNumeric, C::kLessEquals}},
      {"NumericGreaterThan", {T::kNumeric, C::kGreater}},
      {"NumericGreaterThanEquals", {T::kNumeric, C::kGreaterEquals}},
      {"DateEquals", {T::kDate, C::kEquals}},
      {"DateNotEquals", {T::kDate, C::kNotEquals}},
      {"DateLessThan", {T::kDate, C::kLess}},
      {"DateLessThanEquals", {T::kDate, C::kLessEquals}},
      {"DateGreaterThan", {T::kDate, C::kGreater}},
      {"DateGreaterThanEquals", {T::kDate, C::kGreaterEquals}},
      {"Bool", {T::kBool, C::kEquals}},
      {"IpAddress", {T::kIp, C::kEquals}},
      {"NotIpAddress", {T::kIp, C::kNotEquals}},
  };
  for (const Row& row : kRows)
    if (row.name == name) return row.op;
  return std::nullopt;
}

bool is_value_for(ConditionType type, std::string_view value) {
  switch (type) {
    case ConditionType::kString:
    case ConditionType::kStringIgnoringCase:
    case ConditionType::kStringLike:
      return true;
    case ConditionType::kNumeric:
      return parse_number(value).has_value();
    case ConditionType::kDate:
      return parse_policy_date(value).has_value();
    case ConditionType::kBool:
      return parse_bool(value).has_value();
    case ConditionType::kIp:
      return value == "*" || parse_range(value).has_value();
  }
  return false;
}

bool holds(const Condition& condition, const ConditionLookup& value_of) {
  const bool negative = condition.op.comparison == Comparison::kNotEquals;
  const auto given = value_of(condition.key);
  if (!given) return negative;
  const bool any = std::any_of(
      condition.values.begin(), condition.values.end(),
      [&](const std::string& wanted) { return compares(condition.op, *given, wanted); });
  return any != negative;
}

bool same_condition_key(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const std::size_t slash = std::min(a.find('/'), a.size());
  return equals_ignoring_case(a.substr(0, slash), b.substr(0, slash)) &&
         a.substr(slash) == b.substr(slash);
}

bool matches_ip(std::string_view pattern, std::string_view address) {
  if (pattern == "*") return true;
  const auto range = parse_range(pattern);
  const auto ip = parse_ip(address);
  if (!range || !ip) return false;
  if (is_v4(*ip) != is_v4(range->start)) return false;  // ::/0 is not "every IPv4 address"
  const unsigned whole = range->bits / 8;
  if (!std::equal(ip->begin(), ip->begin() + whole, range->start.begin())) return false;
  const unsigned rest = range->bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<unsigned char>(0xFF << (8 - rest));
  return ((*ip)[whole] & mask) == (range->start[whole] & mask);
}

std::optional<WallTime> parse_policy_date(std::string_view text) {
  constexpr std::size_t kOffsetSize = 6;  // +08:00
  if (text.size() <= kOffsetSize || text.ends_with('Z')) return parse_iso8601(text);
  const std::string_view offset = text.substr(text.size() - kOffsetSize);
  const auto hours = parse_u64(offset.substr(1, 2));
  const auto minutes = parse_u64(offset.substr(4, 2));
  if ((offset[0] != '+' && offset[0] != '-') || offset[3] != ':' || !hours || !minutes ||
      *hours > 14 || *minutes > 59)
    return std::nullopt;
  const auto local = parse_iso8601(std::string(text.substr(0, text.size() - kOffsetSize)) + "Z");
  if (!local) return std::nullopt;
  const auto shift = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return offset[0] == '+' ? *local - shift : *local + shift;
}

}  // namespace stsfs::sim
