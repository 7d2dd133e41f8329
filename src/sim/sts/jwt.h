#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ram/ram_directory.h"
#include "sts_answer.h"
#include "stsfs/base/clock.h"

namespace stsfs::sim {

/// What an OIDC token says, once it is believed.
struct OidcClaims {
  std::string subject;
  std::string issuer;
  std::string audience;  ///< The one that is a client of the provider.
  WallTime expires{};
  WallTime issued{};
};

/// A JWT signed with RS256 or ES256 by one of the provider's keys, for one of its clients, in its
/// time. Source: OpenID Connect Core, section 3.1.3.7; RFC 7519.
StsResult<OidcClaims> verify_oidc_token(std::string_view token, const OidcProvider& provider,
                                        WallTime now);

}  // namespace stsfs::sim
