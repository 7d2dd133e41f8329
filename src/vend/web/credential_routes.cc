#include <fmt/core.h>

#include "routes.h"
#include "stsfs/base/log.h"

namespace stsfs::vend {
namespace {

constexpr std::size_t kAccessKeyIdMaxBytes = 128;

std::string credentials_json(const sts::Session& session, const FolderConfig& folder,
                             const std::string& prefix, std::uint64_t used_bytes) {
  const auto flag = [](bool value) { return value ? "true" : "false"; };
  std::string body;
  body.reserve(2'048 + session.security_token.size_bytes());
  body += R"({"StatusCode":200,"AccessKeyId":)" + as_json(session.access_key_id);
  body += R"(,"AccessKeySecret":")";  // visible ASCII without quotes, checked when it came
  body += session.access_key_secret.reveal();
  body += R"(","SecurityToken":")";
  body += session.security_token.reveal();
  body += R"(","Expiration":")" + format_iso8601(session.expiration) + '"';
  body += R"(,"Endpoint":)" + as_json(folder.endpoint) + R"(,"Region":)" + as_json(folder.region);
  body += R"(,"Bucket":)" + as_json(folder.bucket) + R"(,"Prefix":)" + as_json(prefix);
  body += R"(,"Permissions":)" + as_json(permissions_of(folder));
  if (!folder.storage_class.empty()) body += R"(,"StorageClass":)" + as_json(folder.storage_class);
  // A policy of one's own may allow what is not known here: then the mount finds out by asking.
  if (folder.extras.acl || !folder.policy)
    body += std::string(R"(,"Acls":)") + flag(folder.extras.acl);
  body += std::string(R"(,"Versioning":)") + flag(folder.versioning);
  body += std::string(R"(,"HierarchicalNamespace":)") + flag(folder.hierarchical_namespace);
  body += R"(,"QuotaBytes":)" + std::to_string(folder.quota_bytes);
  return body + R"(,"UsedBytes":)" + std::to_string(used_bytes) + '}';
}

/// A person who changes groups gets what the new folder gives at once, and nothing of what the old
/// one gave: whatever goes into a session is in it.
std::string cache_key(const std::string& user, const FolderConfig& folder) {
  const sts::PolicyExtras& extras = folder.extras;
  std::string key =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}{}{}{}\n{}", user, folder.role_arn,
                  folder.bucket, folder.prefix, permissions_of(folder), folder.external_id,
                  folder.sts_endpoint, folder.duration.count(), extras.acl, extras.restore,
                  extras.versions, extras.tagging, static_cast<const void*>(folder.policy.get()));
  for (const std::string& address : folder.source_addresses) key += '\n' + address;
  return key;
}

}  // namespace

ServiceResponse get_credentials(Office& office, const ServiceRequest& request) {
  auto caller = office.authenticate(request, "credentials");
  if (!caller) return failure_response(caller.error());
  const auto settings = office.settings();
  const FolderConfig& folder = folder_for(settings->config, caller->name, caller->groups);
  const std::chrono::seconds timeout = settings->config.sts.timeout;
  const std::string rejected =
      request.rejected.size() <= kAccessKeyIdMaxBytes ? request.rejected : std::string();
  AuditEvent event{.action = "credentials", .user = caller->name, .address = request.address};
  auto session = office.cache.get(
      cache_key(caller->name, folder), rejected,
      [&](const std::string&) {
        return office.sessions.make(caller->name, folder, settings->sts, timeout);
      },
      Deadline::in(office.clock, timeout));
  if (!session) {
    event.reason = session.error().message;
    office.audit.record(event);
    office.metrics.add(Count::kCredentialsFailed);
    Error error = session.error();
    error.code = Errc::kUnavailable;  // whatever STS holds against us is not the person's doing
    return failure_response(error);
  }
  event.allowed = true;
  event.access_key_id = (*session)->access_key_id;
  event.session = (*session)->arn;
  event.expiration = format_iso8601((*session)->expiration);
  event.request_id = (*session)->request_id;
  office.audit.record(event);
  office.metrics.add(Count::kCredentialsHandedOut);
  const auto prefix = prefix_of(folder, caller->name);
  if (!prefix) return failure_response(prefix.error());
  const std::uint64_t used_bytes = office.usage.used_bytes(caller->name, folder, settings);
  return json_response(credentials_json(**session, folder, *prefix, used_bytes));
}

Result<void> try_sts(Office& office) {
  const auto settings = office.settings();
  auto session = office.sessions.make("self-test", settings->config.folder, settings->sts,
                                      settings->config.sts.timeout);
  office.audit.record({.action = "self-test",
                       .allowed = session.has_value(),
                       .reason = session ? std::string() : session.error().message,
                       .session = session ? session->arn : std::string(),
                       .request_id = session ? session->request_id : std::string()});
  if (!session) return fail(std::move(session.error()));
  return {};
}

}  // namespace stsfs::vend
