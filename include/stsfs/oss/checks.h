#pragma once

#include <string_view>

#include "stsfs/base/result.h"
#include "stsfs/oss/object.h"

/// What OSS would refuse, found before anything is sent, so that the message can say what to do.
/// The fake store uses the same. Source: OSS documentation, "Limits", "Object naming".
namespace stsfs::oss {

/// 1 to 1,023 bytes, not beginning with `/` or `\`. Errors: kInvalid, kNameTooLong.
Result<void> check_key(std::string_view key);

/// Values that can stand in a header; names of user metadata of letters, digits and `-`; less than
/// 8 KB of it in all, `x-oss-meta-` counted.
/// Errors: kInvalid, kMetadataFull.
Result<void> check_headers(const ObjectHeaders& headers);
Result<void> check_options(const PutOptions& options);

/// One of the four words. Errors: kInvalid.
Result<void> check_acl(std::string_view acl);
/// As OSS names them. Errors: kInvalid.
Result<void> check_storage_class(std::string_view storage_class);
/// Days and tier. Errors: kInvalid.
Result<void> check_restore(const RestoreRequest& request);

/// A part's number: 1 to 10,000.
Result<void> check_part_number(int number);

}  // namespace stsfs::oss
