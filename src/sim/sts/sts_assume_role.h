#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "identity/sts_sessions.h"
#include "ram/ram_directory.h"
#include "sts_answer.h"
#include "sts_request.h"

namespace stsfs::sim {

/// The parameters that AssumeRole and AssumeRoleWithOIDC share, checked but for what the role says.
struct AssumeParameters {
  std::string role_arn;
  std::string session_name;
  std::optional<std::chrono::seconds> duration;
  std::shared_ptr<const Policy> policy;  ///< Null: none was given.
  std::string external_id;
  std::string source_identity;
};
StsResult<AssumeParameters> parse_assume_parameters(const StsCall& call, const StsOptions& options);

struct StsContext {
  const Directory& directory;
  SessionTable& sessions;
  const StsOptions& options;
};

StsResult<StsElements> assume_role(const StsCall& call, const Principal& caller,
                                   const StsContext& context);
StsResult<StsElements> assume_role_with_oidc(const StsCall& call, const StsContext& context);
StsElements caller_identity(const Principal& caller);

}  // namespace stsfs::sim
