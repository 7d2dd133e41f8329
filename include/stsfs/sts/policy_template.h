#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "stsfs/base/result.h"

namespace stsfs::sts {

/// What is put into a template. Each is checked to need no escaping, in JSON and in the policy
/// language.
struct PolicyValues {
  std::string user;  ///< As `check_user_name` wants it.
  std::string bucket;
  std::string prefix;  ///< Not empty, ends in `/`.
};

/// A session policy with `${user}`, `${bucket}` and `${prefix}` in its resources and conditions.
///
/// It is taken apart when it is read and filled string by string, so that no value can become
/// structure. What it allows must be confined: objects below `${bucket}/${prefix}`, listing where
/// `oss:Prefix` is like `${prefix}…`, and on the bucket as a whole only named GetBucket… actions.
/// What it denies may be anything.
///
/// Threads: every call on any thread.
/// Errors:  kInvalid, saying what in the template is wrong; kTooLarge when it does not fit into
/// what STS takes.
class PolicyTemplate {
 public:
  static Result<PolicyTemplate> parse(std::string_view json);

  /// JSON without blanks.
  Result<std::string> fill(const PolicyValues& values) const;

 private:
  struct Document;
  explicit PolicyTemplate(std::shared_ptr<const Document> document)
      : document_(std::move(document)) {}
  std::shared_ptr<const Document> document_;
};

/// 3 to 63 of `a-z 0-9 -`.
Result<void> check_bucket_name(std::string_view name);
/// An address or a CIDR block, of IPv4 or IPv6, as `acs:SourceIp` takes it.
Result<void> check_source_address(std::string_view text);

}  // namespace stsfs::sts
