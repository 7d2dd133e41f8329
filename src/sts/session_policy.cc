#include "stsfs/sts/session_policy.h"

#include <algorithm>

#include "stsfs/base/text.h"

// The policy is written as text, not through a JSON library: every byte that goes in has been
// checked to need no escaping, in JSON and in the policy language, which has no escape for a
// literal "*" or "?" at all.
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

Result<void> check_prefix(std::string_view prefix) {
  if (prefix.empty() || prefix.back() != '/') return bad_prefix(prefix, "must end in a slash");
  if (prefix.size() > kPrefixMaxBytes) return bad_prefix(prefix, "is longer than 767 bytes");
  if (!std::all_of(prefix.begin(), prefix.end(), is_prefix_char))
    return bad_prefix(prefix, "may have visible ASCII only, without * ? \\ \" $");
  for (std::string_view part : split(prefix.substr(0, prefix.size() - 1), '/'))
    if (part.empty() || part == "." || part == "..")
      return bad_prefix(prefix, "has an empty component, \".\" or \"..\"");
  return {};
}

Result<void> check_bucket(std::string_view name) {
  const bool good = name.size() >= 3 && name.size() <= 63 && is_lower_or_digit(name.front()) &&
                    is_lower_or_digit(name.back()) &&
                    std::all_of(name.begin(), name.end(),
                                [](char c) { return is_lower_or_digit(c) || c == '-'; });
  if (good) return {};
  return fail(Errc::kInvalid, "\"" + printable(name) + "\" is not a bucket name");
}

}  // namespace

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
  if (auto good = check_prefix(prefix); !good) return fail(std::move(good.error()));
  return prefix;
}

Result<void> check_prefix_template(std::string_view prefix_template) {
  const std::string longest(64, 'x');
  if (auto expanded = expand_prefix(prefix_template, longest); !expanded)
    return fail(std::move(expanded.error()));
  return {};
}

Result<std::string> session_policy(const PolicyScope& scope) {
  if (auto good = check_bucket(scope.bucket); !good) return fail(std::move(good.error()));
  if (auto good = check_prefix(scope.prefix); !good) return fail(std::move(good.error()));
  const char* actions =
      scope.access == Access::kReadOnly
          ? R"("oss:GetObject")"
          : R"("oss:GetObject","oss:PutObject","oss:DeleteObject","oss:AbortMultipartUpload","oss:ListParts")";
  std::string policy = R"({"Version":"1","Statement":[{"Effect":"Allow","Action":[)";
  policy += actions;
  policy += R"(],"Resource":["acs:oss:*:*:)" + scope.bucket + "/" + scope.prefix + R"(*"]},)";
  policy += R"({"Effect":"Allow","Action":["oss:ListObjects"],"Resource":["acs:oss:*:*:)" +
            scope.bucket + R"("],"Condition":{"StringLike":{"oss:Prefix":[")" + scope.prefix +
            R"(*"]}}})";
  if (scope.require_tls)
    policy += R"(,{"Effect":"Deny","Action":["oss:*"],"Resource":["*"],)"
              R"("Condition":{"Bool":{"acs:SecureTransport":["false"]}}})";
  policy += "]}";
  if (policy.size() > kPolicyMaxBytes)
    return fail(Errc::kTooLarge, "the session policy has " + std::to_string(policy.size()) +
                                     " bytes, STS takes 2,048; remedy: a shorter prefix");
  return policy;
}

}  // namespace stsfs::sts
