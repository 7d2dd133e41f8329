#include "access.h"

#include <atomic>
#include <deque>
#include <map>

#include "ram/ram_directory.h"
#include "ram/ram_policy.h"
#include "sts_sessions.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "verify.h"

namespace stsfs::sim {
namespace {

using sign::Pairs;

/// `acs:oss:oss-cn-hangzhou:123456789012:bucket/key`
std::string resource_of(const AccessQuestion& question, std::string_view owner,
                        std::string_view region) {
  std::string out = "acs:oss:oss-";
  out.append(region).append(":").append(owner).append(":");
  if (question.bucket.empty()) return out + "*";
  out += question.bucket;
  if (!question.key.empty()) out.append("/").append(question.key);
  return out;
}

PolicyPrincipal principal_of(const Principal& who, const std::string& session_arn) {
  PolicyPrincipal out;
  out.account_id = who.account_id;
  if (who.user) {
    out.id = who.user->id;
    out.arn = who.user->arn;
    out.root = who.user->root;
  }
  if (who.session) {
    out.id = who.session->role->id;
    out.arn = who.session->role->arn;
    out.session_arn = session_arn;
  }
  return out;
}

/// The condition keys that hang on the request, not on the operation. Source: RAM, "Policy
/// elements", common condition keys.
std::optional<std::string> common_value(std::string_view key, const Principal& who,
                                        const WireRequest& request) {
  if (equals_ignoring_case(key, "acs:SourceIp")) return request.remote_address;
  if (equals_ignoring_case(key, "acs:SecureTransport")) return request.secure ? "true" : "false";
  if (equals_ignoring_case(key, "acs:CurrentTime")) return format_iso8601(request.now);
  if (equals_ignoring_case(key, "acs:MFAPresent")) return "false";
  if (equals_ignoring_case(key, "acs:UserAgent")) {
    if (!request.has_header("user-agent")) return std::nullopt;
    return std::string(request.header("user-agent"));
  }
  if (equals_ignoring_case(key, "acs:AccessId") && !who.access_key_id.empty())
    return who.access_key_id;
  return std::nullopt;
}

enum class DataAccess { kNone, kRead, kWrite };

/// What ACLs can grant: reading and writing objects and listing them, nothing that manages a
/// bucket.
DataAccess data_access_of(std::string_view action) {
  static constexpr std::string_view kReads[] = {"oss:GetObject", "oss:GetObjectVersion",
                                                "oss:ListObjects", "oss:ListObjectVersions"};
  static constexpr std::string_view kWrites[] = {"oss:PutObject", "oss:DeleteObject",
                                                 "oss:AbortMultipartUpload", "oss:ListParts",
                                                 "oss:ListMultipartUploads"};
  for (const std::string_view one : kReads)
    if (one == action) return DataAccess::kRead;
  for (const std::string_view one : kWrites)
    if (one == action) return DataAccess::kWrite;
  return DataAccess::kNone;
}

bool acl_allows(const AccessQuestion& question) {
  const CannedAcl acl = question.key.empty() || question.object_acl == CannedAcl::kDefault
                            ? question.bucket_acl
                            : question.object_acl;
  switch (data_access_of(question.action)) {
    case DataAccess::kNone:
      return false;
    case DataAccess::kRead:
      return acl == CannedAcl::kPublicRead || acl == CannedAcl::kPublicReadWrite;
    case DataAccess::kWrite:
      return acl == CannedAcl::kPublicReadWrite;
  }
  return false;
}

Refusal denied(std::string message, std::string ec) {
  return {403, "AccessDenied", std::move(message), std::move(ec)};
}

Refusal denied_by_session() {
  return denied("Access denied by authorizer's policy.", "0003-00000301");
}

/// Nothing allowed it: in the words that depend on what was asked for.
Refusal denied_by_default(const AccessQuestion& question) {
  if (!question.key.empty())
    return denied("You have no right to access this object because of bucket acl.",
                  "0003-00000001");
  return denied("The bucket you access does not belong to you.", "0003-00000001");
}

/// What the evaluation came to: nothing (allowed), or why not.
struct Judgement {
  std::optional<Refusal> refusal = std::nullopt;
  std::string reason = {};
};

}  // namespace

struct Access::State {
  State(std::shared_ptr<const Directory> given_directory,
        std::shared_ptr<SessionTable> given_sessions, AccessOptions given_options)
      : directory(std::move(given_directory)),
        sessions(std::move(given_sessions)),
        verifier(*directory, *sessions),
        options(std::make_shared<const AccessOptions>(std::move(given_options))) {}

  std::shared_ptr<const AccessOptions> current_options() STSFS_EXCLUDES(mutex) {
    MutexLock lock(mutex);
    return options;
  }
  std::shared_ptr<const Policy> policy_of(std::string_view bucket) STSFS_EXCLUDES(mutex) {
    MutexLock lock(mutex);
    const auto found = bucket_policies.find(bucket);
    return found == bucket_policies.end() ? nullptr : found->second;
  }
  void remember(Denial denial) STSFS_EXCLUDES(mutex) {
    MutexLock lock(mutex);
    denial.number = ++denials_ever;
    denials.push_back(std::move(denial));
    if (denials.size() > kDenialsMax) denials.pop_front();
  }
  Judgement judge(const Principal& who, const AccessQuestion& question, const PolicyQuestion& asked,
                  std::string_view owner);

  const std::shared_ptr<const Directory> directory;
  const std::shared_ptr<SessionTable> sessions;
  SignatureVerifier verifier;

