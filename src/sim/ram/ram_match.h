#pragma once

#include <string_view>

namespace stsfs::sim {

enum class Case { kExact, kIgnored };

/// `*` is any run of bytes (also none, also across `/`), `?` exactly one character (a UTF-8
/// sequence counts as one). Linear in the product of the lengths at worst, without recursion.
bool matches_wildcard(std::string_view pattern, std::string_view text, Case mode = Case::kExact);

/// `acs:oss:*:*:bucket/key` against `acs:oss:region:owner:bucket/key`, part by part: a `*` does not
/// reach over a `:` of the first four, so that a key with colons in it cannot pose as another
/// bucket. A lone `*` is everything.
bool matches_resource(std::string_view pattern, std::string_view resource);

}  // namespace stsfs::sim
