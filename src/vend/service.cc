#include "service.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "stsfs/base/log.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::vend {
namespace {

constexpr ThrottleOptions kUserThrottle{};
// Many people may sit behind one address: it is slowed later.
constexpr ThrottleOptions kAddressThrottle{.free_failures = 20};
constexpr std::string_view kBearer = "Bearer ";
constexpr std::size_t kTokenMaxBytes = 256;
constexpr std::size_t kAccessKeyIdMaxBytes = 128;
constexpr std::chrono::seconds kRetryAfter{5};

ServiceResponse json_response(std::string body) {
  return {200,
          {{"Content-Type", "application/json;charset=utf-8"}, {"Cache-Control", "no-store"}},
          std::move(body)};
}

int status_of(Errc code) {
  switch (code) {
    case Errc::kCredential:
      return 401;
    case Errc::kThrottled:
      return 429;
    case Errc::kInvalid:
      return 400;
    default:
      return 503;
  }
}

struct Login {
  std::string username;
  Secret password;
};

/// nullopt: the body is not a login.
std::optional<Login> parse_login(std::string_view body) {
  nlohmann::json document = nlohmann::json::parse(body, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  const auto name = document.find("username");
  const auto password = document.find("password");
  if (name == document.end() || !name->is_string()) return std::nullopt;
  if (password == document.end() || !password->is_string()) return std::nullopt;
  return Login{name->get<std::string>(), Secret(std::move(password->get_ref<std::string&>()))};
}

/// Put together by hand: a JSON library would leave copies of the secret in freed memory. Token and
/// times need no escaping.
std::string token_json(const IssuedToken& issued) {
  std::string body = R"({"StatusCode":200,"token":")";
  body += issued.token.reveal();
  return body + R"(","expires_at":")" + format_iso8601(issued.expires_at) + "\"}";
}

/// The text as JSON, quotes included.
std::string as_json(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string credentials_json(const sts::Session& session, const FolderConfig& folder,
                             const std::string& prefix) {
  const auto flag = [](bool value) { return value ? "true" : "false"; };
  std::string body;
  body.reserve(2'048 + session.security_token.size_bytes());
  body += R"({"StatusCode":200,"AccessKeyId":)" + as_json(session.access_key_id);
  body += R"(,"AccessKeySecret":")";  // visible ASCII, checked when it came
  body += session.access_key_secret.reveal();
  body += R"(","SecurityToken":")";
  body += session.security_token.reveal();
  body += R"(","Expiration":")" + format_iso8601(session.expiration) + '"';
  body += R"(,"Endpoint":)" + as_json(folder.endpoint) + R"(,"Region":)" + as_json(folder.region);
  body += R"(,"Bucket":)" + as_json(folder.bucket) + R"(,"Prefix":)" + as_json(prefix);
  body += std::string(R"(,"Permissions":)") +
          (folder.access == sts::Access::kReadOnly ? R"("ro")" : R"("rw")");
  body += std::string(R"(,"Versioning":)") + flag(folder.versioning);
  body += std::string(R"(,"HierarchicalNamespace":)") + flag(folder.hierarchical_namespace);
  return body + R"(,"QuotaBytes":0,"UsedBytes":0})";
}

bool is_harmless(std::string_view text) {
  return text.find_first_of("\"\\") == std::string_view::npos;
}

std::string retry_after(std::chrono::milliseconds wait) {
  return std::to_string(
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(wait).count()));
}

}  // namespace

ServiceResponse error_response(int status, std::string_view code, std::string_view message) {
  ServiceResponse response =
      json_response(R"({"StatusCode":)" + std::to_string(status) + R"(,"ErrorCode":)" +
                    as_json(code) + R"(,"ErrorMessage":)" + as_json(message) + "}");
  response.status = status;
  return response;
}

std::string throttle_address(const std::string& address) {
  in6_addr six{};
  if (inet_pton(AF_INET6, address.c_str(), &six) != 1) return address;
  std::fill(six.s6_addr + 8, six.s6_addr + 16, std::uint8_t{0});
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, &six, text.data(), text.size());
  return std::string(text.data()) + "/64";
}

