#include "stsfs/sign/jwt.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "stsfs/base/text.h"
#include "stsfs/sign/strict_json.h"

namespace stsfs::sign {
namespace {

using nlohmann::json;

constexpr std::size_t kTokenMaxBytes = 20'000;  // AssumeRoleWithOIDC takes no longer one either
constexpr std::chrono::seconds kNotBeforeLeeway{60};  // clocks of issuers run ahead a little
constexpr double kUnixTimeMax = 9e9;                  // the year 2255: WallTime ends in 2262
constexpr std::size_t kKeysMax = 100;

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

std::optional<json> object_in(std::string_view text) {
  if (!check_json_strictly(text)) return std::nullopt;
  json parsed = json::parse(text.begin(), text.end(), nullptr, false);
  if (!parsed.is_object()) return std::nullopt;
  return parsed;
}

std::string text_at(const json& object, const std::string& name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// A string counts as a list of one.
std::vector<std::string> texts_at(const json& object, const std::string& name) {
  std::vector<std::string> out;
  const auto found = object.find(name);
  if (found == object.end()) return out;
  if (found->is_string()) out.push_back(found->get<std::string>());
  if (found->is_array())
    for (const json& one : *found)
      if (one.is_string()) out.push_back(one.get<std::string>());
  return out;
}

std::optional<WallTime> time_at(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const auto seconds = found->get<double>();
  if (!(seconds >= 0 && seconds < kUnixTimeMax)) return std::nullopt;
  return WallTime{std::chrono::seconds(static_cast<std::int64_t>(seconds))};
}

bool is_signed(const json& header, std::string_view signed_part, std::string_view signature,
               const std::vector<JwtKey>& keys) {
  if (header.contains("crit"))
    return false;  // RFC 7515, section 4.1.11: what we do not know we refuse
  const std::string algorithm = text_at(header, "alg");
  const std::string id = text_at(header, "kid");
  for (const JwtKey& key : keys) {
    if (!key.id.empty() && !id.empty() && key.id != id) continue;
    const bool rsa = key.key.kind() == PublicKey::Kind::kRsa;
    if (algorithm != (rsa ? "RS256" : "ES256")) continue;
    if (key.key.verifies(signed_part, signature)) return true;
  }
  return false;
}

/// The audience that is one of ours; empty when there is none.
std::string audience_of(const json& claims, const std::vector<std::string>& ours) {
  for (const std::string& one : texts_at(claims, "aud"))
    if (std::find(ours.begin(), ours.end(), one) != ours.end()) return one;
  return "";
}

tl::expected<JwtClaims, JwtFlaw> check_claims(const json& claims, const JwtRules& rules,
                                              WallTime now) {
  JwtClaims out;
  out.issuer = text_at(claims, "iss");
  out.subject = text_at(claims, "sub");
  out.audience = audience_of(claims, rules.audiences);
  const auto expires = time_at(claims, "exp");
  if (out.issuer != rules.issuer) return tl::unexpected(JwtFlaw::kIssuer);
  if (out.audience.empty()) return tl::unexpected(JwtFlaw::kAudience);
  if (out.subject.empty() || !expires) return tl::unexpected(JwtFlaw::kIncomplete);
  if (now >= *expires + rules.leeway) return tl::unexpected(JwtFlaw::kExpired);
  const auto not_before = time_at(claims, "nbf");
  if (not_before && *not_before > now + kNotBeforeLeeway) return tl::unexpected(JwtFlaw::kNotYet);
  out.expires = *expires;
  out.issued = time_at(claims, "iat");
  return out;
}

std::optional<PublicKey> key_of(const json& entry) {
  // A key that says what it is for must be for signatures.
  if (const std::string use = text_at(entry, "use"); !use.empty() && use != "sig")
    return std::nullopt;
  const std::string algorithm = text_at(entry, "alg");
  const std::string type = text_at(entry, "kty");
  const auto part = [&](const char* name) {
    return base64url_decode(text_at(entry, name)).value_or("");
  };
  if (type == "RSA" && (algorithm.empty() || algorithm == "RS256"))
    if (auto key = PublicKey::from_rsa(part("n"), part("e"))) return *key;
  if (type == "EC" && text_at(entry, "crv") == "P-256" &&
      (algorithm.empty() || algorithm == "ES256"))
    if (auto key = PublicKey::from_p256(part("x"), part("y"))) return *key;
  return std::nullopt;
}

}  // namespace

tl::expected<JwtClaims, JwtFlaw> verify_jwt(std::string_view token, const std::vector<JwtKey>& keys,
                                            const JwtRules& rules, WallTime now) {
  if (token.size() > kTokenMaxBytes) return tl::unexpected(JwtFlaw::kMalformed);
  const auto parts = split(token, '.');
  if (parts.size() != 3) return tl::unexpected(JwtFlaw::kMalformed);
  const auto header_text = base64url_decode(parts[0]);
  const auto payload = base64url_decode(parts[1]);
  const auto signature = base64url_decode(parts[2]);
  if (!header_text || !payload || !signature) return tl::unexpected(JwtFlaw::kMalformed);
  const auto header = object_in(*header_text);
  const auto claims = object_in(*payload);
  if (!header || !claims) return tl::unexpected(JwtFlaw::kMalformed);
  const std::string_view signed_part = token.substr(0, parts[0].size() + 1 + parts[1].size());
  if (!is_signed(*header, signed_part, *signature, keys))
    return tl::unexpected(JwtFlaw::kSignature);
  auto out = check_claims(*claims, rules, now);
  if (out) out->payload = *payload;
  return out;
}

std::string jwt_key_id(std::string_view token) {
  const auto text = base64url_decode(token.substr(0, std::min(token.find('.'), kTokenMaxBytes)));
  const auto header = text ? object_in(*text) : std::nullopt;
  return header ? text_at(*header, "kid") : "";
}

std::string jwt_text(const JwtClaims& claims, const std::string& name) {
  const auto object = object_in(claims.payload);
  return object ? text_at(*object, name) : "";
}

std::vector<std::string> jwt_list(const JwtClaims& claims, const std::string& name) {
  const auto object = object_in(claims.payload);
  return object ? texts_at(*object, name) : std::vector<std::string>();
}

Result<std::vector<JwtKey>> parse_key_set(std::string_view text) {
  const auto document = object_in(text);
  const auto found = document ? document->find("keys") : json::const_iterator();
  if (!document || found == document->end() || !found->is_array())
    return fail(Errc::kInvalid, "not a JSON Web Key Set");
  std::vector<JwtKey> keys;
  for (const json& entry : *found) {
    if (!entry.is_object() || keys.size() == kKeysMax) continue;
    if (auto key = key_of(entry)) keys.push_back({text_at(entry, "kid"), std::move(*key)});
  }
  if (keys.empty())
    return fail(Errc::kInvalid, "the key set has no RSA key of 2,048 bits and none on P-256");
  return keys;
}

}  // namespace stsfs::sign
