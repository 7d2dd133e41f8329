#include "config_file.h"

#include <toml++/toml.h>

#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"

namespace stsfs::daemon {
namespace {

constexpr std::size_t kFileMax = 64 * 1024;

std::string place_of(const std::string& path, const toml::source_region& source) {
  return path + ":" + std::to_string(source.begin.line);
}

/// The value as it would be written after `-o`.
Result<std::string> text_of(const toml::node& node, const OptionRow& row) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* flag = node.as_boolean()) return std::string(flag->get() ? "yes" : "no");
  if (const auto* number = node.as_integer()) {
    if (std::string_view(row.value) == "MODE")
      return fail(Errc::kInvalid, "must be in quotes: \"0644\"");
    return std::to_string(number->get());
  }
  return fail(Errc::kInvalid, "must be a text, a number, true or false");
}

}  // namespace

Result<Settings> parse_config(const std::string& text, const std::string& path) try {
  Settings out;
  const toml::table document = toml::parse(text, path);
  for (const auto& [key, node] : document) {
    const std::string name(key.str());
    const std::string origin = place_of(path, node.source());
    const OptionRow* row = find_option(name);
    if (row == nullptr) {
      // resolve() has the message and the suggestion.
      auto refused = resolve({{name, {}, origin}});
      return fail(Errc::kInvalid, refused ? origin + ": " + printable(name, 64) +
                                                " belongs into fstab or -o, not here"
                                          : refused.error().message);
    }
    if (name == "allow_core")
      return fail(Errc::kInvalid, origin +
                                      ": allow_core is too late here, keys and tokens are hidden "
                                      "before files are read: use -o allow_core, --allow-core or "
                                      "STSFS_ALLOW_CORE=yes");
    auto value = text_of(node, *row);
    if (!value) return fail(Errc::kInvalid, origin + ": " + name + " " + value.error().message);
    out.push_back({name, std::move(*value), origin});
  }
  return out;
} catch (const toml::parse_error& error) {
  return fail(Errc::kInvalid,
              place_of(path, error.source()) + ": " + std::string(error.description()));
}

Result<Settings> read_config_file(const std::string& path) {
  auto text = read_file(path, kFileMax);
  if (!text && text.error().code == Errc::kNotFound) return Settings{};
  if (!text) return fail(std::move(text.error()));
  return parse_config(*text, path);
}

}  // namespace stsfs::daemon
