#include "option_values.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "stsfs/base/command.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/checks.h"

namespace stsfs::daemon {
namespace {

/// What the name service knows of `name`; its pointers are dead.
template <class Entry, class Find>
std::optional<Entry> entry_of(Find find, const std::string& name) {
  std::array<char, 16'384> buffer;
  Entry entry{};
  Entry* found = nullptr;
  if (find(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return entry;
}

Result<void> set_id(std::optional<unsigned>& target, const std::string& value,
                    std::optional<unsigned> named, const char* what) {
  constexpr std::uint64_t kNobodyAtAll = 0xffff'ffff;  // (uid_t)-1: "do not change"
  const auto number = parse_u64(value);
  if (number && *number < kNobodyAtAll)
    target = static_cast<unsigned>(*number);
  else if (!number && named)
    target = named;
  else
    return fail(Errc::kInvalid,
                std::string("must be a ") + what + " of this machine, by number or name");
  return {};
}

/// "host", "host:port", "[::1]:port".
bool is_host_and_port(std::string_view text) {
  const auto port = text.find(':', text.starts_with('[') ? text.find(']') : 0);
  const std::string_view host = text.substr(0, port);
  if (host.empty() || host.find_first_of(" \t\"\\^`{|}<>") != std::string_view::npos) return false;
  if (host.starts_with('[') != host.ends_with(']')) return false;
  constexpr std::uint64_t kPortMax = 65'535;
  return port == std::string_view::npos ||
         parse_u64(text.substr(port + 1)).value_or(kPortMax + 1) <= kPortMax;
}

/// What libcurl 7.88 takes for CURLOPT_PROXY, but for its socket paths.
bool is_proxy_url(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) {
    constexpr std::array<std::string_view, 6> kSchemes{"http",    "https",  "socks4",
                                                       "socks4a", "socks5", "socks5h"};
    if (std::find(kSchemes.begin(), kSchemes.end(), to_lower(url.substr(0, scheme))) ==
        kSchemes.end())
      return false;
    url.remove_prefix(scheme + 3);
  }
  if (url.ends_with('/')) url.remove_suffix(1);
  if (url.find_first_of("/?#") != std::string_view::npos) return false;
  const auto user = url.find('@');
  if (user == std::string_view::npos) return is_host_and_port(url);
  return url.substr(0, user).find_first_of(" \t") == std::string_view::npos &&
         url.find('@', user + 1) == std::string_view::npos &&
         is_host_and_port(url.substr(user + 1));
}

}  // namespace

Result<void> set_bool(bool& target, const std::string& value) {
  for (const char* yes : {"", "yes", "true", "on", "1"})
    if (value == yes) {
      target = true;
      return {};
    }
  for (const char* no : {"no", "false", "off", "0"})
    if (value == no) {
      target = false;
      return {};
    }
  return fail(Errc::kInvalid, "must be yes or no");
}

Result<void> set_text(std::string& target, const std::string& value) {
  if (value.find_first_of(std::string("\0\n\r", 3)) != std::string::npos)
    return fail(Errc::kInvalid, "must be one line");
  target = value;
  return {};
}

Result<void> set_proxy(std::string& target, const std::string& value) {
  std::string url;
  if (auto one_line = set_text(url, value); !one_line) return one_line;
  if (!url.empty() && !is_proxy_url(url))
    return fail(Errc::kInvalid,
                "must read http://[USER:PASSWORD@]HOST[:PORT], with / ? # @ : % and blanks of the "
                "user and password percent-encoded (@ is %40)");
  target = std::move(url);
  return {};
}

Result<void> set_path(std::string& target, const std::string& value) {
  std::string path;
  if (auto one_line = set_text(path, value); !one_line) return one_line;
  if (!path.empty()) {
    std::error_code error;
    path = std::filesystem::absolute(path, error).lexically_normal();
    if (error) return fail(Errc::kInvalid, "must be a path: " + error.message());
  }
  target = std::move(path);
  return {};
}

Result<void> set_command(std::string& target, const std::string& value) {
  if (auto words = split_command(value); !words) return fail(std::move(words.error()));
  target = value;
  return {};
}

Result<void> set_int(int& target, const std::string& value, int min, int max) {
  const auto number = parse_u64(value);
  if (!number || *number < static_cast<std::uint64_t>(min) ||
      *number > static_cast<std::uint64_t>(max))
    return fail(Errc::kInvalid,
                "must be a number between " + std::to_string(min) + " and " + std::to_string(max));
  target = static_cast<int>(*number);
  return {};
}

Result<void> set_user(std::optional<unsigned>& target, const std::string& value) {
  const auto entry = entry_of<passwd>(getpwnam_r, value);
  return set_id(target, value, entry ? std::optional(entry->pw_uid) : std::nullopt, "user");
}

Result<void> set_group(std::optional<unsigned>& target, const std::string& value) {
  const auto entry = entry_of<group>(getgrnam_r, value);
  return set_id(target, value, entry ? std::optional(entry->gr_gid) : std::nullopt, "group");
}

Result<void> set_mode(std::optional<unsigned>& target, const std::string& value) {
  const auto number = parse_u64(value, 8);
  if (!number || *number > 0777)
    return fail(Errc::kInvalid, "must be permissions in octal, at most 0777");
  target = static_cast<unsigned>(*number);
  return {};
}

Result<void> set_size(std::uint64_t& target, const std::string& value, std::uint64_t min,
                      std::uint64_t max) {
  const auto size = parse_size(value);
  if (!size || *size < min || *size > max)
    return fail(Errc::kInvalid, "must be a size between " + human_bytes(min) + " and " +
                                    human_bytes(max) + ", such as 64M or 2G");
  target = *size;
  return {};
}

Result<void> set_duration(std::chrono::milliseconds& target, const std::string& value,
                          std::chrono::milliseconds min, std::chrono::milliseconds max) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kUnits{
      {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"", 1'000}}};
  constexpr std::uint64_t kNumberMax = 1'000'000'000;  // keeps the product far from overflow
  for (const auto& [unit, factor] : kUnits) {
    if (!value.ends_with(unit)) continue;
    const auto number = parse_u64(std::string_view(value).substr(0, value.size() - unit.size()));
    if (!number || *number > kNumberMax) continue;
    const std::chrono::milliseconds time(static_cast<std::int64_t>(*number) * factor);
    if (time < min || time > max) break;
    target = time;
    return {};
  }
  return fail(Errc::kInvalid, "must be a time between " + std::to_string(min.count()) + "ms and " +
                                  std::to_string(max.count() / 1'000) + "s, such as 30s or 5m");
}

Result<void> set_storage_class(std::string& target, const std::string& value) {
  if (auto good = oss::check_storage_class(value); !good) return good;
  target = value;
  return {};
}

Result<void> set_acl(std::string& target, const std::string& value) {
  if (auto good = oss::check_acl(value); !good) return good;
  target = value;
  return {};
}

}  // namespace stsfs::daemon
