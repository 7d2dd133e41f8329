#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/result.h"
#include "stsfs/sts/policy_template.h"

namespace stsfs::sts {

// "Policy" of AssumeRole. Whether bytes or characters count is unconfirmed: ours are ASCII.
inline constexpr std::size_t kPolicyMaxBytes = 2'048;
// A policy of a role (RAM, limits).
inline constexpr std::size_t kRolePolicyMaxBytes = 6'144;

/// Checked, never escaped: 2 to 64 of `a-z A-Z 0-9 . @ _ -`, and neither `.` nor `..`. What passes
/// is at once a session name, a path component, and free of what a policy gives a meaning.
Result<void> check_user_name(std::string_view name);

/// `users/${user}/` with the name put in.
///
/// Errors: kInvalid when the template does not name the user in a component of its own exactly
///         once, does not end in `/`, or contains what a policy or a path gives a meaning
///         (`* ? \ " $`, `..`).
Result<std::string> expand_prefix(std::string_view prefix_template, std::string_view user);
/// The same checks with no user at hand: for a configuration that is being loaded.
Result<void> check_prefix_template(std::string_view prefix_template);
/// A prefix that several users share, and that so names none of them.
Result<void> check_shared_prefix(std::string_view prefix);

/// The templates that are shipped.
enum class Access {
  kReadWrite,
  kReadOnly,
  kUploadOnly,    ///< New objects and their multipart uploads; neither reading nor listing.
  kSharedFolder,  ///< Reading and writing in a prefix that names no user.
};
/// The template's text, as `PolicyTemplate::parse` takes it.
std::string_view shipped_template(Access access);

/// Statements that are added to a template, on the objects below the prefix.
struct PolicyExtras {
  bool acl = false;       ///< GetObjectAcl, PutObjectAcl
  bool restore = false;   ///< RestoreObject
  bool versions = false;  ///< Get-, DeleteObjectVersion, and listing of versions
  bool tagging = false;   ///< Get-, Put-, DeleteObjectTagging
};

struct PolicyScope {
  std::string bucket;
  std::string prefix;  ///< As `expand_prefix` made it: not empty, ends in `/`.
  Access access = Access::kReadWrite;
  /// Denies everything over plain HTTP. Not for an endpoint that has no TLS.
  bool require_tls = false;
  std::string user = "user";  ///< For a template that names it.
  PolicyExtras extras = {};
  std::vector<std::string> source_addresses =
      {};                                  ///< Addresses or CIDR blocks; empty: from anywhere.
  const PolicyTemplate* custom = nullptr;  ///< Instead of the one that `access` names.
};

/// The session policy that allows this prefix and nothing else: its objects, their multipart
/// uploads, and listing below it.
///
/// Left out on purpose: ListMultipartUploads and GetBucket*, which no prefix confines.
/// Errors: kInvalid for a bucket or prefix that cannot stand in a policy; kTooLarge.
Result<std::string> session_policy(const PolicyScope& scope);

/// The outer bound of all sessions: the policy to attach to the role. `prefix` is what all prefixes
/// begin with. Errors: as session_policy.
Result<std::string> role_policy(const PolicyScope& scope);

/// Who may assume the role. `principal`: `acs:ram::ACCOUNT:user/NAME`, or a role's.
/// Errors: kInvalid.
Result<std::string> trust_policy(std::string_view principal);

/// What the RAM user of the vending server needs: to assume this role and nothing else.
/// Errors: kInvalid.
Result<std::string> assume_policy(std::string_view role_arn);

}  // namespace stsfs::sts
