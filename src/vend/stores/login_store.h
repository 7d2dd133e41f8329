#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "sql.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/secret.h"

namespace stsfs::vend {

struct IssuedToken {
  Secret token;
  WallTime expires_at;
};

/// What a token opens.
enum class LoginKind {
  kMount,  ///< The wire under /v1.
  kWeb,    ///< The pages under /device, for some minutes, from a cookie.
};

/// Whose token it is.
struct Login {
  std::string name;
  WallTime expires_at;
};

/// For people: a token is named by the beginning of its hash.
struct LoginSummary {
  std::string id;
  std::string name;
  WallTime issued_at;
  WallTime expires_at;
};

/// Login tokens: random, kept as SHA-256 only.
///
/// A token's successor ends it when it is first used, not when it is issued, so that a lost answer
/// loses nothing. One that comes back long after that was copied by somebody: all that descend from
/// the same login are ended.
///
/// Threads:  every call on any thread, in several processes at once.
/// Errors:   those of SqlDatabase.
/// Lifetime: the database outlives it.
class LoginStore {
 public:
  static constexpr std::int64_t kPerUserMax = 64;  ///< Good ones; the oldest goes first.
  /// Two processes of one person may race for this long without being taken for thieves.
  static constexpr std::chrono::seconds kReuseGrace{60};

  LoginStore(SqlDatabase& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// `proven` (may be null): the hash of the password that was given, at which this is a login and
  /// no longer one when the password was changed while it was being checked.
  /// Errors: kCredential when the user is not there, or disabled; kBusy when `proven` is past.
  Result<IssuedToken> issue(const std::string& name, std::chrono::seconds lifetime,
                            LoginKind kind = LoginKind::kMount,
                            const std::string* proven = nullptr);
  /// The enabled user whose token this is; nullopt when it is not good. Using a successor ends its
  /// predecessor. `reused` (may be null) is told the user whose ended token came back, and whose
  /// logins are ended for it.
  Result<std::optional<Login>> use(const Secret& token, LoginKind kind = LoginKind::kMount,
                                   std::string* reused = nullptr);
  /// `token` must have been used() before. A successor that was never used is forgotten.
  /// Errors: kCredential when `token` was ended meanwhile.
  Result<IssuedToken> succeed(const Secret& token, std::chrono::seconds lifetime);
  /// Ends this login with all that descend from it. Unknown: nothing to do.
  Result<void> end(const Secret& token);

  /// The good logins for mounts, of one user or of all; newest first, at most 10,000.
  Result<std::vector<LoginSummary>> list(const std::string& name);
  /// Ends the login with this id, with all that descend from the same one. Errors: kNotFound.
  Result<void> revoke(const std::string& id);
  /// Forgets what has expired. For now and then.
  Result<void> sweep();

 private:
  std::int64_t now() const;
  Result<IssuedToken> insert(SqlSession& session, const std::string& name, LoginKind kind,
                             const std::string& family, const std::string& predecessor,
                             std::chrono::seconds lifetime);
  Result<void> first_use(const std::string& hash, const std::string& name);
  Result<void> end_family(SqlSession& session, const std::string& hash);

  SqlDatabase& database_;
  const Clock& clock_;
};

/// SHA-256 in lower hex: how tokens and device codes are kept.
std::string hash_of(const Secret& token);

}  // namespace stsfs::vend
