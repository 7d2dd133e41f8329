#include "ram_match.h"

#include <array>
#include <cstddef>

namespace stsfs::sim {
namespace {

char folded(char c, Case mode) {
  return mode == Case::kIgnored && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Where the character that starts at `at` ends.
std::size_t next_character(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

constexpr std::size_t kArnParts = 5;  // acs : service : region : owner : the rest

std::array<std::string_view, kArnParts> parts_of(std::string_view arn) {
  std::array<std::string_view, kArnParts> out;
  for (std::size_t i = 0; i + 1 < kArnParts; ++i) {
    const std::size_t colon = arn.find(':');
    out[i] = arn.substr(0, colon);
    if (colon == std::string_view::npos) return out;
    arn.remove_prefix(colon + 1);
  }
  out[kArnParts - 1] = arn;
  return out;
}

}  // namespace

bool matches_wildcard(std::string_view pattern, std::string_view text, Case mode) {
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = kNone;   // the last `*` seen …
  std::size_t star_text = 0;  // … and where its run ends at present
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && pattern[p] == '?') {
      ++p;
      t = next_character(text, t);
    } else if (p < pattern.size() && folded(pattern[p], mode) == folded(text[t], mode)) {
      ++p;
      ++t;
    } else if (star != kNone) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool matches_resource(std::string_view pattern, std::string_view resource) {
  if (pattern == "*") return true;
  const auto wanted = parts_of(pattern);
  const auto given = parts_of(resource);
  for (std::size_t i = 0; i < kArnParts; ++i)
    if (!matches_wildcard(wanted[i], given[i])) return false;
  return true;
}

}  // namespace stsfs::sim
