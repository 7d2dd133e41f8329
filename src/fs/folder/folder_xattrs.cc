// Extended attributes: those that people set, which lie in the object's metadata.

#include "folder.h"
#include "naming/extended_attributes.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

tl::unexpected<Error> none_of_that_name(std::string_view name) {
  return fail(Errc::kNoAttribute, "no extended attribute " + printable(name));
}

Result<void> check_name(std::string_view name) {
  if (!name.starts_with(kUserAttributes))
    return fail(Errc::kNotSupported, "only user. attributes are kept: " + printable(name));
  if (name.size() == kUserAttributes.size()) return fail(Errc::kInvalid, "an empty name");
  return {};
}

}  // namespace

Result<std::string> Folder::getxattr(const Context& context, InodeNumber number,
                                     std::string_view name) {
  // Programs ask for security.… and system.… of every file: no object has them.
  if (auto good = check_name(name); !good) return none_of_that_name(name);
  auto found = inode(number);
  if (!found) return fail(std::move(found.error()));
  if (auto confirmed = confirm(context, *found, options_.fresh); !confirmed)
    return fail(std::move(confirmed.error()));
  if (name.starts_with(kStoreAttributes))
    return store_attribute(context, *found, name.substr(kStoreAttributes.size()));
  MutexLock lock(tree_.mutex);
  auto value = extended_attribute((*found)->headers.user, name);
  if (!value) return none_of_that_name(name);
  return std::move(*value);
}

Result<std::string> Folder::listxattr(const Context& context, InodeNumber number) {
  auto found = inode(number);
  if (!found) return fail(std::move(found.error()));
  if (auto confirmed = confirm(context, *found, options_.fresh); !confirmed)
    return fail(std::move(confirmed.error()));
  std::string out;
  MutexLock lock(tree_.mutex);
  for (const std::string& name : extended_attribute_names((*found)->headers.user))
    if (check_name(name)) (out += name) += '\0';
  return out;
}

Result<void> Folder::setxattr(const Context& context, InodeNumber number, std::string_view name,
                              std::string_view value, int flags) {
  if (auto may = may_write(); !may) return may;
  if (auto good = check_name(name); !good) return good;
  auto found = inode(number);
  if (!found) return fail(std::move(found.error()));
  if (auto confirmed = confirm(context, *found, options_.fresh); !confirmed) return confirmed;
  if (name.starts_with(kStoreAttributes))
    return set_store_attribute(context, *found, name.substr(kStoreAttributes.size()), value);
  return change_attributes(context, *found, [&](AttributeDraft& draft) {
    return set_extended_attribute(draft.user, name, value, flags);
  });
}

Result<void> Folder::removexattr(const Context& context, InodeNumber number,
                                 std::string_view name) {
  if (auto may = may_write(); !may) return may;
  if (auto good = check_name(name); !good) return none_of_that_name(name);
  auto found = inode(number);
  if (!found) return fail(std::move(found.error()));
  if (auto confirmed = confirm(context, *found, options_.fresh); !confirmed) return confirmed;
  if (name.starts_with(kStoreAttributes))
    return fail(Errc::kNotPermitted, printable(name) + " cannot be removed");
  return change_attributes(context, *found, [&](AttributeDraft& draft) {
    return remove_extended_attribute(draft.user, name);
  });
}

}  // namespace stsfs::fs
