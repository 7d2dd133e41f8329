// OSS signature version 4, in the header and in the URL. A request may be read in more ways than
// one: as each of the candidates (which bucket), and with empty query values as clients write them.
// Each is tried; a forger gains nothing, since every reading needs the key.

#include <algorithm>
#include <array>

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/sign/oss_v4.h"
#include "verify.h"

namespace stsfs::sim {
namespace {

constexpr std::string_view kTerminator = "aliyun_v4_request";
constexpr std::string_view kProduct = "oss";

/// The EC of each check, which differs by where the credential stands.
struct ErrorCodes {
  std::string_view where;
  std::string_view day;
  std::string_view region;
  std::string_view terminator;
};
constexpr ErrorCodes kHeaderCodes{"Authorization", "0002-00000212", "0002-00000228",
                                  "0002-00000213"};
constexpr ErrorCodes kUrlCodes{"x-oss-credential", "0002-00000223", "0002-00000226",
                               "0002-00000224"};

std::string in_place(std::string_view what, const ErrorCodes& codes) {
  return "Invalid " + std::string(what) + " in " + std::string(codes.where) +
         (codes.where == "Authorization" ? " header." : " parameter.");
}

std::optional<Refusal> check_scope(const CredentialScope& credential, std::string_view date,
                                   const ErrorCodes& codes, const AccessOptions& options) {
  const auto refuse = [&](std::string_view what, std::string_view value, std::string_view ec) {
    return malformed(codes.where, value, in_place(what, codes), std::string(ec));
  };
  if (!is_day(credential.day) || date.substr(0, 8) != credential.day)
    return refuse("signing date", credential.day, codes.day);
  if (credential.region != options.region)
    return refuse("signing region", credential.region, codes.region);
  if (credential.product != kProduct) return refuse("signing product", credential.product, "");
  if (credential.terminator != kTerminator)
    return refuse("credential terminator", credential.terminator, codes.terminator);
  return std::nullopt;
}

std::vector<std::string> names_of(std::string_view list) {
  std::vector<std::string> out;
  for (const std::string_view name : split(list, ';'))
    if (!trim(name).empty()) out.emplace_back(trim(name));
  return out;
}

bool has_empty_value(const sign::Pairs& query) {
  return std::any_of(query.begin(), query.end(), [](const auto& p) { return p.second.empty(); });
}

/// The value of `x-oss-date`, or `Date` written like it.
Verdict<std::string> signing_date(const WireRequest& request) {
  const std::string_view own = request.header("x-oss-date");
  if (!own.empty()) {
    if (parse_compact(own)) return std::string(own);
    return tl::unexpected(date_missing());
  }
  const auto date = parse_http_date(request.header("date"));
  if (!date) return tl::unexpected(date_missing());
  return format_compact(*date);
}

/// `x-oss-expires` of a URL: 1 to 604800.
Verdict<std::int64_t> parse_expires(const std::string* text) {
  if (text == nullptr)
    return tl::unexpected(
        malformed("x-oss-expires", "", "x-oss-expires is missing.", "0002-00000215"));
  const auto seconds = parse_u64(*text);
  if (!seconds || *seconds < 1 || *seconds > kUrlExpiresMax)
    return tl::unexpected(malformed(
        "x-oss-expires", *text, "x-oss-expires must be between 1 and 604800.", "0002-00000232"));
  return static_cast<std::int64_t>(*seconds);
}

std::string text_of(const std::string* parameter) { return parameter ? *parameter : ""; }

}  // namespace

struct SignatureVerifier::V4Claim {
  const CredentialScope& credential;
  std::string_view date;
  std::vector<std::string> additional;
  std::string_view signature;
  const sign::Pairs& query;  ///< Without the signature.
  bool presigned;
  const Switches& switches;
};

Verdict<Verified> SignatureVerifier::match_v4(const WireRequest& request,
                                              std::span<const Target> candidates,
                                              const V4Claim& claim, KnownKey key) {
  using sign::v4::EmptyValue;
  const sign::v4::Scope scope{claim.credential.day, claim.credential.region,
                              claim.credential.product};
  const sign::Sha256 signing_key =
      derived_.get(key.principal.access_key_id + "/" + scope.to_string(),
                   [&] { return sign::v4::signing_key(key.secret, scope); });
  constexpr std::array kForms{EmptyValue::kBareName, EmptyValue::kWithEquals,
                              EmptyValue::kSubresourceBare};
  const bool other_forms = has_empty_value(claim.query) && !claim.switches.empty_values_signed_bare;
  const std::size_t forms = other_forms ? kForms.size() : 1;
  std::string first_canonical;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const sign::CanonicalInput input{request.method, candidates[i].bucket, candidates[i].key,
                                     claim.query, request.headers};
    for (std::size_t form = 0; form < forms; ++form) {
      std::string canonical = sign::v4::canonical_request(input, claim.additional, kForms[form]);
      const std::string expected =
          sign::v4::signature(signing_key, sign::v4::string_to_sign(claim.date, scope, canonical));
      if (sign::equal_in_constant_time(expected, claim.signature))
        return Verified{std::move(key.principal), i, SignatureKind::kOssV4, claim.presigned, {}};
      if (first_canonical.empty()) first_canonical = std::move(canonical);
    }
  }
  return tl::unexpected(
      signature_mismatch(key.principal.access_key_id, claim.signature,
                         sign::v4::string_to_sign(claim.date, scope, first_canonical),
                         claim.switches.mismatch_without_canonical_request ? "" : first_canonical));
}

