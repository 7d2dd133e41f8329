#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stsfs/sign/request.h"

/// OSS signature version 1 (HMAC-SHA1), header and URL form. Pure functions.
/// Source: OSS API, "Include signatures in the Authorization header", "Add signatures to a URL".
namespace stsfs::sign::v1 {

/// True when `name` is a sub-resource that enters the canonicalized resource.
bool is_signed_subresource(std::string_view name);

/// `date` is what stands in the DATE line: `x-oss-date`, else `Date`, else (URL form) the Expires
/// value.
std::string string_to_sign(const CanonicalInput& input, std::string_view date);
/// Base64.
std::string signature(std::string_view access_key_secret, std::string_view string_to_sign);
/// `OSS {id}:{signature}`.
std::string authorization(const CanonicalInput& input, const KeyPair& key, std::string_view date);
/// `input.query` plus OSSAccessKeyId, Expires, Signature and, where not empty, security-token;
/// decoded.
Pairs presigned_query(const CanonicalInput& input, const KeyPair& key,
                      std::string_view security_token, std::int64_t expires_unix);

}  // namespace stsfs::sign::v1
