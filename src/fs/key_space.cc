#include "key_space.h"

#include "link_area.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {
namespace {

Result<std::string> checked(std::string key) {
  if (key.size() > oss::kKeySizeMax)
    return fail(Errc::kNameTooLong, "the object key would have " + std::to_string(key.size()) +
                                        " bytes, OSS takes 1,023");
  return key;
}

}  // namespace

Result<void> KeySpace::check_name(std::string_view name) {
  if (name.size() > kNameMax)
    return fail(Errc::kNameTooLong, "a name of " + std::to_string(name.size()) + " bytes");
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos || name == LinkArea::kDirectoryName)
    return fail(Errc::kInvalid, "not a name: " + printable(name));
  return {};
}

Result<std::string> KeySpace::file_key(std::string_view path) const {
  if (path.empty()) return fail(Errc::kIsDirectory, "the root is a directory");
  return checked(prefix_ + std::string(path));
}

Result<std::string> KeySpace::directory_key(std::string_view path) const {
  if (path.empty()) return prefix_;
  return checked(prefix_ + std::string(path) + "/");
}

std::optional<std::string> KeySpace::path_of(std::string_view key) const {
  if (!key.starts_with(prefix_)) return std::nullopt;
  key.remove_prefix(prefix_.size());
  if (key.ends_with('/')) key.remove_suffix(1);
  for (const std::string_view name : split(key, '/'))
    if (!check_name(name)) return std::nullopt;
  return std::string(key);
}

std::string join_path(std::string_view a, std::string_view b) {
  if (a.empty()) return std::string(b);
  return std::string(a) + "/" + std::string(b);
}

}  // namespace stsfs::fs
