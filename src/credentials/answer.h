#pragma once

#include <string>
#include <string_view>

#include "stsfs/base/result.h"
#include "stsfs/credentials/credential.h"

namespace stsfs::credentials {

// A security token has no documented maximum; answers seen are under 4 KiB.
inline constexpr std::size_t kAnswerMaxBytes = 256 * 1024;

/// Whether a key without SecurityToken and Expiration will do.
enum class KeyKind { kTemporaryOnly, kAny };

/// Reads a credential, and the folder where it is named, out of any of the shapes in use: the flat
/// one of OSS's app servers (StatusCode), the nested `Credentials` of an AssumeRole answer, `Code:
/// "Success"` of a credentials URI. Unknown members are passed over, as every official consumer
/// does.
///
/// Errors: kProtocol, naming the member and what is wrong with it, never its value; kCredential
///         when the answer itself says that it failed.
Result<Grant> parse_grant(std::string_view json, KeyKind kind);

/// Judges what may become part of a URL, a key or a header.
Result<void> check_folder(const Folder& folder);

/// `ErrorCode: ErrorMessage` of a refusal in the design's shape or in STS's; empty when it is
/// neither. For messages: cut and printable.
std::string describe_refusal(std::string_view json);

}  // namespace stsfs::credentials
