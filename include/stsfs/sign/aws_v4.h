#pragma once

#include <string>
#include <string_view>

#include "stsfs/sign/digest.h"
#include "stsfs/sign/request.h"

/// AWS Signature Version 4, for the S3-compatible surface that OSS has too. Pure functions.
/// Source: AWS, "Signature Version 4 for API requests" and, for chunks, "Signature Calculations for
/// the Authorization Header: Transferring Payload in Multiple Chunks".
namespace stsfs::sign::aws4 {

inline constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

struct Scope {
  std::string_view day;     ///< `20150830`
  std::string_view region;  ///< `us-east-1`
  std::string_view service = "s3";
  std::string to_string() const;  ///< `20150830/us-east-1/s3/aws4_request`
};

/// `path` is decoded and encoded once, as S3 wants it. `signed_headers` as sent, joined by `;`.
std::string canonical_request(std::string_view method, std::string_view path, const Pairs& query,
                              const Pairs& headers, std::string_view signed_headers,
                              std::string_view payload_hash);
/// `date` is the value of `x-amz-date`.
std::string string_to_sign(std::string_view date, const Scope& scope,
                           std::string_view canonical_request);
Sha256 signing_key(std::string_view access_key_secret, const Scope& scope);
/// Lower hex.
std::string signature(const Sha256& signing_key, std::string_view string_to_sign);

/// What a chunk of a STREAMING-AWS4-HMAC-SHA256-PAYLOAD body is signed with. The first one's
/// previous signature is the request's; `scope` is its text form.
std::string chunk_signature(const Sha256& signing_key, std::string_view date,
                            std::string_view scope, std::string_view previous_signature,
                            std::string_view chunk_sha256_hex);
/// The same for the trailing headers (`name:value\n` each) of a `…-TRAILER` body.
std::string trailer_signature(const Sha256& signing_key, std::string_view date,
                              std::string_view scope, std::string_view previous_signature,
                              std::string_view canonical_trailer);

}  // namespace stsfs::sign::aws4
