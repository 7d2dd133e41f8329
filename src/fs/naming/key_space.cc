#include "key_space.h"

#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

Result<void> KeySpace::check_name(std::string_view name) {
  if (name == kLinkAreaName)
    return fail(Errc::kInvalid, "a name that is kept for hard links: " + printable(name));
  return KeyNames::check(name);
}

Result<void> KeySpace::check_new_name(std::string_view name) {
  if (auto good = check_name(name); !good) return good;
  if (KeyNames::is_escape(name))
    return fail(Errc::kInvalid,
                "a name that only keys have that could not be shown otherwise: " + printable(name));
  return {};
}

Result<std::string> KeySpace::key_of(std::string_view path, std::string_view end) const {
  std::string key = prefix_;
  if (KeyNames::are_components(path)) {
    key += path;
  } else {
    std::string_view separator;
    for (const std::string_view name : split(path, '/')) {
      auto component = names_.component_of(name);
      if (!component) return component;
      key.append(separator).append(*component);
      separator = "/";
    }
  }
  if (end.empty() && key.ends_with('/'))
    return fail(Errc::kInvalid, printable(path) + " can only be a directory");
  key += end;
  if (key.size() > oss::kKeySizeMax)
    return fail(Errc::kNameTooLong, "the object key would have " + std::to_string(key.size()) +
                                        " bytes, OSS takes 1,023");
  return key;
}

Result<std::string> KeySpace::file_key(std::string_view path) const {
  if (path.empty()) return fail(Errc::kIsDirectory, "the root is a directory");
  return key_of(path, "");
}

Result<std::string> KeySpace::directory_key(std::string_view path) const {
  if (path.empty()) return prefix_;
  return key_of(path, "/");
}

std::optional<std::string> KeySpace::path_of(std::string_view key) const {
  if (!key.starts_with(prefix_)) return std::nullopt;
  key.remove_prefix(prefix_.size());
  if (key.empty()) return std::nullopt;
  const bool is_directory = key.ends_with('/');
  if (is_directory) key.remove_suffix(1);
  std::string path;
  std::string_view separator;
  const auto components = split(key, '/');
  for (std::size_t i = 0; i < components.size(); ++i) {
    const auto name = name_of(components[i], is_directory || i + 1 < components.size());
    if (!name) return std::nullopt;
    path.append(separator).append(*name);
    separator = "/";
  }
  return path;
}

std::optional<std::string> KeySpace::name_of(std::string_view component, bool is_directory) const {
  if (component == kLinkAreaName) return std::nullopt;
  auto name = names_.name_of(component, is_directory);
  if (!name) warn_of(component);
  return name;
}

std::optional<std::string> KeySpace::name_beside(std::string_view name) const {
  const auto component = names_.component_of(name);
  auto beside = component ? names_.name_beside(*component) : std::nullopt;
  if (component && !beside) warn_of(*component);
  return beside;
}

void KeySpace::warn_of(std::string_view component) const {
  if (has_warned_.exchange(true)) return;
  log_warning("fs",
              "{} is not shown, since no name is left for it: what is in its directory may look "
              "like nothing, and cannot be removed here; stsfs status counts those, stsfs doctor "
              "names some",
              printable(component));
}

std::string join_path(std::string_view a, std::string_view b) {
  if (a.empty()) return std::string(b);
  return std::string(a) + "/" + std::string(b);
}

}  // namespace stsfs::fs
