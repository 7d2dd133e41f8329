#pragma once

#include <string>
#include <string_view>

#include "stsfs/base/result.h"

namespace stsfs::sts {

// "Policy" of AssumeRole. Whether bytes or characters count is unconfirmed: ours are ASCII.
inline constexpr std::size_t kPolicyMaxBytes = 2'048;

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

enum class Access { kReadWrite, kReadOnly };

struct PolicyScope {
  std::string bucket;
  std::string prefix;  ///< As `expand_prefix` made it: not empty, ends in `/`.
  Access access = Access::kReadWrite;
  /// Denies everything over plain HTTP. Not for an endpoint that has no TLS.
  bool require_tls = false;
};

/// The session policy that allows this prefix and nothing else: its objects, their multipart
/// uploads, and listing below it.
///
/// Left out on purpose: ListMultipartUploads and GetBucket*, which no prefix confines.
/// Errors: kInvalid for a bucket or prefix that cannot stand in a policy; kTooLarge.
Result<std::string> session_policy(const PolicyScope& scope);

}  // namespace stsfs::sts
