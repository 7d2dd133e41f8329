// OSS signature version 1, in the header and in the URL.

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/sign/oss_v1.h"
#include "verify.h"

namespace stsfs::sim {
namespace {

/// The date in the signature, in either of the formats that clients send.
struct SigningDate {
  std::string_view text;
  WallTime time;
};

Verdict<SigningDate> signing_date(const WireRequest& request) {
  std::string_view text = request.header("x-oss-date");
  if (text.empty()) text = request.header("date");
  auto time = parse_http_date(text);
  if (!time) time = parse_compact(text);
  if (!time) return tl::unexpected(date_missing());
  return SigningDate{text, *time};
}

Verdict<Verified> match(const WireRequest& request, std::span<const Target> candidates,
                        const sign::Pairs& query, std::string_view date, std::string_view provided,
                        KnownKey key, bool presigned) {
  std::string first;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const sign::CanonicalInput input{request.method, candidates[i].bucket, candidates[i].key, query,
                                     request.headers};
    std::string text = sign::v1::string_to_sign(input, date);
    if (sign::equal_in_constant_time(sign::v1::signature(key.secret, text), provided))
      return Verified{std::move(key.principal), i, SignatureKind::kOssV1, presigned, {}};
    if (i == 0) first = std::move(text);
  }
  return tl::unexpected(signature_mismatch(key.principal.access_key_id, provided, first, ""));
}

}  // namespace

Verdict<Verified> SignatureVerifier::oss_v1_header(const WireRequest& request,
                                                   std::span<const Target> candidates,
                                                   const AccessOptions& options) {
  const std::string_view header = request.header("authorization");
  const auto parsed = parse_oss_v1(header);
  if (!parsed)
    return tl::unexpected(
        malformed("Authorization", header.substr(0, 64), "Authorization header is invalid."));
  const auto date = signing_date(request);
  const std::optional<Refusal> untimely = date ? check_skew(date->time, request.now) : date.error();
  if (untimely && options.switches.time_checked_before_token) return tl::unexpected(*untimely);
  auto key = find_key(directory_, sessions_, parsed->access_key_id,
                      request.header("x-oss-security-token"), request.now, options);
  if (!key) return tl::unexpected(std::move(key.error()));
  if (untimely) return tl::unexpected(*untimely);
  return match(request, candidates, request.query, date->text, parsed->signature, std::move(*key),
               false);
}

Verdict<Verified> SignatureVerifier::oss_v1_url(const WireRequest& request,
                                                std::span<const Target> candidates,
                                                const AccessOptions& options) {
  const std::string* id = request.parameter("OSSAccessKeyId");
  const std::string* expires = request.parameter("Expires");
  const std::string* signature = request.parameter("Signature");
  if (id == nullptr || expires == nullptr || signature == nullptr)
    return tl::unexpected(
        Refusal{403, "AccessDenied",
                "Query-string authentication requires the Signature, Expires and OSSAccessKeyId "
                "parameters",
                ""});
  const std::string* token = request.parameter("security-token");
  if (token == nullptr && request.has_header("x-oss-security-token"))
    return tl::unexpected(Refusal{
        400, "InvalidRequest", "Security-token must be provided by query string parameter.", ""});
  const auto end = parse_u64(*expires);
  constexpr std::uint64_t kUnixTimeMax = 9'000'000'000;  // the year 2255: WallTime ends in 2262
  if (!end || *end > kUnixTimeMax)
    return tl::unexpected(
        malformed("Expires", *expires, "Expires must be a Unix time.", "0002-00000070"));
  const WallTime end_time{std::chrono::seconds(*end)};
  if (request.now > end_time)
    return tl::unexpected(url_expired(format_iso8601_millis(end_time), request.now));
  auto key = find_key(directory_, sessions_, *id, token == nullptr ? "" : std::string_view(*token),
                      request.now, options);
  if (!key) return tl::unexpected(std::move(key.error()));
  return match(request, candidates, request.query, *expires, *signature, std::move(*key), true);
}

}  // namespace stsfs::sim
