#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "stsfs/base/clock.h"
#include "stsfs/sign/public_key.h"

/// JSON Web Tokens as an OpenID provider issues them. Pure; any thread.
namespace stsfs::sign {

/// A key that signs tokens, and the name the provider gave it (empty: none).
struct JwtKey {
  std::string id;
  PublicKey key;
};

/// What a token must agree with.
struct JwtRules {
  std::string issuer;
  std::vector<std::string> audiences;  ///< One of them must be the token's.
  std::chrono::seconds leeway{
      0};  ///< By which `exp` may lie behind us. `nbf` has a minute: clocks run ahead.
};

/// What a token says, once it is believed.
struct JwtClaims {
  std::string subject;
  std::string issuer;
  std::string audience;  ///< The one that is ours.
  WallTime expires{};
  std::optional<WallTime> issued;
  std::string payload;  ///< The claims as they came, strict JSON: for what else is in there.
};

enum class JwtFlaw { kMalformed, kSignature, kIssuer, kAudience, kIncomplete, kExpired, kNotYet };

/// Checks a token signed with RS256 or ES256. The key says which of the two; the token only has to
/// agree, so that `none` and HS256 never pass.
///
/// Source: RFC 7515, RFC 7519; OpenID Connect Core, section 3.1.3.7.
tl::expected<JwtClaims, JwtFlaw> verify_jwt(std::string_view token, const std::vector<JwtKey>& keys,
                                            const JwtRules& rules, WallTime now);

/// The `kid` of a token's header, before anything is believed; empty when there is none.
std::string jwt_key_id(std::string_view token);

/// A member of the claims that is a string, or one that is a list of strings; empty when absent or
/// something else.
std::string jwt_text(const JwtClaims& claims, const std::string& name);
std::vector<std::string> jwt_list(const JwtClaims& claims, const std::string& name);

/// The keys of a JSON Web Key Set that can check RS256 or ES256; others are passed over.
///
/// Errors: kInvalid when it is no key set, or none of its keys is of use.
/// Source: RFC 7517, section 5; RFC 7518, section 6.
Result<std::vector<JwtKey>> parse_key_set(std::string_view json);

}  // namespace stsfs::sign
