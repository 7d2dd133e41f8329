#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/result.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs::vend {

struct PolicyQuery {
  std::string bucket;
  std::string prefix;  ///< `users/${user}/`, or without the user for a shared folder.
  std::string user;
  sts::Access access = sts::Access::kReadWrite;
  sts::PolicyExtras extras;
  std::vector<std::string> source_addresses;
  std::string policy_file;
  bool plain_http = false;  ///< Leaves out the statement that denies it.
};

/// `rw`, `ro`, `upload-only`, `shared`, as the configuration has them; nullopt for anything else.
std::optional<sts::Access> access_of(std::string_view word);

// RAM JSON for the four documents that a set-up needs, ready to be pasted. Errors: kInvalid,
// kTooLarge.

/// What one user's credential may do.
Result<std::string> print_session_policy(const PolicyQuery& query);
/// What all users' credentials together may do: the policy of the role. The prefix ends where it
/// names the user.
Result<std::string> print_role_policy(const PolicyQuery& query);
/// `principal`: the RAM user of the server, `acs:ram::ACCOUNT:user/NAME`.
Result<std::string> print_trust_policy(const std::string& principal);
/// The policy of that RAM user.
Result<std::string> print_server_policy(const std::string& role_arn);

}  // namespace stsfs::vend
