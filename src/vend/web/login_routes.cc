#include "routes.h"
#include "stsfs/base/log.h"

namespace stsfs::vend {
namespace {

constexpr std::size_t kTokenMaxBytes = 256;

ServiceResponse store_failed(const Error& error) {
  log_error("vend", "{}", error.message);
  return failure_response(error);
}

/// The user's doing, or an administrator's of this moment; or the database's.
ServiceResponse not_issued(const Error& error) {
  return error.code == Errc::kCredential || error.code == Errc::kThrottled ? failure_response(error)
                                                                           : store_failed(error);
}

}  // namespace

std::string token_json(const IssuedToken& issued) {
  std::string body = R"({"StatusCode":200,"token":")";  // neither token nor time needs escaping
  body += issued.token.reveal();
  return body + R"(","expires_at":")" + format_iso8601(issued.expires_at) + "\"}";
}

ServiceResponse post_login(Office& office, const ServiceRequest& request) {
  auto name = json_member(request.body, "username");
  auto password = json_member(request.body, "password");
  if (!name || !password)
    return error_response(400, "InvalidRequest", "the body reads {\"username\", \"password\"}");
  const auto settings = office.settings();
  auto issued =
      office.sign_in.log_in({.name = std::string(name->reveal()),
                             .password = *password,
                             .address = request.address,
                             .action = "login",
                             .kind = LoginKind::kMount,
                             .lifetime = settings->config.token_lifetime,
                             .lockout_failures = settings->config.limits.lockout_failures});
  if (!issued) return not_issued(issued.error());
  return json_response(token_json(*issued));
}

ServiceResponse post_token(Office& office, const ServiceRequest& request) {
  auto caller = office.authenticate(request, "token");
  if (!caller) return failure_response(caller.error());
  const auto lifetime = office.settings()->config.token_lifetime;
  // A provider's token has no successor: it is exchanged for a first login.
  auto issued = caller->by_token
                    ? office.logins.succeed(Secret(bearer_of(request, kTokenMaxBytes)), lifetime)
                    : office.logins.issue(caller->name, lifetime);
  if (!issued) return not_issued(issued.error());
  office.metrics.add(Count::kTokensRotated);
  office.audit.record(
      {.action = "token", .user = caller->name, .address = request.address, .allowed = true});
  return json_response(token_json(*issued));
}

ServiceResponse post_logout(Office& office, const ServiceRequest& request) {
  auto caller = office.authenticate(request, "logout");
  if (!caller) return failure_response(caller.error());
  if (caller->by_token)
    if (auto ended = office.logins.end(Secret(bearer_of(request, kTokenMaxBytes))); !ended)
      return store_failed(ended.error());
  office.audit.record(
      {.action = "logout", .user = caller->name, .address = request.address, .allowed = true});
  return no_content();
}

ServiceResponse get_whoami(Office& office, const ServiceRequest& request) {
  auto caller = office.authenticate(request, "whoami");
  if (!caller) return failure_response(caller.error());
  const auto settings = office.settings();
  const FolderConfig& folder = folder_for(settings->config, caller->name, caller->groups);
  const auto prefix = prefix_of(folder, caller->name);
  if (!prefix) return failure_response(prefix.error());
  std::string groups;
  for (const auto& group : caller->groups) groups += (groups.empty() ? "" : ",") + as_json(group);
  return json_response(R"({"StatusCode":200,"user":)" + as_json(caller->name) + R"(,"groups":[)" +
                       groups + R"(],"bucket":)" + as_json(folder.bucket) + R"(,"prefix":)" +
                       as_json(*prefix) + R"(,"permissions":)" + as_json(permissions_of(folder)) +
                       R"(,"token_expires_at":")" + format_iso8601(caller->expires_at) + "\"}");
}

}  // namespace stsfs::vend
