#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stsfs/base/result.h"

/// Values of options as people write them. Each setter leaves its target alone when it fails, and
/// says what would be right.
namespace stsfs::daemon {

/// yes, no, true, false, on, off, 1, 0; empty: yes.
Result<void> set_bool(bool& target, const std::string& value);
Result<void> set_text(std::string& target, const std::string& value);
/// The URL of a proxy as libcurl takes it; empty stays empty.
Result<void> set_proxy(std::string& target, const std::string& value);
/// Made absolute against the present directory; empty stays empty.
Result<void> set_path(std::string& target, const std::string& value);
/// What `split_command` takes, kept as it was written.
Result<void> set_command(std::string& target, const std::string& value);
Result<void> set_int(int& target, const std::string& value, int min, int max);
/// A number, or a name that this machine knows.
Result<void> set_user(std::optional<unsigned>& target, const std::string& value);
Result<void> set_group(std::optional<unsigned>& target, const std::string& value);
/// Octal, at most 0777.
Result<void> set_mode(std::optional<unsigned>& target, const std::string& value);
/// `64M`, `1.5G`; between the bounds.
Result<void> set_storage_class(std::string& target, const std::string& value);
Result<void> set_acl(std::string& target, const std::string& value);
Result<void> set_size(std::uint64_t& target, const std::string& value, std::uint64_t min,
                      std::uint64_t max);
/// `30`, `30s`, `500ms`, `5m`, `2h`; between the bounds.
Result<void> set_duration(std::chrono::milliseconds& target, const std::string& value,
                          std::chrono::milliseconds min, std::chrono::milliseconds max);

template <class T>
Result<void> set_choice(T& target, const std::string& value,
                        const std::vector<std::pair<const char*, T>>& choices) {
  std::string names;
  for (const auto& [name, choice] : choices) {
    if (value == name) {
      target = choice;
      return {};
    }
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return fail(Errc::kInvalid, "must be one of " + names);
}

}  // namespace stsfs::daemon
