#pragma once

#include <chrono>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"

namespace stsfs::fakes {

/// A clock that stands still until it is told to go on. Starts on 2026-01-02 03:04:05 UTC.
///
/// Threads: every call on any thread.
class FakeClock final : public Clock {
 public:
  WallTime wall() const override {
    MutexLock lock(mutex_);
    return wall_;
  }
  SteadyTime steady() const override {
    MutexLock lock(mutex_);
    return steady_;
  }
  void advance(std::chrono::nanoseconds by) {
    MutexLock lock(mutex_);
    wall_ += by;
    steady_ += by;
  }
  /// Somebody sets the clock on the wall; the other one goes on as it did.
  void set_wall(WallTime now) {
    MutexLock lock(mutex_);
    wall_ = now;
  }

 private:
  mutable Mutex mutex_;  // a leaf
  WallTime wall_ STSFS_GUARDED_BY(mutex_) = WallTime(std::chrono::seconds(1'767'323'045));
  SteadyTime steady_ STSFS_GUARDED_BY(mutex_) = SteadyTime(std::chrono::hours(1));
};

}  // namespace stsfs::fakes
