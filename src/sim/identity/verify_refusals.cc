#include <utility>

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "verify.h"

namespace stsfs::sim {
namespace {

constexpr std::size_t kEchoMax = 1'024;  // of what a client sent, in our answer

/// `47 45 54 0A`, as OSS prints StringToSignBytes.
std::string spaced_hex(std::string_view text) {
  const std::string hex = hex_upper(as_bytes(text));
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    if (i > 0) out += ' ';
    out.append(hex, i, 2);
  }
  return out;
}

}  // namespace

Refusal malformed(std::string_view name, std::string_view value, std::string message,
                  std::string ec) {
  return {400,
          "InvalidArgument",
          std::move(message),
          std::move(ec),
          {{"ArgumentName", std::string(name)},
           {"ArgumentValue", std::string(value.substr(0, kEchoMax))}}};
}

Refusal too_skewed(WallTime request_time, WallTime now) {
  return {
      403,
      "RequestTimeTooSkewed",
      "The difference between the request time and the current time is too large.",
      "0002-00000504",
      {{"MaxAllowedSkewMilliseconds", std::to_string(std::chrono::milliseconds(kSkewMax).count())},
       {"RequestTime", format_iso8601_millis(request_time)},
       {"ServerTime", format_iso8601_millis(now)}}};
}

Refusal date_missing() {
  return {403, "AccessDenied", "OSS authentication requires a valid Date.", "0002-00000503"};
}

Refusal url_expired(std::string_view expires, WallTime now) {
  return {403,
          "AccessDenied",
          "Request has expired.",
          "",
          {{"Expires", std::string(expires)}, {"ServerTime", format_iso8601_millis(now)}}};
}

Refusal signature_mismatch(std::string_view access_key_id, std::string_view provided,
                           std::string_view string_to_sign, std::string_view canonical_request) {
  Refusal out{403,
              "SignatureDoesNotMatch",
              "The request signature we calculated does not match the signature you provided. "
              "Check your key and signing method.",
              "0002-00000040",
              {{"OSSAccessKeyId", std::string(access_key_id)},
               {"SignatureProvided", std::string(provided.substr(0, kEchoMax))},
               {"StringToSign", std::string(string_to_sign)},
               {"StringToSignBytes", spaced_hex(string_to_sign)}}};
  if (!canonical_request.empty()) out.extra.emplace_back("CanonicalRequest", canonical_request);
  return out;
}

std::optional<Refusal> check_skew(WallTime request_time, WallTime now) {
  const auto apart = request_time > now ? request_time - now : now - request_time;
  if (apart <= kSkewMax) return std::nullopt;
  return too_skewed(request_time, now);
}

}  // namespace stsfs::sim
