#include "stsfs/sign/aws_v4.h"

#include "canonical.h"
#include "stsfs/base/text.h"

namespace stsfs::sign::aws4 {
namespace {

constexpr std::string_view kTerminator = "aws4_request";
constexpr std::string_view kKeyPrefix = "AWS4";

/// Without blanks at the ends, runs of blanks as one.
std::string folded(std::string_view value) {
  std::string out;
  for (const char c : trim(value))
    if (c != ' ' || out.empty() || out.back() != ' ') out += c;
  return out;
}

std::string values_of(const Pairs& headers, std::string_view name) {
  std::string out;
  bool first = true;
  for (const auto& [known, value] : headers) {
    if (!equals_ignoring_case(known, name)) continue;
    if (!first) out += ',';
    out += folded(value);
    first = false;
  }
  return out;
}

}  // namespace

std::string Scope::to_string() const {
  std::string out;
  for (const std::string_view part : {day, region, service}) out.append(part).append("/");
  return out.append(kTerminator);
}

std::string canonical_request(std::string_view method, std::string_view path, const Pairs& query,
                              const Pairs& headers, std::string_view signed_headers,
                              std::string_view payload_hash) {
  std::string out(method);
  const auto decoded = percent_decode(path);
  out += "\n" + percent_encode_path(decoded ? *decoded : path);
  out += "\n" + sorted_query(query) + "\n";
  for (const std::string_view name : split(signed_headers, ';'))
    out.append(name).append(":").append(values_of(headers, name)).append("\n");
  return out.append("\n").append(signed_headers).append("\n").append(payload_hash);
}

std::string string_to_sign(std::string_view date, const Scope& scope,
                           std::string_view canonical_request) {
  return sign::string_to_sign(kAlgorithm, date, scope.to_string(), canonical_request);
}

Sha256 signing_key(std::string_view access_key_secret, const Scope& scope) {
  return sign::signing_key(kKeyPrefix, access_key_secret,
                           {scope.day, scope.region, scope.service, kTerminator});
}

std::string signature(const Sha256& signing_key, std::string_view string_to_sign) {
  return hex_lower(hmac_sha256(signing_key, string_to_sign));
}

std::string chunk_signature(const Sha256& signing_key, std::string_view date,
                            std::string_view scope, std::string_view previous_signature,
                            std::string_view chunk_sha256_hex) {
  std::string text("AWS4-HMAC-SHA256-PAYLOAD\n");
  text.append(date).append("\n").append(scope).append("\n").append(previous_signature);
  text.append("\n").append(hex_lower(sha256(""))).append("\n").append(chunk_sha256_hex);
  return signature(signing_key, text);
}

std::string trailer_signature(const Sha256& signing_key, std::string_view date,
                              std::string_view scope, std::string_view previous_signature,
                              std::string_view canonical_trailer) {
  std::string text("AWS4-HMAC-SHA256-TRAILER\n");
  text.append(date).append("\n").append(scope).append("\n").append(previous_signature);
  text.append("\n").append(hex_lower(sha256(canonical_trailer)));
  return signature(signing_key, text);
}

}  // namespace stsfs::sign::aws4
