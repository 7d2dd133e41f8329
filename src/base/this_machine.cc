#include "stsfs/base/this_machine.h"

#include <algorithm>

#include "stsfs/base/text.h"

namespace stsfs {
namespace {

/// 127.0.0.0/8 in full, as numbers: "127.0.0.1.evil.example" is none of ours.
bool is_loopback_v4(std::string_view host) {
  const auto parts = split(host, '.');
  if (parts.size() != 4 || parts[0] != "127") return false;
  return std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
    const auto number = parse_u64(part);
    return number && *number <= 255 && part.size() <= 3;
  });
}

}  // namespace

bool is_this_machine(std::string_view host) {
  return host == "localhost" || host == "[::1]" || is_loopback_v4(host);
}

bool is_readable_on_the_way(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  const std::string lower = to_lower(url);
  if (!lower.starts_with(kScheme)) return false;
  std::string_view host = std::string_view(lower).substr(kScheme.size());
  host = host.substr(0, host.find_first_of("/?#"));
  const auto colon = host.rfind(':');
  const auto bracket = host.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket))
    host = host.substr(0, colon);
  return !is_this_machine(host);
}

}  // namespace stsfs
