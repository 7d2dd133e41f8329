#pragma once

#include <chrono>
#include <optional>

#include "stsfs/base/clock.h"
#include "stsfs/base/result.h"
#include "stsfs/credentials/renewer.h"

namespace stsfs::credentials {

/// When the next attempt at a renewal is due, and how long it may take. Pure but for its jitter.
/// Not thread-safe; its owner locks.
class Schedule {
 public:
  Schedule(const RenewerOptions& options, const Clock& clock) : options_(options), clock_(clock) {}

  /// A credential arrived that lives for `life` from now; nullopt: for ever.
  void arrived(std::optional<std::chrono::nanoseconds> life);
  /// An attempt failed: back off, further each time, `Retry-After` at least.
  void failed(std::chrono::milliseconds retry_after, bool somebody_waits);
  /// The server refused a key that was this young: treat it as a failure, so that keys that are
  /// refused on arrival are not asked for in a storm.
  void refused();
  /// Requests fail for want of a credential: the next attempt is due some seconds after the last
  /// one, whatever the back-off says, unless the server asked for more.
  void needed();
  /// A person asks: do not wait out a pause.
  void hurry();
  /// What we know of the server's clock has changed.
  void correct(std::chrono::nanoseconds life);

  bool expired() const { return expires_ && *expires_ <= clock_.steady(); }
  /// When the next attempt may start; nullopt: never by itself.
  std::optional<SteadyTime> next(bool wanted) const;
  Deadline deadline() const;
  bool pausing() const { return not_before_ > clock_.steady(); }
  std::optional<SteadyTime> due() const { return due_; }

 private:
  std::chrono::nanoseconds pause(std::chrono::nanoseconds longest);

  const RenewerOptions options_;
  const Clock& clock_;
  SteadyTime not_before_{};
  SteadyTime paused_since_{};          // what `not_before_` was last counted from
  SteadyTime asked_patience_until_{};  // by Retry-After
  SteadyTime arrived_{};
  std::optional<SteadyTime> expires_;
  std::optional<SteadyTime> due_;
  int failures_ = 0;
};

}  // namespace stsfs::credentials
