#include <array>

#include <nlohmann/json.hpp>

#include "routes.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/sign/digest.h"
#include "stsfs/sign/strict_json.h"
#include "stsfs/sts/session_policy.h"

// /v1/admin/users, /v1/admin/users/NAME, /v1/admin/users/NAME/unlock, /v1/admin/users/NAME/logins,
// /v1/admin/logins/ID and /v1/admin/usage. What a program that keeps the users in step with a
// directory needs.
namespace stsfs::vend {
namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t kAdminTokenMaxBytes = 512;
constexpr ThrottleOptions kAdminThrottle{.free_failures = 10};
constexpr std::string_view kUsers = "/v1/admin/users";
constexpr std::string_view kUsage = "/v1/admin/usage";
constexpr std::string_view kLogins = "/v1/admin/logins/";

json user_json(const User& user) {
  return {{"user", user.name},
          {"enabled", user.enabled},
          {"groups", user.groups},
          {"origin", user.origin},
          {"created_at", format_iso8601(user.created_at)}};
}

ServiceResponse answer(const json& document) {
  return json_response(document.dump(-1, ' ', false, json::error_handler_t::replace));
}

ServiceResponse outcome(Office& office, const ServiceRequest& request, const char* action,
                        const std::string& user, const Result<void>& done) {
  office.audit.record({.action = action,
                       .user = user,
                       .address = request.address,
                       .allowed = done.has_value(),
                       .reason = done ? "by the administrator's token" : done.error().message});
  if (!done) return failure_response(done.error());
  return no_content();
}

Result<std::string> hashed(Office& office, const Secret& password) {
  if (password.size_bytes() < kPasswordMinBytes || password.size_bytes() > kPasswordMaxBytes)
    return fail(Errc::kInvalid, "a password has 8 to 1,024 bytes");
  return hash_password(password, office.passwords->cost());
}

/// What the body says. A member that is misspelt or of another type must not pass for one that is
/// not there: a user who was to be disabled would stay.
Result<UserChange> change_of(Office& office, const ServiceRequest& request, bool may_disable) {
  UserChange change;
  if (request.body.empty()) return change;
  const auto body = json::parse(request.body.reveal(), nullptr, false);
  if (!body.is_object()) return fail(Errc::kInvalid, "the body is no JSON object");
  for (const auto& [name, value] : body.items()) {
    if (name == "groups" && value.is_array()) {
      change.groups.emplace();
      for (const auto& one : value) {
        if (!one.is_string()) return fail(Errc::kInvalid, "groups is a list of strings");
        change.groups->push_back(one.get<std::string>());
      }
    } else if (name == "enabled" && value.is_boolean() && may_disable) {
      change.enabled = value.get<bool>();
    } else if (name != "password" || !value.is_string()) {
      return fail(Errc::kInvalid, printable(name) + " is no member here, or of another type");
    }
  }
  if (const auto password = json_member(request.body, "password")) {
    auto hash = hashed(office, *password);
    if (!hash) return fail(std::move(hash.error()));
    change.password_hash = std::move(*hash);
  }
  return change;
}

ServiceResponse list_users(Office& office) {
  auto users = office.users.list();
  if (!users) return failure_response(users.error());
  json list = json::array();
  for (const User& user : *users) list.push_back(user_json(user));
  return answer({{"StatusCode", 200}, {"users", std::move(list)}});
}

Result<void> create(Office& office, const ServiceRequest& request, const std::string& name) {
  auto user = change_of(office, request, false);
  if (!user) return fail(std::move(user.error()));
  return office.users.add(name, user->password_hash.value_or(""), {},
                          user->groups.value_or(std::vector<std::string>()));
}

Result<void> change(Office& office, const ServiceRequest& request, const std::string& name) {
  auto changed = change_of(office, request, true);
  if (!changed) return fail(std::move(changed.error()));
  return office.users.change(name, *changed);
}

ServiceResponse list_logins(Office& office, const std::string& name) {
  auto logins = office.logins.list(name);
  if (!logins) return failure_response(logins.error());
  json list = json::array();
  for (const LoginSummary& login : *logins)
    list.push_back({{"id", login.id},
                    {"user", login.name},
                    {"issued_at", format_iso8601(login.issued_at)},
                    {"expires_at", format_iso8601(login.expires_at)}});
  return answer({{"StatusCode", 200}, {"logins", std::move(list)}});
}

ServiceResponse show_user(Office& office, const std::string& name) {
  auto user = office.users.find(name);
  if (!user) return failure_response(user.error());
  if (!*user) return error_response(404, "NotFound", "there is no user " + printable(name));
  json document = user_json(**user);
  document["StatusCode"] = 200;
  return answer(document);
}

ServiceResponse list_usage(Office& office) {
  auto all = UsageStore(office.database, office.clock).list();
  if (!all) return failure_response(all.error());
  json list = json::array();
  for (const FolderUsage& one : *all)
    list.push_back({{"folder", one.folder},
                    {"used_bytes", one.usage.bytes},
                    {"objects", one.usage.objects},
                    {"counted_at", format_iso8601(one.usage.counted_at)}});
  return answer({{"StatusCode", 200}, {"folders", std::move(list)}});
}

ServiceResponse wrong_method() {
  return error_response(405, "MethodNotAllowed", "there is no such method here");
}

ServiceResponse one_user(Office& office, const ServiceRequest& request, const std::string& name,
                         std::string_view what) {
  const std::string& method = request.method;
  if (!sts::check_user_name(name)) return error_response(404, "NotFound", "there is no such user");
  if (what == "unlock" && method == "POST")
    return outcome(office, request, "user.unlock", name,
                   office.throttle.unlock(counted_name(name)));
  if (what == "logins" && method == "GET") return list_logins(office, name);
  if (!what.empty()) return error_response(404, "NotFound", "there is nothing here");
  if (method == "GET") return show_user(office, name);
  if (method == "PUT")
    return outcome(office, request, "user.add", name, create(office, request, name));
  if (method == "PATCH")
    return outcome(office, request, "user.change", name, change(office, request, name));
  if (method == "DELETE")
    return outcome(office, request, "user.delete", name, office.users.remove(name));
  return wrong_method();
}

}  // namespace

