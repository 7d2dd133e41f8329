#include "jwt.h"

#include <algorithm>
#include <optional>

#include <nlohmann/json.hpp>

#include "json_strict.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kNotBeforeLeeway{60};  // clocks of issuers run ahead a little
constexpr double kUnixTimeMax = 9e9;                  // the year 2255: WallTime ends in 2262

tl::unexpected<StsFailure> refuse(std::string_view what, std::string message) {
  return tl::unexpected(
      StsFailure{400, "AuthenticationFail.OIDCToken." + std::string(what), std::move(message)});
}

std::optional<std::string> base64url_decode(std::string_view text) {
  if (text.find_first_of("+/=") != std::string_view::npos) return std::nullopt;
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '-', '+');
  std::replace(plain.begin(), plain.end(), '_', '/');
  plain.append((4 - plain.size() % 4) % 4, '=');
  const auto bytes = base64_decode(plain);
  if (!bytes) return std::nullopt;
  return std::string(as_text(*bytes));
}

std::optional<json> object_of(std::string_view part) {
  const auto text = base64url_decode(part);
  if (!text) return std::nullopt;
  auto parsed = parse_json_strictly(*text);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return std::move(*parsed);
}

std::string text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::optional<WallTime> time_at(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const auto seconds = found->get<double>();
  if (!(seconds >= 0 && seconds < kUnixTimeMax)) return std::nullopt;
  return WallTime{std::chrono::seconds(static_cast<std::int64_t>(seconds))};
}

bool is_signed(const json& header, std::string_view signed_part, std::string_view signature,
               const OidcProvider& provider) {
  const std::string algorithm = text_at(header, "alg");
  const std::string id = text_at(header, "kid");
  for (const OidcKey& key : provider.keys) {
    if (!key.id.empty() && !id.empty() && key.id != id) continue;
    // The key says which algorithm, the token only has to agree: never "none", never HS256.
    const bool rsa = key.key.kind() == sign::PublicKey::Kind::kRsa;
    if (algorithm != (rsa ? "RS256" : "ES256")) continue;
    if (key.key.verifies(signed_part, signature)) return true;
  }
  return false;
}

/// The audience that is one of the provider's clients; empty when there is none.
std::string audience_of(const json& claims, const OidcProvider& provider) {
  std::vector<std::string> all;
  if (const auto found = claims.find("aud"); found != claims.end()) {
    if (found->is_string()) all.push_back(found->get<std::string>());
    if (found->is_array())
      for (const json& one : *found)
        if (one.is_string()) all.push_back(one.get<std::string>());
  }
  for (const std::string& one : all)
    if (std::find(provider.client_ids.begin(), provider.client_ids.end(), one) !=
        provider.client_ids.end())
      return one;
  return "";
}

StsResult<OidcClaims> check_claims(const json& claims, const OidcProvider& provider, WallTime now) {
  OidcClaims out;
  out.issuer = text_at(claims, "iss");
  out.subject = text_at(claims, "sub");
  out.audience = audience_of(claims, provider);
  const auto expires = time_at(claims, "exp");
  if (out.issuer != provider.issuer)
    return refuse("IssuerNotMatch", "The issuer of the OIDC token is not the provider's.");
  if (out.audience.empty())
    return refuse("ClientIdNotMatch", "The OIDC token is for no client of the provider.");
  if (out.subject.empty() || !expires)
    return refuse("Invalid", "The OIDC token has no sub or no exp.");
  if (now >= *expires) return refuse("Expired", "This JSON Web Token is expired.");
  const auto not_before = time_at(claims, "nbf");
  if (not_before && *not_before > now + kNotBeforeLeeway)
    return refuse("Invalid", "The OIDC token is not valid yet.");
  out.expires = *expires;
  out.issued = time_at(claims, "iat").value_or(now);
  return out;
}

}  // namespace

StsResult<OidcClaims> verify_oidc_token(std::string_view token, const OidcProvider& provider,
                                        WallTime now) {
  const auto parts = split(token, '.');
  if (parts.size() != 3) return refuse("Invalid", "The OIDC token is no JSON Web Token.");
  const auto header = object_of(parts[0]);
  const auto claims = object_of(parts[1]);
  const auto signature = base64url_decode(parts[2]);
  if (!header || !claims || !signature)
    return refuse("Invalid", "The OIDC token is no JSON Web Token.");
  const std::string_view signed_part = token.substr(0, parts[0].size() + 1 + parts[1].size());
  if (!is_signed(*header, signed_part, *signature, provider))
    return refuse("SignatureInvalid", "The OIDC token is not signed by a key of the provider.");
  return check_claims(*claims, provider, now);
}

}  // namespace stsfs::sim
