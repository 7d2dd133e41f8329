#pragma once

#include <memory>
#include <string>
#include <vector>

#include "audit.h"
#include "config.h"
#include "credential_cache.h"
#include "password.h"
#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/secret.h"
#include "stsfs/http/engine.h"
#include "stsfs/sts/assume_role.h"
#include "throttle.h"
#include "user_store.h"

namespace stsfs::vend {

/// What of a request the service looks at.
struct ServiceRequest {
  std::string method;
  std::string path;
  Secret authorization;  ///< The value of `Authorization`.
  std::string rejected;  ///< `X-Stsfs-Rejected`
  Secret body;
  std::string address;  ///< The peer's, without its port.
};

struct ServiceResponse {
  int status = 200;
  std::vector<http::Header> headers;
  std::string body;  ///< JSON; may hold a secret: whoever sends it wipes it.
};

/// What a reload replaces as one.
struct Settings {
  Config config;
  sts::AccessKey key;
  std::unique_ptr<http::Engine> engine;
  std::unique_ptr<sts::Client> sts;  ///< Uses `engine`.
};

/// The vending wire, without a socket: who may, and what they get.
///
/// Threads:  `handle` may be called at once on any thread that may wait.
/// Lifetime: `store` and `audit` outlive it.
class Service {
 public:
  /// Hashes a dummy password of the same cost, so that an unknown name costs what a known one does.
  static Result<std::unique_ptr<Service>> create(std::shared_ptr<const Settings> settings,
                                                 UserStore& store, AuditLog& audit,
                                                 const PasswordCost& cost, const Clock& clock);

  ServiceResponse handle(ServiceRequest request);
  /// Takes effect with the next request; sessions are made anew.
  void reload(std::shared_ptr<const Settings> settings);
  /// Ends waits for STS: the server stops.
  void interrupt() { interrupt_.raise(); }

 private:
  Service(std::shared_ptr<const Settings> settings, UserStore& store, AuditLog& audit,
          std::string dummy_hash, const Clock& clock);

  struct Caller;
  ServiceResponse login(const ServiceRequest& request);
  ServiceResponse token(const ServiceRequest& request);
  ServiceResponse credentials(const ServiceRequest& request);
  /// The user whose token came with the request, or the refusal.
  Result<std::string> authenticate(const ServiceRequest& request, const char* action,
                                   Secret& token);
  Result<std::string> check_password(const ServiceRequest& request, const std::string& name,
                                     const Secret& password);
  ServiceResponse hand_out(const ServiceRequest& request, const std::string& user,
                           const Settings& settings);
  Result<sts::Session> assume(const std::string& user, const Settings& settings);
  std::shared_ptr<const Settings> settings() const;
  ServiceResponse failed(const Error& error) const;

  UserStore& store_;
  AuditLog& audit_;
  const std::string dummy_hash_;
  const Clock& clock_;
  Interrupt interrupt_;
  Throttle users_;
  Throttle addresses_;
  CredentialCache cache_;
  mutable Mutex mutex_;  // a leaf
  std::shared_ptr<const Settings> settings_ STSFS_GUARDED_BY(mutex_);
};

/// `{"StatusCode", "ErrorCode", "ErrorMessage"}`.
ServiceResponse error_response(int status, std::string_view code, std::string_view message);

/// The address as failures are counted: an IPv6 one by its /64, which one person has to himself.
std::string throttle_address(const std::string& address);

}  // namespace stsfs::vend