Service::Service(std::shared_ptr<const Settings> settings, UserStore& store, AuditLog& audit,
                 std::string dummy_hash, const Clock& clock)
    : store_(store),
      audit_(audit),
      dummy_hash_(std::move(dummy_hash)),
      clock_(clock),
      users_(kUserThrottle, clock),
      addresses_(kAddressThrottle, clock),
      cache_(clock),
      settings_(std::move(settings)) {}

Result<std::unique_ptr<Service>> Service::create(std::shared_ptr<const Settings> settings,
                                                 UserStore& store, AuditLog& audit,
                                                 const PasswordCost& cost, const Clock& clock) {
  auto dummy = hash_password(Secret(random_hex(16)), cost);
  if (!dummy) return fail(std::move(dummy.error()));
  return std::unique_ptr<Service>(
      new Service(std::move(settings), store, audit, std::move(*dummy), clock));
}

void Service::reload(std::shared_ptr<const Settings> settings) {
  {
    MutexLock lock(mutex_);
    settings_.swap(settings);
  }
  cache_.clear();
}

std::shared_ptr<const Settings> Service::settings() const {
  MutexLock lock(mutex_);
  return settings_;
}

ServiceResponse Service::failed(const Error& error) const {
  const int status = status_of(error.code);
  if (status == 503 || status == 429) {
    ServiceResponse response =
        status == 429
            ? error_response(429, "TooManyAttempts", error.message)
            : error_response(503, "ServiceUnavailable",
                             "the vending server cannot get credentials now, try again soon");
    const auto wait =
        error.retry_after.count() > 0 ? error.retry_after : std::chrono::milliseconds(kRetryAfter);
    response.headers.push_back({"Retry-After", retry_after(wait)});
    return response;
  }
  return error_response(status, status == 401 ? "Unauthorized" : "InvalidRequest", error.message);
}

ServiceResponse Service::handle(ServiceRequest request) {
  struct Route {
    std::string_view path;
    std::string_view method;
    ServiceResponse (Service::*handler)(const ServiceRequest&);
  };
  static constexpr std::array<Route, 3> kRoutes{
      {{"/v1/login", "POST", &Service::login},
       {"/v1/token", "POST", &Service::token},
       {"/v1/credentials", "GET", &Service::credentials}}};
  for (const Route& route : kRoutes) {
    if (request.path != route.path) continue;
    if (request.method == route.method) return (this->*route.handler)(request);
    ServiceResponse response =
        error_response(405, "MethodNotAllowed", "use " + std::string(route.method));
    response.headers.push_back({"Allow", std::string(route.method)});
    return response;
  }
  return error_response(404, "NotFound", "there is nothing here");
}

// --- login ---

Result<std::string> Service::check_password(const ServiceRequest& request, const std::string& name,
                                            const Secret& password) {
  // What cannot be a name is counted as one of them, or a flood of odd names would fill the table.
  const bool possible = sts::check_user_name(name).has_value();
  const std::string counted = possible ? to_lower(name) : "(no name)";
  const std::string address = throttle_address(request.address);
  auto wait = addresses_.attempt(address);
  if (wait.count() == 0) {
    wait = users_.attempt(counted);
    if (wait.count() > 0) addresses_.take_back(address);
  }
  if (wait.count() > 0) {
    Error error{Errc::kThrottled, "too many failed logins, try again later", wait};
    return fail(std::move(error));
  }
  Result<std::optional<User>> user = std::optional<User>();
  if (possible) user = store_.find(name);
  if (!user) return fail(std::move(user.error()));
  const Secret nothing;
  const bool usable = password.size_bytes() <= kPasswordMaxBytes;
  const bool right =
      verify_password(*user ? (*user)->password_hash : dummy_hash_, usable ? password : nothing);
  const bool good = right && usable && *user && (*user)->enabled;
  AuditEvent event{.action = "login", .address = request.address, .allowed = good};
  if (*user) event.user = name;
  if (!good) event.reason = !*user ? "unknown user" : right ? "disabled" : "wrong password";
  audit_.record(event);
  if (!good) return fail(Errc::kCredential, "unknown user or wrong password");
  users_.succeeded(counted);
  addresses_.take_back(address);
  return name;
}

