#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"
#include "stsfs/base/secret.h"

namespace stsfs::vend {

struct User {
  std::string name;
  std::string password_hash;
  bool enabled = true;
  WallTime created_at;
};

struct IssuedToken {
  Secret token;
  WallTime expires_at;
};

/// Users and their login tokens, in one SQLite file.
///
/// Tokens are random and kept as SHA-256 only. A token's successor makes it invalid when it is
/// first used, not when it is issued, so that a lost answer loses nothing. Disabling a user or
/// changing the password ends all tokens at once.
///
/// Threads: every call on any thread, and several processes on one file (WAL): the command line
/// works while the server runs.
/// Errors:  kNotFound, kExists, kInvalid (names); kBusy when another process holds the file for
///          long; kNoSpace; kIo.
class UserStore {
 public:
  static constexpr std::size_t kTokensPerUserMax = 64;  ///< The oldest goes first.

  /// Creates the file, 0600, where it is missing; its directory must exist.
  static Result<std::unique_ptr<UserStore>> open(const std::string& path, const Clock& clock);
  ~UserStore();

  Result<void> add(const std::string& name, const std::string& password_hash);
  Result<void> set_password(const std::string& name, const std::string& password_hash);
  Result<void> set_enabled(const std::string& name, bool enabled);
  Result<std::vector<User>> list();
  /// nullopt: there is no such user.
  Result<std::optional<User>> find(const std::string& name);

  Result<IssuedToken> issue(const std::string& name, std::chrono::seconds lifetime);
  /// The name of the enabled user whose token this is; nullopt when it is not valid. Using a
  /// successor ends its predecessor.
  Result<std::optional<std::string>> use(const Secret& token);
  /// `token` must have been used() before. A successor that was never used is forgotten.
  Result<IssuedToken> succeed(const Secret& token, const std::string& name,
                              std::chrono::seconds lifetime);

 private:
  struct Database;
  explicit UserStore(std::unique_ptr<Database> database, const Clock& clock);
  std::int64_t now() const;

  const Clock& clock_;
  Mutex mutex_;
  const std::unique_ptr<Database> database_;  // used under mutex_
};

}  // namespace stsfs::vend
