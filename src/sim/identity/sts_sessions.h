#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ram/ram_directory.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/secret.h"

namespace stsfs::sim {

/// What AssumeRole handed out: the key, bound to its token, role and session policy.
struct Session {
  std::string access_key_id;
  Secret secret;
  std::string token_digest;  ///< SHA-256: what requests are compared with.
  std::string token_text;    ///< For the admin port alone, whose tests look for it in logs.
  WallTime expires{};
  std::shared_ptr<const Role> role;
  std::string name;                      ///< RoleSessionName.
  std::string source_identity;           ///< Empty when none was given.
  std::shared_ptr<const Policy> policy;  ///< The session policy; null: all of the role's rights.

  std::string arn() const;               ///< `acs:ram::1:role/r/s`
  std::string assumed_role_arn() const;  ///< `arn:sts::1:assumed-role/r/s`
  std::string assumed_role_id() const;   ///< `<role-id>:s`
  bool owns_token(std::string_view token) const;
};

struct NewSession {
  std::shared_ptr<const Role> role;
  std::string name;
  std::string source_identity;
  std::shared_ptr<const Policy> policy;
  WallTime expires{};
};

/// A session and its token, as the caller gets it.
struct IssuedSession {
  std::shared_ptr<const Session> session;
  Secret token;
};

/// The sessions handed out, found by their key. Expired ones stay, so that they are answered with
/// SecurityTokenExpired, until the table is full; then the oldest go first.
///
/// Threads: every call may be made at once on any thread.
class SessionTable {
 public:
  /// Each session takes a page of locked memory for its secret.
  static constexpr std::size_t kSessionsMax = 16'384;

  explicit SessionTable(std::size_t sessions_max = kSessionsMax) : sessions_max_(sessions_max) {}

  IssuedSession create(NewSession wanted) STSFS_EXCLUDES(mutex_);
  /// Null when there never was one, or it is forgotten. Also finds expired and revoked ones.
  std::shared_ptr<const Session> find(std::string_view access_key_id) const STSFS_EXCLUDES(mutex_);

  /// Those that it has, the oldest first.
  std::vector<std::shared_ptr<const Session>> all() const STSFS_EXCLUDES(mutex_);

  /// Also for keys of users; the caller checks that there is such a key.
  void revoke(std::string_view access_key_id) STSFS_EXCLUDES(mutex_);
  bool is_revoked(std::string_view access_key_id) const STSFS_EXCLUDES(mutex_);
  std::size_t size() const STSFS_EXCLUDES(mutex_);

 private:
  const std::size_t sessions_max_;
  mutable Mutex mutex_;  // a leaf
  std::unordered_map<std::string, std::shared_ptr<const Session>> sessions_
      STSFS_GUARDED_BY(mutex_);
  std::deque<std::string> oldest_first_ STSFS_GUARDED_BY(mutex_);
  std::set<std::string, std::less<>> revoked_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::sim
