#include "policy_command.h"

#include <nlohmann/json.hpp>

#include "stsfs/base/fd.h"

namespace stsfs::vend {
namespace {

Result<std::string> readable(Result<std::string> policy) {
  if (!policy) return policy;
  return nlohmann::ordered_json::parse(*policy, nullptr, false).dump(2) + "\n";
}

sts::PolicyScope scope_of(const PolicyQuery& query, std::string prefix) {
  return {.bucket = query.bucket,
          .prefix = std::move(prefix),
          .access = query.access,
          .require_tls = !query.plain_http,
          .user = query.user.empty() ? "user" : query.user,
          .extras = query.extras,
          .source_addresses = query.source_addresses};
}

/// `users/` of `users/${user}/`.
std::string common_part(const std::string& prefix) {
  return prefix.substr(0, prefix.find("${user}"));
}

}  // namespace

std::optional<sts::Access> access_of(std::string_view word) {
  if (word == "rw") return sts::Access::kReadWrite;
  if (word == "ro") return sts::Access::kReadOnly;
  if (word == "upload-only") return sts::Access::kUploadOnly;
  if (word == "shared") return sts::Access::kSharedFolder;
  return std::nullopt;
}

Result<std::string> print_session_policy(const PolicyQuery& query) {
  const bool shared = query.access == sts::Access::kSharedFolder;
  auto prefix =
      shared ? Result<std::string>(query.prefix) : sts::expand_prefix(query.prefix, query.user);
  if (!prefix) return prefix;
  sts::PolicyScope scope = scope_of(query, std::move(*prefix));
  if (query.policy_file.empty()) return readable(sts::session_policy(scope));
  auto text = read_file(query.policy_file);
  if (!text) return text;
  auto custom = sts::PolicyTemplate::parse(*text);
  if (!custom) return fail(std::move(custom.error()));
  scope.custom = &*custom;
  return readable(sts::session_policy(scope));
}

Result<std::string> print_role_policy(const PolicyQuery& query) {
  if (common_part(query.prefix).empty())
    return fail(Errc::kInvalid,
                "with a prefix that begins with ${user} the role would have the whole bucket; "
                "remedy: a prefix like users/${user}/");
  return readable(sts::role_policy(scope_of(query, common_part(query.prefix))));
}

Result<std::string> print_trust_policy(const std::string& principal) {
  return readable(sts::trust_policy(principal));
}

Result<std::string> print_server_policy(const std::string& role_arn) {
  return readable(sts::assume_policy(role_arn));
}

}  // namespace stsfs::vend