  Mutex mutex;  // a leaf
  std::shared_ptr<const AccessOptions> options STSFS_GUARDED_BY(mutex);
  std::map<std::string, std::shared_ptr<const Policy>, std::less<>> bucket_policies
      STSFS_GUARDED_BY(mutex);
  std::deque<Denial> denials STSFS_GUARDED_BY(mutex);
  std::uint64_t denials_ever STSFS_GUARDED_BY(mutex) = 0;
};

// Session policy first: it must allow. Then identity policies (A) and bucket policy (B): either's
// deny denies, either's allow allows. Then, for what touches data, the ACLs.
// Source: RAM, "Policy evaluation process"; OSS, "Authentication".
Judgement Access::State::judge(const Principal& who, const AccessQuestion& question,
                               const PolicyQuestion& asked, std::string_view owner) {
  const bool own = !who.account_id.empty() && who.account_id == owner;
  bool session_silent = false;
  if (who.session && who.session->policy) {
    const Decision session = evaluate(*who.session->policy, asked);
    session_silent = session == Decision::kImplicitDeny;
    if (session == Decision::kExplicitDeny)
      return {denied_by_session(), "the session policy denies it"};
    if (session_silent && !current_options()->switches.session_deny_falls_through_to_acl)
      return {denied_by_session(), "the session policy does not allow it"};
  }
  // An account's policies grant what is its own; what is another's is the other's to grant.
  Decision identity = Decision::kImplicitDeny;
  if (who.user && who.user->root && own) identity = Decision::kAllow;
  if (who.user && !who.user->root) identity = evaluate(who.user->policies, asked);
  if (who.session) identity = evaluate(who.session->role->policies, asked);
  if (!own && identity == Decision::kAllow) identity = Decision::kImplicitDeny;

  const auto policy = policy_of(question.bucket);
  const Decision bucket = policy ? evaluate(*policy, asked) : Decision::kImplicitDeny;
  if (identity == Decision::kExplicitDeny)
    return {denied("Access denied by bucket policy.", "0003-00000201"), "a RAM policy denies it"};
  if (bucket == Decision::kExplicitDeny)
    return {denied("Access denied by bucket policy.", "0003-00000202"),
            "the bucket policy denies it"};
  if (!session_silent && (identity == Decision::kAllow || bucket == Decision::kAllow)) return {};
  if (acl_allows(question)) return {};
  return {denied_by_default(question), "no policy and no ACL allows it"};
}

Access::Access(std::shared_ptr<const Directory> directory, std::shared_ptr<SessionTable> sessions,
               AccessOptions options)
    : state_(
          std::make_unique<State>(std::move(directory), std::move(sessions), std::move(options))) {
  for (const auto& [bucket, text] : state_->directory->bucket_policies())
    set_bucket_policy(bucket, text);
}
Access::~Access() = default;

Verdict<Verified> Access::verify(const WireRequest& request,
                                 std::span<const Target> candidates) const {
  return state_->verifier.verify(request, candidates, *state_->current_options());
}

std::optional<Refusal> Access::authorize(const Principal& principal, const WireRequest& request,
                                         const AccessQuestion& question) const {
  const std::string_view owner =
      question.bucket_owner.empty() ? state_->directory->first_account() : question.bucket_owner;
  const std::string resource = resource_of(question, owner, state_->current_options()->region);
  const std::string session_arn = principal.session ? principal.session->assumed_role_arn() : "";
  const PolicyQuestion asked{question.action, resource, principal_of(principal, session_arn),
                             [&](std::string_view key) -> std::optional<std::string> {
                               for (const auto& [name, value] : question.conditions)
                                 if (same_condition_key(name, key)) return value;
                               return common_value(key, principal, request);
                             }};
  Judgement judgement = state_->judge(principal, question, asked, owner);
  if (judgement.refusal)
    state_->remember({0, request.now, principal.arn.empty() ? "anonymous" : principal.arn,
                      principal.access_key_id, std::string(question.action),
                      printable(resource, 1'200), std::move(judgement.reason)});
  return std::move(judgement.refusal);
}

bool Access::revoke(std::string_view access_key_id) {
  if (!state_->sessions->find(access_key_id) && !state_->directory->find_key(access_key_id))
    return false;
  state_->sessions->revoke(access_key_id);
  return true;
}

std::optional<std::string> Access::set_bucket_policy(std::string_view bucket,
                                                     std::string_view json) {
  std::shared_ptr<const Policy> policy;
  if (!json.empty()) {
    auto parsed = parse_policy(json, PolicyKind::kBucket);
    if (!parsed) return parsed.error().message;
    policy = std::make_shared<const Policy>(std::move(*parsed));
  }
  MutexLock lock(state_->mutex);
  if (policy)
    state_->bucket_policies.insert_or_assign(std::string(bucket), std::move(policy));
  else
    state_->bucket_policies.erase(std::string(bucket));
  return std::nullopt;
}

std::string Access::bucket_policy(std::string_view bucket) const {
  const auto policy = state_->policy_of(bucket);
  return policy ? policy->text : "";
}

AccessOptions Access::options() const { return *state_->current_options(); }

void Access::set_options(AccessOptions options) {
  auto next = std::make_shared<const AccessOptions>(std::move(options));
  MutexLock lock(state_->mutex);
  state_->options = std::move(next);
}

std::vector<Denial> Access::denials() const {
  MutexLock lock(state_->mutex);
  return {state_->denials.begin(), state_->denials.end()};
}

std::string_view WireRequest::header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers)
    if (equals_ignoring_case(name, lower_name)) return trim(value);
  return {};
}

bool WireRequest::has_header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers)
    if (equals_ignoring_case(name, lower_name)) return true;
  return false;
}

const std::string* WireRequest::parameter(std::string_view name) const {
  for (const auto& [known, value] : query)
    if (known == name) return &value;
  return nullptr;
}

}  // namespace stsfs::sim
