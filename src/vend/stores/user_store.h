#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sql.h"
#include "stsfs/base/clock.h"

namespace stsfs::vend {

struct User {
  std::string name;
  std::string password_hash;  ///< Empty: no password opens it.
  bool enabled = true;
  WallTime created_at;
  std::string origin;  ///< The issuer whose tokens the person comes with; empty: a password user.
  std::vector<std::string> groups;  ///< Sorted.
};

/// What is to be different for a user. What is not set stays.
struct UserChange {
  std::optional<std::string> password_hash;
  std::optional<bool> enabled;
  std::optional<std::vector<std::string>> groups;
};

/// The people the server knows, and the groups they are in.
///
/// Threads:  every call on any thread, in several processes at once.
/// Errors:   those of SqlDatabase; kNotFound, kExists, kInvalid (names).
/// Lifetime: the database outlives it.
class UserStore {
 public:
  UserStore(SqlDatabase& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// With all of it, or not at all: without its groups a user might have more than is meant. Where
  /// nobody but us names the user (no origin), a name that differs from another's in case only is
  /// kExists: two people would mix up their folders.
  Result<void> add(const std::string& name, const std::string& password_hash,
                   const std::string& origin = {}, const std::vector<std::string>& groups = {});
  /// What `add` without an origin would say of the name: to be asked before a password is.
  Result<void> check_new(const std::string& name);
  /// All of it or nothing. Another password, and disabling, end all logins, also those of devices
  /// that the user let in and that have not come for their token.
  Result<void> change(const std::string& name, const UserChange& change);
  Result<void> set_password(const std::string& name, const std::string& password_hash) {
    return change(name, {.password_hash = password_hash});
  }
  /// The same password, hashed at another cost; false, and nothing done, when it was changed
  /// meanwhile.
  Result<bool> replace_hash(const User& user, const std::string& password_hash);
  Result<void> set_enabled(const std::string& name, bool enabled) {
    return change(name, {.enabled = enabled});
  }
  Result<void> set_groups(const std::string& name, const std::vector<std::string>& groups) {
    return change(name, {.groups = groups});
  }
  /// With everything that hangs on it.
  Result<void> remove(const std::string& name);
  Result<std::vector<User>> list();
  /// nullopt: there is no such user.
  Result<std::optional<User>> find(const std::string& name);

 private:
  SqlDatabase& database_;
  const Clock& clock_;
};

/// 1 to 64 of `a-z A-Z 0-9 . @ _ -`.
Result<void> check_group_name(const std::string& name);

std::int64_t to_unix_ms(WallTime time);
WallTime from_unix_ms(std::int64_t milliseconds);

}  // namespace stsfs::vend
