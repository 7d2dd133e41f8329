#include "office.h"

#include <algorithm>

#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::vend {
namespace {

constexpr std::size_t kLoginTokenMaxBytes =
    12 * 1024;  // an OpenID provider's; headers have 16 KiB in all

void merge(std::vector<std::string>& groups, const std::vector<std::string>& more) {
  groups.insert(groups.end(), more.begin(), more.end());
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
}

}  // namespace

Office::Office(std::shared_ptr<const Settings> settings, AccessKeys access_keys,
               std::unique_ptr<PasswordChecker> checker, SqlDatabase& the_database,
               AuditLog& audit_log, const Clock& the_clock)
    : database(the_database),
      audit(audit_log),
      clock(the_clock),
      users(database, clock),
      logins(database, clock),
      devices(database, clock),
      throttle(database, clock),
      passwords(std::move(checker)),
      sign_in(users, logins, throttle, *passwords, audit, metrics),
      rate_limit(clock),
      user_limit(clock),
      keys(std::move(access_keys)),
      sessions(keys, metrics, clock, interrupt),
      cache(clock),
      usage(database, sessions, audit, metrics, clock, interrupt),
      settings_(std::move(settings)) {}

Office::~Office() {
  interrupt.raise();
  record_refusals(rate_limit.rest(), false);
  record_refusals(user_limit.rest(), true);
}

void Office::record_refusals(const std::vector<Refusals>& told, bool of_users,
                             const std::string& address) {
  for (const Refusals& one : told) {
    AuditEvent event{.action = "requests", .reason = "too many requests"};
    if (one.more > 0) event.reason += ": " + std::to_string(one.more) + " more were refused";
    // The first is this request, whose address is no network.
    if (one.more == 0) event.address = address;
    if (of_users)
      event.user = one.client;
    else if (event.address.empty())
      event.address = one.client;
    audit.record(event);
  }
}

std::shared_ptr<const Settings> Office::settings() const {
  MutexLock lock(mutex_);
  return settings_;
}

void Office::replace(std::shared_ptr<const Settings> settings) {
  {
    MutexLock lock(mutex_);
    settings_.swap(settings);
  }
  cache.clear();
}

tl::unexpected<Error> Office::refuse(const ServiceRequest& request, const char* action,
                                     const std::string& reason) {
  metrics.add(Count::kTokensRefused);
  audit.record({.action = action, .address = request.address, .reason = reason});
  return fail(Errc::kCredential, "the login is not valid or has expired; log in again");
}

Result<Caller> Office::authenticate(const ServiceRequest& request, const char* action) {
  auto caller = identify(request, action);
  if (!caller) return caller;
  const auto verdict = user_limit.ask(caller->name, settings()->config.limits.requests_per_second);
  record_refusals(verdict.told, true, request.address);
  if (verdict.allowed) return caller;
  metrics.add(Count::kRateLimited);
  Error error{Errc::kThrottled, "too many requests of this user", std::chrono::seconds(1)};
  return fail(std::move(error));
}

Result<Caller> Office::identify(const ServiceRequest& request, const char* action) {
  const std::string_view token = bearer_of(request, kLoginTokenMaxBytes);
  if (token.empty()) return refuse(request, action, "no token");
  const auto present = settings();
  if (looks_like_jwt(token)) {
    if (present->oidc) return by_provider(request, token, *present, action);
    return refuse(request, action, "no OpenID provider is configured");
  }
  return by_login_token(request, Secret(token), action);
}

Result<Caller> Office::by_login_token(const ServiceRequest& request, const Secret& token,
                                      const char* action) {
  std::string reused;
  auto login = logins.use(token, LoginKind::kMount, &reused);
  if (!login) {
    log_error("vend", "{}", login.error().message);
    return fail(Errc::kUnavailable, login.error().message);
  }
  if (!reused.empty()) {
    metrics.add(Count::kTokensReused);
    audit.record({.action = "token.reuse",
                  .user = reused,
                  .address = request.address,
                  .reason = "a token that was replaced came back: its successors are ended"});
  }
  if (!*login) return refuse(request, action, "unknown, expired or revoked token");
  auto user = users.find((*login)->name);
  if (!user) return fail(Errc::kUnavailable, user.error().message);
  if (!*user) return refuse(request, action, "the user is gone");
  return Caller{(*login)->name, std::move((*user)->groups), (*login)->expires_at, true};
}

Result<Caller> Office::by_provider(const ServiceRequest& request, std::string_view token,
                                   const Settings& present, const char* action) {
  auto person = present.oidc->check(token, interrupt);
  if (!person) {
    if (person.error().code == Errc::kCredential)
      return refuse(request, action, person.error().message);
    return fail(Errc::kUnavailable, person.error().message);
  }
  auto user = users.find(person->name);
  if (user && !*user && present.config.oidc.provision) {
    auto added = users.add(person->name, "", person->issuer);
    if (added)
      audit.record({.action = "user.add",
                    .user = person->name,
                    .address = request.address,
                    .allowed = true,
                    .reason = "came with a token of " + person->issuer});
    user = users.find(person->name);
  }
  if (!user) return fail(Errc::kUnavailable, user.error().message);
  if (!*user) return refuse(request, action, "the token's user is not known here");
  if (!(*user)->enabled) return refuse(request, action, "disabled");
  if ((*user)->origin != person->issuer && !present.config.oidc.local_users)
    return refuse(request, action, "the token's user has the name of somebody else");
  Caller caller{person->name, std::move((*user)->groups), person->expires_at, false};
  merge(caller.groups, person->groups);
  return caller;
}

}  // namespace stsfs::vend
