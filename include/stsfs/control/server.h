#pragma once

#include <memory>
#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/base/log.h"
#include "stsfs/base/result.h"
#include "stsfs/control/status.h"

namespace stsfs::control {

/// What a daemon does for those who ask.
///
/// Threads: every call at once on any thread.
class Service {
 public:
  virtual ~Service() = default;
  virtual Status status() = 0;
  virtual Pending pending() = 0;
  /// Obtains a new credential now; returns when it is there, or why not.
  virtual Result<void> refresh(Deadline deadline) = 0;
  /// Forgets what is known of names and attributes at `path`, relative to the mount, and below.
  virtual void forget(const std::string& path) = 0;
  /// Tries what is pending again at once.
  virtual void hurry() = 0;
  virtual void set_log_level(LogLevel level) = 0;
};

/// Answers on a Unix socket: one line of JSON a request, one (with `drain` several) an answer.
///
///     {"command":"status"}                      {"ok":true,"status":{…}}
///     {"command":"refresh-credentials"}         {"ok":true}
///     {"command":"forget","path":"a/b"}         {"ok":true}
///     {"command":"log-level","level":"debug"}   {"ok":true}
///     {"command":"drain"}                       {"progress":{"files":3,"bytes":123}} … {"ok":true}
///     anything that fails                       {"ok":false,"code":"Credential","message":"…"}
///
/// Only this user and root are answered. Lines are at most kRequestMax, a client gets
/// kRequestTimeout to send one, and at most kConnectionsMax are served at once.
class Server {
 public:
  static constexpr std::size_t kRequestMax = 4096;
  static constexpr int kConnectionsMax = 16;
  static constexpr std::chrono::seconds kRequestTimeout{5};
  static constexpr std::chrono::seconds kRefreshTimeout{25};

  /// Makes `path` (0600) and its directory (0700). A socket that a killed daemon left there is
  /// replaced.
  ///
  /// Lifetime: `service` outlives it; the destructor ends what is being answered.
  static Result<std::unique_ptr<Server>> start(const std::string& path, Service& service,
                                               const Clock& clock);
  virtual ~Server() = default;
};

}  // namespace stsfs::control
