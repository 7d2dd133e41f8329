#pragma once

#include <chrono>
#include <string>

#include "stsfs/sts/assume_role.h"

namespace stsfs::sts {

struct OidcRequest {
  std::string provider_arn;  ///< `acs:ram::<account>:oidc-provider/<name>`
  std::string role_arn;
  std::string session_name;
  std::chrono::seconds duration{3'600};
};

/// Calls AssumeRoleWithOIDC, once and unsigned: the token speaks for the caller. Whatever its
/// `signature` says, only the endpoint of `options` is used.
///
/// Threads: any that may wait.
/// Errors:  as `Client::assume_role`; kCredential for a token that STS does not take.
/// Source:  STS API, AssumeRoleWithOIDC: OIDCToken of 4 to 20,000 characters, sent as it is.
Result<Session> assume_role_with_oidc(http::Engine& engine, const Clock& clock,
                                      const StsOptions& options, const OidcRequest& request,
                                      const Secret& token, Deadline deadline, Interrupt& interrupt);

}  // namespace stsfs::sts
