#include "stsfs/sts/session_policy.h"

#include <algorithm>

#include "policy_text.h"
#include "stsfs/base/text.h"

// What goes into a policy is checked, never escaped: the policy language has no escape for a
// literal "*" or "?".
namespace stsfs::sts {
namespace {

constexpr std::string_view kUser = "${user}";
constexpr std::size_t kPrefixMaxBytes = 767;

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_name_char(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '@' || c == '_' ||
         c == '-';
}

/// Visible ASCII and blanks without what JSON, policies or templates give a meaning.
bool is_prefix_char(char c) {
  return c >= ' ' && c < 0x7f && std::string_view("*?\\\"$").find(c) == std::string_view::npos;
}

tl::unexpected<Error> bad_prefix(std::string_view prefix, const char* what) {
  return fail(Errc::kInvalid, "the prefix \"" + printable(prefix) + "\" " + what);
}

/// The statements of `extras`, as templates are written.
std::string extra_statements(const PolicyExtras& extras) {
  std::string actions;
  const auto add = [&](bool wanted, std::string_view more) {
    if (wanted) actions += (actions.empty() ? "" : ",") + std::string(more);
  };
  add(extras.acl, R"("oss:GetObjectAcl","oss:PutObjectAcl")");
  add(extras.restore, R"("oss:RestoreObject")");
  add(extras.versions, R"("oss:GetObjectVersion","oss:DeleteObjectVersion")");
  add(extras.tagging, R"("oss:GetObjectTagging","oss:PutObjectTagging","oss:DeleteObjectTagging")");
  std::string out;
  if (!actions.empty())
    out = R"({"Effect":"Allow","Action":[)" + actions +
          R"(],"Resource":["acs:oss:*:*:${bucket}/${prefix}*"]})";
  if (extras.versions)
    out +=
        R"(,{"Effect":"Allow","Action":["oss:ListObjectVersions"],"Resource":["acs:oss:*:*:${bucket}"],)"
        R"("Condition":{"StringLike":{"oss:Prefix":["${prefix}*"]}}})";
  return out;
}

std::string deny_all_where(const std::string& condition) {
  return R"({"Effect":"Deny","Action":["oss:*"],"Resource":["*"],"Condition":)" + condition + "}";
}

/// Puts more statements at the end of a policy.
void append(std::string& policy, const std::string& statements) {
  if (!statements.empty()) policy.insert(policy.size() - 2, "," + statements);
}

Result<std::string> filled(std::string_view text, const PolicyScope& scope) {
  auto parsed = PolicyTemplate::parse(text);
  if (!parsed) return fail(std::move(parsed.error()));
  return parsed->fill({scope.user, scope.bucket, scope.prefix});
}

/// One statement after another through the same door, so that each is checked and filled alike.
Result<std::string> filled_statements(const std::string& statements, const PolicyScope& scope) {
  if (statements.empty()) return std::string();
  auto policy = filled(R"({"Version":"1","Statement":[)" + statements + "]}", scope);
  if (!policy) return policy;
  constexpr std::string_view kBefore = R"({"Version":"1","Statement":[)";
  return policy->substr(kBefore.size(), policy->size() - kBefore.size() - 2);
}

Result<std::string> source_statement(const std::vector<std::string>& addresses) {
  std::string list;
  for (const std::string& address : addresses) {
    if (auto good = check_source_address(address); !good) return fail(std::move(good.error()));
    list += (list.empty() ? "\"" : ",\"") + address + "\"";
  }
  if (list.empty()) return list;
  return deny_all_where(R"({"NotIpAddress":{"acs:SourceIp":[)" + list + "]}}");
}

Result<std::string> policy_of(const PolicyScope& scope) {
  auto policy = scope.custom != nullptr
                    ? scope.custom->fill({scope.user, scope.bucket, scope.prefix})
                    : filled(shipped_template(scope.access), scope);
  if (!policy) return policy;
  auto extras = filled_statements(extra_statements(scope.extras), scope);
  if (!extras) return extras;
  append(*policy, *extras);
  auto sources = source_statement(scope.source_addresses);
  if (!sources) return sources;
  append(*policy, *sources);
  if (scope.require_tls)
    append(*policy, deny_all_where(R"({"Bool":{"acs:SecureTransport":["false"]}})"));
  return policy;
}

Result<std::string> within(Result<std::string> policy, std::size_t size_max_bytes,
                           const char* limit) {
  if (policy && policy->size() > size_max_bytes)
    return fail(Errc::kTooLarge, "the policy has " + std::to_string(policy->size()) + " bytes, " +
                                     limit + "; remedy: a shorter prefix, or fewer statements");
  return policy;
}

/// `acs:ram::ACCOUNT:user/NAME` or `…:role/NAME`, of what needs no escaping.
bool is_ram_arn(std::string_view arn, std::string_view kind) {
  if (!arn.starts_with("acs:ram::")) return false;
  arn.remove_prefix(9);
  const auto colon = arn.find(':');
  if (colon == 0 || colon == std::string_view::npos ||
      !std::all_of(arn.begin(), arn.begin() + static_cast<std::ptrdiff_t>(colon),
                   [](char c) { return c >= '0' && c <= '9'; }))
    return false;
  arn.remove_prefix(colon + 1);
  return arn.starts_with(kind) && arn.size() > kind.size() && arn.size() <= kind.size() + 64 &&
         std::all_of(arn.begin() + static_cast<std::ptrdiff_t>(kind.size()), arn.end(),
                     is_name_char);
}

}  // namespace

Result<void> check_policy_prefix(std::string_view prefix) {
  if (prefix.empty() || prefix.back() != '/') return bad_prefix(prefix, "must end in a slash");
  if (prefix.size() > kPrefixMaxBytes) return bad_prefix(prefix, "is longer than 767 bytes");
  if (!std::all_of(prefix.begin(), prefix.end(), is_prefix_char))
    return bad_prefix(prefix, "may have visible ASCII only, without * ? \\ \" $");
  for (std::string_view part : split(prefix.substr(0, prefix.size() - 1), '/'))
    if (part.empty() || part == "." || part == "..")
      return bad_prefix(prefix, "has an empty component, \".\" or \"..\"");
  return {};
}

Result<void> check_user_name(std::string_view name) {
  if (name.size() < 2 || name.size() > 64)
    return fail(Errc::kInvalid, "a user name has 2 to 64 characters");
  if (!std::all_of(name.begin(), name.end(), is_name_char))
    return fail(Errc::kInvalid, "a user name consists of a-z A-Z 0-9 . @ _ -");
  if (name == "..") return fail(Errc::kInvalid, "\"..\" is no user name");
  return {};
}

Result<std::string> expand_prefix(std::string_view prefix_template, std::string_view user) {
  if (auto good = check_user_name(user); !good) return fail(std::move(good.error()));
  const auto at = prefix_template.find(kUser);
  if (at == std::string_view::npos)
    return bad_prefix(prefix_template, "must contain ${user}, or all would share one folder");
  const bool alone = (at == 0 || prefix_template[at - 1] == '/') &&
                     prefix_template.substr(at + kUser.size()).starts_with('/');
  if (!alone) return bad_prefix(prefix_template, "must have ${user} as a component of its own");
  std::string prefix(prefix_template.substr(0, at));
  prefix += user;
  prefix += prefix_template.substr(at + kUser.size());
  if (auto good = check_policy_prefix(prefix); !good) return fail(std::move(good.error()));
  return prefix;
}

Result<void> check_prefix_template(std::string_view prefix_template) {
  const std::string longest(64, 'x');
  if (auto expanded = expand_prefix(prefix_template, longest); !expanded)
    return fail(std::move(expanded.error()));
  return {};
}

Result<void> check_shared_prefix(std::string_view prefix) { return check_policy_prefix(prefix); }

std::string_view shipped_template(Access access) {
  // Tags, so that a rewrite can carry them along. Not ACLs: nobody makes files public with a vended
  // credential.
  constexpr std::string_view kReadWrite =
      R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:GetObject","oss:PutObject",)"
      R"("oss:DeleteObject","oss:AbortMultipartUpload",)"
      R"("oss:GetObjectTagging","oss:PutObjectTagging","oss:RestoreObject"],)"
      R"("Resource":["acs:oss:*:*:${bucket}/${prefix}*"]},)"
      R"({"Effect":"Allow","Action":["oss:ListObjects"],"Resource":["acs:oss:*:*:${bucket}"],)"
      R"("Condition":{"StringLike":{"oss:Prefix":["${prefix}*"]}}}]})";
  constexpr std::string_view kReadOnly =
      R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:GetObject"],)"
      R"("Resource":["acs:oss:*:*:${bucket}/${prefix}*"]},)"
      R"({"Effect":"Allow","Action":["oss:ListObjects"],"Resource":["acs:oss:*:*:${bucket}"],)"
      R"("Condition":{"StringLike":{"oss:Prefix":["${prefix}*"]}}}]})";
  constexpr std::string_view kUploadOnly =
      R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:PutObject","oss:AbortMultipartUpload",)"
      R"("oss:ListParts"],"Resource":["acs:oss:*:*:${bucket}/${prefix}*"]}]})";
  switch (access) {
    case Access::kReadWrite:
    case Access::kSharedFolder:  // the prefix makes the difference
      return kReadWrite;
    case Access::kReadOnly:
      return kReadOnly;
    case Access::kUploadOnly:
      return kUploadOnly;
  }
  return kReadOnly;
}

Result<std::string> session_policy(const PolicyScope& scope) {
  return within(policy_of(scope), kPolicyMaxBytes, "STS takes 2,048");
}

Result<std::string> role_policy(const PolicyScope& scope) {
  return within(policy_of(scope), kRolePolicyMaxBytes, "RAM takes 6,144");
}

Result<std::string> trust_policy(std::string_view principal) {
  if (!is_ram_arn(principal, "user/") && !is_ram_arn(principal, "role/"))
    return fail(Errc::kInvalid,
                "the principal reads acs:ram::ACCOUNT:user/NAME, not " + printable(principal));
  return R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":[")" +
         std::string(principal) + R"("]}}]})";
}

Result<std::string> assume_policy(std::string_view role_arn) {
  if (!is_ram_arn(role_arn, "role/"))
    return fail(Errc::kInvalid,
                "the role reads acs:ram::ACCOUNT:role/NAME, not " + printable(role_arn));
  // A resource names the account with a region in front of it: acs:ram:*:ACCOUNT:role/NAME.
  return R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"acs:ram:*:)" +
         std::string(role_arn.substr(9)) + R"("}]})";
}

}  // namespace stsfs::sts
