#pragma once

#include <chrono>
#include <string>

#include "audit.h"
#include "metrics.h"
#include "stores/login_store.h"
#include "stores/password.h"
#include "stores/user_store.h"
#include "stsfs/base/secret.h"
#include "throttle.h"

namespace stsfs::vend {

/// Who says to be who.
struct SignInAttempt {
  std::string name;
  const Secret& password;
  std::string address;
  const char* action = "login";  ///< Under which it is written down.
  LoginKind kind = LoginKind::kMount;
  std::chrono::seconds lifetime{0};  ///< Of the login.
  int lockout_failures = 0;          ///< As in [limits].
};

/// Checks a name and a password: slows down who keeps failing, works the same whatever is wrong,
/// and writes down what was decided.
///
/// Threads:  every call on any thread that may be busy for some 100 ms.
/// Lifetime: all that it is given outlives it.
class SignIn {
 public:
  SignIn(UserStore& users, LoginStore& logins, Throttle& throttle, const PasswordChecker& checker,
         AuditLog& audit, Metrics& metrics)
      : users_(users),
        logins_(logins),
        throttle_(throttle),
        checker_(checker),
        audit_(audit),
        metrics_(metrics) {}

  /// A login of the user whose password it is. What is written down is what is answered.
  /// Errors: kThrottled with when to try again; kCredential; kBusy when the password was changed
  ///         while it was checked; those of the store.
  Result<IssuedToken> log_in(const SignInAttempt& attempt);

 private:
  /// Tells `event` whose login it is, and why it is refused where the error may not.
  Result<IssuedToken> decide(const SignInAttempt& attempt, AuditEvent& event);
  Result<void> admit(const std::string& counted, const std::string& address, int lockout_failures);
  void renew_hash(User& user, const Secret& password);

  UserStore& users_;
  LoginStore& logins_;
  Throttle& throttle_;
  const PasswordChecker& checker_;
  AuditLog& audit_;
  Metrics& metrics_;
};

/// The address as failures are counted: an IPv6 one by its /64, which one person has to himself.
std::string throttle_address(const std::string& address);
/// Under what a name's failures are counted. What cannot be a name is counted as one.
std::string counted_name(const std::string& name);

}  // namespace stsfs::vend
