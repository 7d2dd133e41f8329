#include "sign_in.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs::vend {
namespace {

// Many people may sit behind one address: it is slowed later.
constexpr ThrottleOptions kAddressThrottle{.free_failures = 20};

}  // namespace

std::string throttle_address(const std::string& address) {
  in6_addr six{};
  if (inet_pton(AF_INET6, address.c_str(), &six) != 1) return address;
  std::fill(six.s6_addr + 8, six.s6_addr + 16, std::uint8_t{0});
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, &six, text.data(), text.size());
  return std::string(text.data()) + "/64";
}

std::string counted_name(const std::string& name) {
  // A flood of odd names would fill the table otherwise.
  return "user:" + (sts::check_user_name(name) ? to_lower(name) : std::string("(no name)"));
}

Result<void> SignIn::admit(const std::string& counted, const std::string& address,
                           int lockout_failures) {
  const bool lockable = !counted.ends_with("(no name)");
  auto verdict = throttle_.attempt(
      {{address, kAddressThrottle}, {counted, {.lock_after = lockable ? lockout_failures : 0}}});
  if (!verdict) return fail(std::move(verdict.error()));
  if (verdict->wait.count() == 0) return {};
  Error error{Errc::kThrottled,
              verdict->locked ? "too many failed logins: locked until an administrator unlocks it"
                              : "too many failed logins, try again later",
              verdict->wait};
  return fail(std::move(error));
}

void SignIn::renew_hash(User& user, const Secret& password) {
  const std::string fresh = checker_.rehash(user.password_hash, password);
  if (fresh.empty()) return;
  const auto renewed = users_.replace_hash(user, fresh);
  if (!renewed)
    log_warning("vend", "a password was not hashed anew: {}", renewed.error().message);
  else if (*renewed)
    user.password_hash = fresh;
}

Result<IssuedToken> SignIn::decide(const SignInAttempt& attempt, AuditEvent& event) {
  const std::string counted = counted_name(attempt.name);
  const std::string counted_address = "address:" + throttle_address(attempt.address);
  if (auto admitted = admit(counted, counted_address, attempt.lockout_failures); !admitted) {
    if (admitted.error().code == Errc::kThrottled) event.reason = "throttled";
    return fail(std::move(admitted.error()));
  }
  Result<std::optional<User>> user = std::optional<User>();
  if (sts::check_user_name(attempt.name)) user = users_.find(attempt.name);
  if (!user) return fail(std::move(user.error()));
  const bool right =
      checker_.verify(*user ? (*user)->password_hash : std::string(), attempt.password);
  if (*user) event.user = attempt.name;
  if (!right || !*user || !(*user)->enabled) {
    event.reason = !*user ? "unknown user" : right ? "disabled" : "wrong password";
    return fail(Errc::kCredential, "unknown user or wrong password");
  }
  if (auto noted = throttle_.passed(counted, counted_address); !noted)
    return fail(std::move(noted.error()));
  renew_hash(**user, attempt.password);
  return logins_.issue((*user)->name, attempt.lifetime, attempt.kind, &(*user)->password_hash);
}

Result<IssuedToken> SignIn::log_in(const SignInAttempt& attempt) {
  AuditEvent event{.action = attempt.action, .address = attempt.address};
  auto issued = decide(attempt, event);
  event.allowed = issued.has_value();
  if (!issued && event.reason.empty()) event.reason = issued.error().message;
  audit_.record(event);
  if (issued)
    metrics_.add(Count::kLoginsAllowed);
  else
    metrics_.add(issued.error().code == Errc::kThrottled ? Count::kLoginsThrottled
                                                         : Count::kLoginsRefused);
  return issued;
}

}  // namespace stsfs::vend
