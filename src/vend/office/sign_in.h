#pragma once

#include <memory>
#include <string>

#include "audit.h"
#include "metrics.h"
#include "stores/password.h"
#include "stores/user_store.h"
#include "stsfs/base/secret.h"
#include "throttle.h"

namespace stsfs::vend {

/// Checks a name and a password: slows down who keeps failing, works the same whatever is wrong,
/// and writes down what was decided.
///
/// Threads:  every call on any thread that may be busy for some 100 ms.
/// Lifetime: all that it is given outlives it.
class SignIn {
 public:
  SignIn(UserStore& users, Throttle& throttle, const PasswordChecker& checker, AuditLog& audit,
         Metrics& metrics)
      : users_(users), throttle_(throttle), checker_(checker), audit_(audit), metrics_(metrics) {}

  /// The user whose password it is, with its hash as it is kept now: see LoginStore::issue.
  /// Errors: kThrottled with when to try again; kCredential; those of the store.
  Result<User> check(const std::string& name, const Secret& password, const std::string& address,
                     int lockout_failures, const char* action);

 private:
  Result<void> admit(const std::string& counted, const std::string& address, int lockout_failures);
  void renew_hash(User& user, const Secret& password);

  UserStore& users_;
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
