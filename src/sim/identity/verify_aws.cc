// AWS Signature Version 4, for clients of the S3-compatible surface. Refusals are in the words of
// S3, because that is what those clients know. The path is signed as it stands on the wire and so
// is the host, so that there is one reading: the first candidate.

#include <algorithm>

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/sign/aws_v4.h"
#include "verify.h"

namespace stsfs::sim {
namespace {

constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";
constexpr std::string_view kChunked = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
constexpr std::string_view kChunkedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
constexpr std::string_view kUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
constexpr std::string_view kService = "s3";
constexpr std::string_view kTerminator = "aws4_request";

Refusal bad_header(std::string message) {
  return {400, "AuthorizationHeaderMalformed", std::move(message), ""};
}

/// OSS's refusal as S3 says it.
Refusal in_s3_words(Refusal refusal) {
  if (refusal.code == "SecurityTokenExpired") {
    refusal.status = 400;
    refusal.code = "ExpiredToken";
  } else if (refusal.code == "InvalidSecurityToken") {
    refusal.status = 400;
    refusal.code = "InvalidToken";
  }
  for (auto& [name, value] : refusal.extra)
    if (name == "OSSAccessKeyId") name = "AWSAccessKeyId";
  return refusal;
}

bool names_header(std::string_view signed_headers, std::string_view name) {
  const auto names = split(signed_headers, ';');
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::optional<Refusal> check_scope(const CredentialScope& credential, std::string_view date,
                                   const AccessOptions& options) {
  if (!is_day(credential.day) || date.substr(0, 8) != credential.day)
    return bad_header("The authorization header is malformed; invalid credential date.");
  if (credential.product != kService || credential.terminator != kTerminator)
    return bad_header("The authorization header is malformed; the scope must end s3/aws4_request.");
  if (credential.region != options.region && credential.region != "oss-" + options.region) {
    Refusal out =
        bad_header("The authorization header is malformed; the region is wrong; expecting '" +
                   options.region + "'");
    out.extra = {{"Region", options.region}};
    return out;
  }
  return std::nullopt;
}

/// Host must be signed, and so must every x-amz-* that was sent: in a URL, too, where whoever holds
/// it could add one otherwise.
std::optional<Refusal> check_signed_headers(const WireRequest& request,
                                            std::string_view signed_headers) {
  bool good = names_header(signed_headers, "host");
  for (const auto& [name, value] : request.headers) {
    const std::string lower = to_lower(name);
    if (lower.starts_with("x-amz-") && !names_header(signed_headers, lower)) good = false;
  }
  if (good) return std::nullopt;
  return Refusal{403, "AccessDenied",
                 "There were headers present in the request which were not signed", ""};
}

Verdict<PayloadTerms> terms_of(std::string_view content_sha256) {
  using Kind = PayloadTerms::Kind;
  PayloadTerms out;
  if (content_sha256 == kUnsigned) return out;
  if (content_sha256 == kChunked || content_sha256 == kChunkedTrailer)
    out.kind = Kind::kChunksSigned;
  else if (content_sha256 == kUnsignedTrailer)
    out.kind = Kind::kChunksUnsigned;
  else if (hex_decode(content_sha256) && content_sha256.size() == 64)
    out.kind = Kind::kHashed;
  else
    return tl::unexpected(Refusal{
        400,
        "InvalidArgument",
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER, or a valid sha256 value.",
        "",
        {{"ArgumentName", "x-amz-content-sha256"},
         {"ArgumentValue", std::string(content_sha256.substr(0, 128))}}});
  if (out.kind == Kind::kHashed) out.sha256_hex = to_lower(content_sha256);
  out.trailer = content_sha256.ends_with("-TRAILER");
  return out;
}

std::string text_of(const std::string* parameter) { return parameter ? *parameter : ""; }

struct Claim {
  const CredentialScope& credential;
  std::string_view signed_headers;
  std::string_view signature;
  std::string_view date;
  std::string_view payload_hash;
  const sign::Pairs& query;
};

struct Match {
  sign::Sha256 signing_key;
  std::string scope;
};

Verdict<Match> match(const WireRequest& request, const Claim& claim, const KnownKey& key,
                     DerivedKeys& derived) {
  const sign::aws4::Scope scope{claim.credential.day, claim.credential.region,
                                claim.credential.product};
  Match out;
  out.scope = scope.to_string();
  out.signing_key = derived.get(key.principal.access_key_id + "/" + out.scope,
                                [&] { return sign::aws4::signing_key(key.secret, scope); });
  const std::string canonical =
      sign::aws4::canonical_request(request.method, request.path, claim.query, request.headers,
                                    claim.signed_headers, claim.payload_hash);
  const std::string to_sign = sign::aws4::string_to_sign(claim.date, scope, canonical);
  if (sign::equal_in_constant_time(sign::aws4::signature(out.signing_key, to_sign),
                                   claim.signature))
    return out;
  return tl::unexpected(in_s3_words(
      signature_mismatch(key.principal.access_key_id, claim.signature, to_sign, canonical)));
}

}  // namespace

Verdict<Verified> SignatureVerifier::aws_v4_header(const WireRequest& request,
                                                   const AccessOptions& options) {
  const auto parsed = parse_aws_v4(request.header("authorization"));
  if (!parsed) return tl::unexpected(bad_header("The authorization header is malformed."));
  auto key = find_key(directory_, sessions_, parsed->credential.access_key_id,
                      request.header("x-amz-security-token"), request.now, options);
  if (!key) return tl::unexpected(in_s3_words(std::move(key.error())));
  std::string date(request.header("x-amz-date"));
  auto time = parse_compact(date);
  if (date.empty()) {
    time = parse_http_date(request.header("date"));
    if (time) date = format_compact(*time);
  }
  if (!time)
    return tl::unexpected(Refusal{
        403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header", ""});
  if (auto skewed = check_skew(*time, request.now)) return tl::unexpected(std::move(*skewed));
  if (auto wrong = check_scope(parsed->credential, date, options))
    return tl::unexpected(std::move(*wrong));
  if (auto open = check_signed_headers(request, parsed->signed_headers))
    return tl::unexpected(std::move(*open));
  const std::string payload_hash(request.header("x-amz-content-sha256"));
  auto terms = terms_of(payload_hash);
  if (!terms) return tl::unexpected(std::move(terms.error()));
  const Claim claim{parsed->credential, parsed->signed_headers, parsed->signature, date,
                    payload_hash,       request.query};
  auto matched = match(request, claim, *key, derived_);
  if (!matched) return tl::unexpected(std::move(matched.error()));
  if (terms->kind == PayloadTerms::Kind::kChunksSigned) {
    terms->seed_signature = parsed->signature;
    terms->date = date;
    terms->scope = matched->scope;
    terms->signing_key.assign(matched->signing_key.begin(), matched->signing_key.end());
  }
  return Verified{std::move(key->principal), 0, SignatureKind::kAwsV4, false, std::move(*terms)};
}

Verdict<Verified> SignatureVerifier::aws_v4_url(const WireRequest& request,
                                                const AccessOptions& options) {
  const auto refuse = [](std::string message) {
    return tl::unexpected(
        Refusal{400, "AuthorizationQueryParametersError", std::move(message), ""});
  };
  if (text_of(request.parameter("X-Amz-Algorithm")) != sign::aws4::kAlgorithm)
    return refuse("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"");
  const auto credential = parse_credential(text_of(request.parameter("X-Amz-Credential")));
  if (!credential) return refuse("X-Amz-Credential is malformed");
  auto key = find_key(directory_, sessions_, credential->access_key_id,
                      text_of(request.parameter("X-Amz-Security-Token")), request.now, options);
  if (!key) return tl::unexpected(in_s3_words(std::move(key.error())));
  const std::string date = text_of(request.parameter("X-Amz-Date"));
  const auto signed_at = parse_compact(date);
  if (!signed_at) return refuse("X-Amz-Date must be in the ISO8601 Long Format");
  const auto expires = parse_u64(text_of(request.parameter("X-Amz-Expires")));
  if (!expires || *expires < 1 || *expires > kUrlExpiresMax)
    return refuse("X-Amz-Expires must be between 1 and 604800 seconds");
  if (auto wrong = check_scope(*credential, date, options))
    return tl::unexpected(std::move(*wrong));
  if (*signed_at > request.now + kSkewMax) return refuse("Request is not yet valid");
  const WallTime end = *signed_at + std::chrono::seconds(*expires);
  if (request.now > end)
    return tl::unexpected(url_expired(format_iso8601_millis(end), request.now));
  const std::string signed_headers = text_of(request.parameter("X-Amz-SignedHeaders"));
  if (!names_header(signed_headers, "host")) return refuse("X-Amz-SignedHeaders must name host");
  if (auto open = check_signed_headers(request, signed_headers))
    return tl::unexpected(std::move(*open));

  const std::string signature = text_of(request.parameter("X-Amz-Signature"));
  sign::Pairs query = request.query;
  std::erase_if(query, [](const auto& pair) { return pair.first == "X-Amz-Signature"; });
  const Claim claim{*credential, signed_headers, signature, date, kUnsigned, query};
  auto matched = match(request, claim, *key, derived_);
  if (!matched) return tl::unexpected(std::move(matched.error()));
  return Verified{std::move(key->principal), 0, SignatureKind::kAwsV4, true, {}};
}

}  // namespace stsfs::sim
