#include "jwt.h"

#include "stsfs/sign/jwt.h"

namespace stsfs::sim {
namespace {

tl::unexpected<StsFailure> refuse(std::string_view what, std::string message) {
  return tl::unexpected(
      StsFailure{400, "AuthenticationFail.OIDCToken." + std::string(what), std::move(message)});
}

tl::unexpected<StsFailure> refusal_of(sign::JwtFlaw flaw) {
  using sign::JwtFlaw;
  switch (flaw) {
    case JwtFlaw::kMalformed:
      return refuse("Invalid", "The OIDC token is no JSON Web Token.");
    case JwtFlaw::kSignature:
      return refuse("SignatureInvalid", "The OIDC token is not signed by a key of the provider.");
    case JwtFlaw::kIssuer:
      return refuse("IssuerNotMatch", "The issuer of the OIDC token is not the provider's.");
    case JwtFlaw::kAudience:
      return refuse("ClientIdNotMatch", "The OIDC token is for no client of the provider.");
    case JwtFlaw::kIncomplete:
      return refuse("Invalid", "The OIDC token has no sub or no exp.");
    case JwtFlaw::kExpired:
      return refuse("Expired", "This JSON Web Token is expired.");
    case JwtFlaw::kNotYet:
      return refuse("Invalid", "The OIDC token is not valid yet.");
  }
  return refuse("Invalid", "The OIDC token is no JSON Web Token.");
}

}  // namespace

StsResult<OidcClaims> verify_oidc_token(std::string_view token, const OidcProvider& provider,
                                        WallTime now) {
  std::vector<sign::JwtKey> keys;
  for (const OidcKey& key : provider.keys) keys.push_back({key.id, key.key});
  const auto claims = sign::verify_jwt(token, keys, {provider.issuer, provider.client_ids}, now);
  if (!claims) return refusal_of(claims.error());
  return OidcClaims{claims->subject, claims->issuer, claims->audience, claims->expires,
                    claims->issued.value_or(now)};
}

}  // namespace stsfs::sim