Verdict<Verified> SignatureVerifier::oss_v4_header(const WireRequest& request,
                                                   std::span<const Target> candidates,
                                                   const AccessOptions& options) {
  const std::string_view header = request.header("authorization");
  const auto parsed = parse_oss_v4(header);
  if (!parsed)
    return tl::unexpected(
        malformed("Authorization", header.substr(0, 64), "Invalid Authorization header."));
  if (parsed->additional_headers && parsed->additional_headers->empty())
    return tl::unexpected(malformed("Authorization", "AdditionalHeaders=",
                                    "AdditionalHeaders in Authorization header is empty.",
                                    "0002-00000209"));
  if (request.header("x-oss-content-sha256") != sign::v4::kUnsignedPayload)
    return tl::unexpected(malformed("x-oss-content-sha256", request.header("x-oss-content-sha256"),
                                    "x-oss-content-sha256 must be UNSIGNED-PAYLOAD."));
  const auto date = signing_date(request);
  const std::optional<Refusal> untimely =
      date ? check_skew(*parse_compact(*date), request.now) : date.error();
  if (untimely && options.switches.time_checked_before_token) return tl::unexpected(*untimely);
  auto key = find_key(directory_, sessions_, parsed->credential.access_key_id,
                      request.header("x-oss-security-token"), request.now, options);
  if (!key) return tl::unexpected(std::move(key.error()));
  if (untimely) return tl::unexpected(*untimely);
  if (auto wrong = check_scope(parsed->credential, *date, kHeaderCodes, options))
    return tl::unexpected(std::move(*wrong));
  const V4Claim claim{
      parsed->credential, *date,         names_of(parsed->additional_headers.value_or("")),
      parsed->signature,  request.query, false,
      options.switches};
  return match_v4(request, candidates, claim, std::move(*key));
}

Verdict<Verified> SignatureVerifier::oss_v4_url(const WireRequest& request,
                                                std::span<const Target> candidates,
                                                const AccessOptions& options) {
  const std::string version = text_of(request.parameter("x-oss-signature-version"));
  if (version != sign::v4::kAlgorithm)
    return tl::unexpected(malformed("x-oss-signature-version", version,
                                    "x-oss-signature-version must be OSS4-HMAC-SHA256.",
                                    "0002-00000066"));
  const std::string raw_credential = text_of(request.parameter("x-oss-credential"));
  const auto credential = parse_credential(raw_credential);
  if (!credential)
    return tl::unexpected(malformed("x-oss-credential", raw_credential,
                                    "Invalid credential in x-oss-credential parameter."));
  auto key = find_key(directory_, sessions_, credential->access_key_id,
                      text_of(request.parameter("x-oss-security-token")), request.now, options);
  if (!key) return tl::unexpected(std::move(key.error()));

  const std::string date = text_of(request.parameter("x-oss-date"));
  const auto signed_at = parse_compact(date);
  if (!signed_at) return tl::unexpected(date_missing());
  if (auto wrong = check_scope(*credential, date, kUrlCodes, options))
    return tl::unexpected(std::move(*wrong));
  const auto expires = parse_expires(request.parameter("x-oss-expires"));
  if (!expires) return tl::unexpected(expires.error());
  if (*signed_at > request.now + kSkewMax)
    return tl::unexpected(too_skewed(*signed_at, request.now));
  const WallTime end = *signed_at + std::chrono::seconds(*expires);
  if (request.now > end)
    return tl::unexpected(url_expired(format_iso8601_millis(end), request.now));

  sign::Pairs query = request.query;
  std::erase_if(query, [](const auto& pair) { return pair.first == "x-oss-signature"; });
  const std::string signature = text_of(request.parameter("x-oss-signature"));
  const V4Claim claim{
      *credential,     date,  names_of(text_of(request.parameter("x-oss-additional-headers"))),
      signature,       query, true,
      options.switches};
  return match_v4(request, candidates, claim, std::move(*key));
}

}  // namespace stsfs::sim
