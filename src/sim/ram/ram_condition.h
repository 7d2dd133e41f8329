#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/clock.h"

namespace stsfs::sim {

enum class ConditionType { kString, kStringIgnoringCase, kStringLike, kNumeric, kDate, kBool, kIp };
enum class Comparison { kEquals, kNotEquals, kLess, kLessEquals, kGreater, kGreaterEquals };

struct ConditionOperator {
  ConditionType type = ConditionType::kString;
  Comparison comparison = Comparison::kEquals;
};

/// One line of a Condition block. It holds when any of `values` compares true; with kNotEquals,
/// when none of them is equal.
struct Condition {
  ConditionOperator op;
  std::string key;  ///< `oss:Prefix`
  std::vector<std::string> values;
};

/// The request's value of a condition key; nullopt when it has none.
using ConditionLookup = std::function<std::optional<std::string>(std::string_view key)>;

/// `StringLike`, `NumericLessThanEquals`, `NotIpAddress`, …
std::optional<ConditionOperator> parse_condition_operator(std::string_view name);
/// False for what can never compare: a date that is none, `maybe` for a Bool.
bool is_value_for(ConditionType type, std::string_view value);

/// Where the request has no value for the key, positive operators are false and negative ones true.
bool holds(const Condition& condition, const ConditionLookup& value_of);

/// `oss:prefix` is `oss:Prefix`; behind a `/` (the name of a tag) case counts.
bool same_condition_key(std::string_view a, std::string_view b);

/// An address against an address, a CIDR range or `*`. IPv4 in IPv6 counts as IPv4.
bool matches_ip(std::string_view pattern, std::string_view address);

/// `2026-01-02T03:04:05Z`, with fractions, or with `+08:00` in place of `Z`.
std::optional<WallTime> parse_policy_date(std::string_view text);

}  // namespace stsfs::sim