std::optional<ServiceResponse> refuse_stranger(Office& office, const ServiceRequest& request) {
  const auto settings = office.settings();
  if (settings->admin_token.empty())
    return error_response(404, "NotFound", "there is nothing here");
  const std::string who = "admin:" + throttle_address(request.address);
  const std::string_view given = bearer_of(request, kAdminTokenMaxBytes);
  // Hashed first, so that not even its length shows.
  const auto right = sign::sha256(settings->admin_token.reveal());
  const auto got = sign::sha256(given);
  if (sign::equal_in_constant_time(as_text(right), as_text(got))) return std::nullopt;
  auto verdict = office.throttle.attempt({{who, kAdminThrottle}});
  if (!verdict) return failure_response(verdict.error());
  office.audit.record(
      {.action = "admin", .address = request.address, .reason = "not the administrator's token"});
  if (verdict->wait.count() > 0) {
    Error error{Errc::kThrottled, "too many wrong tokens, try again later", verdict->wait};
    return failure_response(error);
  }
  return error_response(401, "Unauthorized", "this needs the administrator's token");
}

ServiceResponse admin(Office& office, const ServiceRequest& request) {
  if (auto refusal = refuse_stranger(office, request)) return std::move(*refusal);
  if (!request.body.empty() && !sign::check_json_strictly(request.body.reveal()))
    return error_response(400, "InvalidRequest", "the body is no JSON");
  std::string_view path = request.path;
  if (path == kUsers) return request.method == "GET" ? list_users(office) : wrong_method();
  if (path == kUsage) return request.method == "GET" ? list_usage(office) : wrong_method();
  if (path == kLogins.substr(0, kLogins.size() - 1))
    return request.method == "GET" ? list_logins(office, "") : wrong_method();
  if (path.starts_with(kLogins)) {
    if (request.method != "DELETE") return wrong_method();
    return outcome(office, request, "login.revoke", {},
                   office.logins.revoke(std::string(path.substr(kLogins.size()))));
  }
  if (!path.starts_with(kUsers) || path[kUsers.size()] != '/')
    return error_response(404, "NotFound", "there is nothing here");
  path.remove_prefix(kUsers.size() + 1);
  const auto slash = path.find('/');
  const std::string_view what =
      slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  return one_user(office, request, std::string(path.substr(0, slash)), what);
}

}  // namespace stsfs::vend
