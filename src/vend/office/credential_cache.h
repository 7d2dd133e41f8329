#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"
#include "stsfs/sts/assume_role.h"

namespace stsfs::vend {

using SessionSnapshot = std::shared_ptr<const sts::Session>;

/// Each user's present session: handed out until half of its life is left, then made anew by one
/// caller while the others still get the old one.
///
/// Making one takes a thread for as long as STS takes. While STS does not answer, few are lent to
/// it, over all users: the rest of the threads serve those whose session lives.
///
/// Threads: every call on any thread that may wait.
class CredentialCache {
 public:
  /// Makes a session for a user; may wait, with a bound of its own.
  using Make = std::function<Result<sts::Session>(const std::string& user)>;
  static constexpr std::size_t kUsersMax = 100'000;
  static constexpr int kThreadsForSilentSts = 8;

  explicit CredentialCache(const Clock& clock) : clock_(clock) {}

  /// `rejected` is the key that OSS refused, or empty. A user's session is dropped for it at most
  /// once in ten seconds, or in half of its life where that is shorter.
  ///
  /// Errors: what `make` said, when no living session is left; kTimedOut when another caller's
  ///         `make` outlasts `deadline`; kUnavailable while enough others wait for a silent STS.
  ///         After a failure `make` is left alone for a moment.
  Result<SessionSnapshot> get(const std::string& user, const std::string& rejected,
                              const Make& make, Deadline deadline) STSFS_EXCLUDES(mutex_);

  /// All are made anew: the configuration has changed.
  void clear() STSFS_EXCLUDES(mutex_);

 private:
  struct Entry {
    SessionSnapshot session;  ///< May be null or dead.
    SteadyTime arrived;
    SteadyTime expires;
    SteadyTime next_drop;
    SteadyTime not_before;  ///< No `make` until then, after a failure.
    std::optional<Error> last_error;
    bool making = false;
    Condition made;
  };
  using EntryPointer = std::shared_ptr<Entry>;

  EntryPointer entry_of(const std::string& user) STSFS_REQUIRES(mutex_);
  void drop_if_rejected(Entry& entry, const std::string& rejected) STSFS_REQUIRES(mutex_);
  bool alive(const Entry& entry) const { return entry.session && entry.expires > clock_.steady(); }
  bool fresh(const Entry& entry) const;
  Result<SessionSnapshot> make_new(const EntryPointer& entry, const std::string& user,
                                   const Make& make) STSFS_EXCLUDES(mutex_);
  void take(Entry& entry, Result<sts::Session> session) STSFS_REQUIRES(mutex_);
  Result<void> wait_for_other(Entry& entry, Deadline deadline) STSFS_REQUIRES(mutex_);
  bool enough_wait() const STSFS_REQUIRES(mutex_) {
    return sts_is_silent_ && waiting_for_sts_ >= kThreadsForSilentSts;
  }
  Result<SessionSnapshot> present(const Entry& entry) const STSFS_REQUIRES(mutex_);

  const Clock& clock_;
  Mutex mutex_;  // a leaf; never held while a session is made
  std::unordered_map<std::string, EntryPointer> entries_ STSFS_GUARDED_BY(mutex_);
  int waiting_for_sts_ STSFS_GUARDED_BY(mutex_) = 0;     ///< Who makes one, and who waits for it.
  bool sts_is_silent_ STSFS_GUARDED_BY(mutex_) = false;  ///< As the last attempt showed it.
};

}  // namespace stsfs::vend
