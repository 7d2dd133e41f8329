#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit.h"
#include "config/config.h"
#include "credential_cache.h"
#include "metrics.h"
#include "oidc.h"
#include "rate_limit.h"
#include "session_maker.h"
#include "sign_in.h"
#include "stores/device_store.h"
#include "stores/login_store.h"
#include "stores/password.h"
#include "stores/user_store.h"
#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/http/engine.h"
#include "throttle.h"
#include "usage_counter.h"
#include "wire.h"

namespace stsfs::vend {

/// What a reload replaces as one.
struct Settings {
  Config config;
  Secret admin_token;  ///< Empty: there is no administration over HTTP.
  std::unique_ptr<http::Engine> engine;
  StsClients sts;                             ///< Use `engine`.
  std::unique_ptr<http::Engine> oss_engine;   ///< Null: no folder is to be counted.
  std::unique_ptr<http::Engine> oidc_engine;  ///< Small answers, the provider's CAs.
  std::unique_ptr<OidcVerifier> oidc;         ///< Uses `oidc_engine`; null: no provider.
};

/// Who a request comes from.
struct Caller {
  std::string name;
  std::vector<std::string> groups;
  WallTime expires_at;    ///< Of the token.
  bool by_token = false;  ///< One of our own, that can be exchanged and ended.
};

/// What every route works with.
///
/// Threads:  everything in it may be used at once on any thread that may wait.
/// Lifetime: database, audit log and clock outlive it.
class Office {
 public:
  Office(std::shared_ptr<const Settings> settings, AccessKeys keys,
         std::unique_ptr<PasswordChecker> passwords, SqlDatabase& database, AuditLog& audit,
         const Clock& clock);
  ~Office();

  std::shared_ptr<const Settings> settings() const STSFS_EXCLUDES(mutex_);
  void replace(std::shared_ptr<const Settings> settings) STSFS_EXCLUDES(mutex_);

  /// The caller whose token came with the request, ours or an OpenID provider's; what was refused
  /// is written down. Errors: kCredential, kUnavailable; kThrottled when the user asks too often.
  Result<Caller> authenticate(const ServiceRequest& request, const char* action);

  /// Writes down what a limit of requests refused: of users, or of addresses. `address`: where this
  /// request comes from.
  void record_refusals(const std::vector<Refusals>& told, bool of_users,
                       const std::string& address = {});

  SqlDatabase& database;
  AuditLog& audit;
  const Clock& clock;
  Metrics metrics;
  Interrupt interrupt;  ///< Raised when the server stops: ends waits for STS.
  UserStore users;
  LoginStore logins;
  DeviceStore devices;
  Throttle throttle;
  const std::unique_ptr<PasswordChecker> passwords;
  SignIn sign_in;
  RateLimit rate_limit;  ///< By address.
  RateLimit user_limit;  ///< By user, wherever the requests come from.
  KeyRing keys;
  SessionMaker sessions;
  CredentialCache cache;
  UsageCounter usage;

 private:
  Result<Caller> identify(const ServiceRequest& request, const char* action);
  Result<Caller> by_login_token(const ServiceRequest& request, const Secret& token,
                                const char* action);
  Result<Caller> by_provider(const ServiceRequest& request, std::string_view token,
                             const Settings& settings, const char* action);
  tl::unexpected<Error> refuse(const ServiceRequest& request, const char* action,
                               const std::string& reason);

  mutable Mutex mutex_;  // a leaf, held for the copy of a pointer
  std::shared_ptr<const Settings> settings_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::vend
