#pragma once

#include <memory>
#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"

namespace stsfs::vend {

/// One decision. What is empty is left out of the line. Never a secret: an access key id is none.
struct AuditEvent {
  std::string action;  ///< `login`, `token`, `credentials`, `user.add`, …
  std::string user;    ///< Only names that exist: what a stranger types may be a password.
  std::string address;
  bool allowed = false;
  std::string reason;
  std::string access_key_id;
  std::string session;     ///< The ARN that stands in OSS's own logs.
  std::string expiration;  ///< Of the credential.
  std::string request_id;  ///< Of STS.
};

/// A JSON line for each decision, appended to a file of mode 0600, or to the log.
///
/// Threads: every call on any thread; a line is one write, so that several processes may append.
class AuditLog {
 public:
  /// `path` empty: with the rest of the log. With `sync` a line is on the disk before the decision
  /// takes effect.
  static Result<std::unique_ptr<AuditLog>> open(const std::string& path, const Clock& clock,
                                                bool sync = false);

  void record(const AuditEvent& event) STSFS_EXCLUDES(mutex_);
  /// After the file was moved away (logrotate).
  Result<void> reopen() STSFS_EXCLUDES(mutex_);

 private:
  AuditLog(std::string path, UniqueFd fd, const Clock& clock, bool sync)
      : path_(std::move(path)), clock_(clock), sync_(sync), fd_(std::move(fd)) {}

  const std::string path_;
  const Clock& clock_;
  const bool sync_;
  Mutex mutex_;  // a leaf; held for one write to a local file
  UniqueFd fd_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::vend
