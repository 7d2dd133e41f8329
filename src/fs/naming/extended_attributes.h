#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/result.h"
#include "stsfs/oss/object.h"

namespace stsfs::fs {

/// Only these are kept. `user.oss.` below it names what OSS knows of an object, and is never
/// stored.
inline constexpr std::string_view kUserAttributes = "user.";
inline constexpr std::string_view kStoreAttributes = "user.oss.";

/// Metadata of ours: the ACL that the object has, because no HEAD tells it and no copy carries it.
inline constexpr const char* kAclName = "stsfs-acl";

/// Extended attributes in object metadata, in the form of ossfs 1.x and s3fs: one header `xattr`
/// with a percent-encoded `{"user.name":"base64"}`. A header that nobody else gives a meaning is
/// one as well: `comment` is `user.comment`, as geesefs writes them; it stays a header of its own.
///
/// What cannot be read counts as absent, and goes with the next change.
///
/// All are pure functions over the metadata of one object; names are whole, with `user.`.

/// nullopt when there is none of that name.
std::optional<std::string> extended_attribute(const oss::UserMetadata& user, std::string_view name);

/// In byte order.
std::vector<std::string> extended_attribute_names(const oss::UserMetadata& user);

/// `flags` as setxattr(2).
///
/// Errors: kExists (XATTR_CREATE); kNoAttribute (XATTR_REPLACE); kMetadataFull when the metadata of
/// the object would pass what OSS takes, with room left for what a commit adds to it. `user` is
/// then as it was.
Result<void> set_extended_attribute(oss::UserMetadata& user, std::string_view name,
                                    std::string_view value, int flags);

/// Errors: kNoAttribute.
Result<void> remove_extended_attribute(oss::UserMetadata& user, std::string_view name);

}  // namespace stsfs::fs
