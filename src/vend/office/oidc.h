#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/http/engine.h"
#include "stsfs/sign/jwt.h"

namespace stsfs::vend {

/// Who a provider's token says somebody is, in our names.
struct OidcPerson {
  std::string name;  ///< As check_user_name wants it.
  std::string issuer;
  std::vector<std::string> groups;
  WallTime expires_at;
};

/// Believes an OpenID provider's tokens.
///
/// The provider's keys are fetched when they are first needed, kept for an hour, and fetched again
/// when a token names a key that is not among them: at most once in half a minute, by one caller.
/// While the provider is away the keys that are there go on for a day.
///
/// Threads:  every call on any thread that may wait.
/// Lifetime: `engine` and `clock` outlive it.
class OidcVerifier {
 public:
  OidcVerifier(OidcConfig config, http::Engine& engine, const Clock& clock)
      : config_(std::move(config)), engine_(engine), clock_(clock) {}

  /// Errors: kCredential with what is wrong with the token; kUnavailable when the keys cannot be
  /// had.
  Result<OidcPerson> check(std::string_view token, Interrupt& interrupt) STSFS_EXCLUDES(mutex_);

 private:
  using Keys = std::shared_ptr<const std::vector<sign::JwtKey>>;

  Result<Keys> keys_for(const std::string& key_id, Interrupt& interrupt) STSFS_EXCLUDES(mutex_);
  bool must_fetch(const std::string& key_id) const STSFS_REQUIRES(mutex_);
  Result<Keys> fetch(Interrupt& interrupt);
  Result<std::string> get(const std::string& url, Deadline deadline, Interrupt& interrupt);
  Result<OidcPerson> person_of(const sign::JwtClaims& claims) const;

  const OidcConfig config_;
  http::Engine& engine_;
  const Clock& clock_;
  Mutex mutex_;  // a leaf; not held while keys are fetched
  Condition fetched_;
  bool fetching_ STSFS_GUARDED_BY(mutex_) = false;
  Keys keys_ STSFS_GUARDED_BY(mutex_);
  SteadyTime fetched_at_ STSFS_GUARDED_BY(mutex_);
  std::optional<SteadyTime> tried_at_ STSFS_GUARDED_BY(mutex_);
};

/// A provider's subject as a session name: itself where it is one, otherwise `oidc-` and a hash of
/// issuer and subject. No two subjects of one provider share a name.
std::string session_name_of(const std::string& issuer, const std::string& subject);

/// A token with two dots, as no login token of ours has.
bool looks_like_jwt(std::string_view token);

}  // namespace stsfs::vend
