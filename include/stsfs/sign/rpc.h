#pragma once

#include <string>
#include <string_view>

#include "stsfs/sign/request.h"

/// The signatures of Alibaba Cloud's RPC services (STS, RAM): version 1.0 (HMAC-SHA1 over
/// parameters) and ACS3-HMAC-SHA256 (over headers). Pure functions.
namespace stsfs::sign {

namespace rpc {

/// `parameters` is the union of query and form body, without `Signature`.
std::string string_to_sign(std::string_view method, const Pairs& parameters);
/// Base64; the HMAC key is the secret followed by `&`.
std::string signature(std::string_view access_key_secret, std::string_view string_to_sign);

}  // namespace rpc

namespace acs3 {

inline constexpr std::string_view kAlgorithm = "ACS3-HMAC-SHA256";

/// The headers that a client signs: `host`, `content-type` and every `x-acs-*`; sorted, joined by
/// `;`.
std::string signed_headers_of(const Pairs& headers);
std::string canonical_request(std::string_view method, std::string_view uri, const Pairs& query,
                              const Pairs& headers, std::string_view signed_headers,
                              std::string_view payload_sha256_hex);
/// Lower hex over `ACS3-HMAC-SHA256\n` + hex(sha256(canonical_request)).
std::string signature(std::string_view access_key_secret, std::string_view canonical_request);
/// `ACS3-HMAC-SHA256 Credential=…,SignedHeaders=…,Signature=…`
std::string authorization(std::string_view method, std::string_view uri, const Pairs& query,
                          const Pairs& headers, std::string_view payload_sha256_hex,
                          const KeyPair& key);

}  // namespace acs3

}  // namespace stsfs::sign