ServiceResponse Service::login(const ServiceRequest& request) {
  auto login = parse_login(request.body.reveal());
  if (!login)
    return error_response(400, "InvalidRequest", "the body reads {\"username\", \"password\"}");
  auto user = check_password(request, login->username, login->password);
  if (!user) {
    if (user.error().code == Errc::kThrottled)
      audit_.record({.action = "login", .address = request.address, .reason = "throttled"});
    return failed(user.error());
  }
  auto issued = store_.issue(*user, settings()->config.token_lifetime);
  if (!issued) {
    log_error("vend", "{}", issued.error().message);
    return failed(issued.error());
  }
  return json_response(token_json(*issued));
}

// --- what needs a token ---

Result<std::string> Service::authenticate(const ServiceRequest& request, const char* action,
                                          Secret& token) {
  const std::string_view header = request.authorization.reveal();
  AuditEvent event{.action = action, .address = request.address};
  if (header.size() > kBearer.size() && header.size() <= kBearer.size() + kTokenMaxBytes &&
      equals_ignoring_case(header.substr(0, kBearer.size()), kBearer)) {
    token = Secret(trim(header.substr(kBearer.size())));
    auto user = store_.use(token);
    if (!user) {
      log_error("vend", "{}", user.error().message);
      return fail(Errc::kUnavailable, user.error().message);
    }
    if (*user) return **user;
    event.reason = "unknown, expired or revoked token";
  } else {
    event.reason = "no token";
  }
  audit_.record(event);
  return fail(Errc::kCredential, "the login is not valid or has expired; log in again");
}

ServiceResponse Service::token(const ServiceRequest& request) {
  Secret token;
  auto user = authenticate(request, "token", token);
  if (!user) return failed(user.error());
  auto issued = store_.succeed(token, *user, settings()->config.token_lifetime);
  if (!issued) {
    log_error("vend", "{}", issued.error().message);
    return failed(issued.error());
  }
  audit_.record({.action = "token", .user = *user, .address = request.address, .allowed = true});
  return json_response(token_json(*issued));
}

ServiceResponse Service::credentials(const ServiceRequest& request) {
  Secret token;
  auto user = authenticate(request, "credentials", token);
  if (!user) return failed(user.error());
  return hand_out(request, *user, *settings());
}

Result<sts::Session> Service::assume(const std::string& user, const Settings& settings) {
  const FolderConfig& folder = settings.config.folder;
  const StsConfig& sts = settings.config.sts;
  auto prefix = sts::expand_prefix(folder.prefix, user);
  if (!prefix) return fail(std::move(prefix.error()));
  auto policy = sts::session_policy({.bucket = folder.bucket,
                                     .prefix = *prefix,
                                     .access = folder.access,
                                     .require_tls = folder.endpoint.starts_with("https://")});
  if (!policy) return fail(std::move(policy.error()));
  auto session = settings.sts->assume_role(settings.key,
                                           {.role_arn = sts.role_arn,
                                            .session_name = user,
                                            .duration = sts.duration,
                                            .policy = std::move(*policy),
                                            .external_id = sts.external_id},
                                           Deadline::in(clock_, sts.timeout), interrupt_);
  if (session && !(is_harmless(session->access_key_secret.reveal()) &&
                   is_harmless(session->security_token.reveal())))
    return fail(Errc::kProtocol, "STS gave a key with quotes in it");
  return session;
}

ServiceResponse Service::hand_out(const ServiceRequest& request, const std::string& user,
                                  const Settings& settings) {
  const Deadline deadline = Deadline::in(clock_, settings.config.sts.timeout);
  const std::string rejected =
      request.rejected.size() <= kAccessKeyIdMaxBytes ? request.rejected : std::string();
  AuditEvent event{.action = "credentials", .user = user, .address = request.address};
  auto session = cache_.get(
      user, rejected, [&](const std::string& name) { return assume(name, settings); }, deadline);
  if (!session) {
    event.reason = session.error().message;
    audit_.record(event);
    Error error = session.error();
    error.code = Errc::kUnavailable;  // whatever STS holds against us is not the person's doing
    return failed(error);
  }
  event.allowed = true;
  event.access_key_id = (*session)->access_key_id;
  event.expiration = format_iso8601((*session)->expiration);
  event.request_id = (*session)->request_id;
  audit_.record(event);
  const auto prefix = sts::expand_prefix(settings.config.folder.prefix, user);
  if (!prefix) return failed(prefix.error());
  return json_response(credentials_json(**session, settings.config.folder, *prefix));
}

}  // namespace stsfs::vend
