#pragma once

#include <chrono>
#include <optional>

#include "stsfs/base/clock.h"

namespace stsfs::credentials {

/// What time it is by the server's clock, which is what an `Expiration` is judged by.
///
/// Heard once, it is carried on by the steady clock: a step of our wall clock, or a night of
/// suspend, moves nothing. Not thread-safe; its owner locks.
class ServerClock {
 public:
  explicit ServerClock(const Clock& clock) : clock_(clock) {}

  /// A `Date` came with an answer. It has whole seconds: where our own clock agrees within that
  /// second, ours is the finer one.
  void heard(WallTime date);
  /// Whoever signs measured how far OSS is ahead of us. Goes before what other servers say.
  void set_offset(std::chrono::milliseconds offset);

  /// How far ahead of our wall clock; zero until measured. Follows a step of ours by itself.
  std::chrono::milliseconds offset() const;
  WallTime now() const;

 private:
  struct Anchor {
    WallTime server;
    SteadyTime steady;
  };
  WallTime carried_on(const Anchor& anchor) const;

  const Clock& clock_;
  std::optional<Anchor> measured_;
  std::optional<Anchor> heard_;
};

}  // namespace stsfs::credentials
