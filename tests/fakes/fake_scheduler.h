#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "fake_clock.h"
#include "stsfs/base/transfer.h"

namespace stsfs::fakes {

/// Timers that run when the test lets the clock go on, on the thread that does so.
///
/// Threads: `after` and dropping on any; `advance` and `run_next` on one.
class FakeScheduler final : public Scheduler {
 public:
  explicit FakeScheduler(FakeClock& clock);

  /// Without a delay at once: nobody lets the clock go on for that.
  Transfer after(std::chrono::milliseconds delay, UniqueFunction<void()> what) override;
  std::uint64_t ran_at_once() const { return ran_at_once_; }

  /// Lets time pass; every timer runs at its own moment, in order, those they start included.
  void advance(std::chrono::nanoseconds by);
  /// Goes on to the next timer and runs it; false when there is none.
  bool run_next();

  std::size_t pending() const;
  /// How long until the next timer.
  std::optional<std::chrono::nanoseconds> next_in() const;

 private:
  struct Timers;
  bool run_next_until(SteadyTime limit);

  FakeClock& clock_;
  const std::shared_ptr<Timers> timers_;
  std::atomic<std::uint64_t> ran_at_once_ = 0;
};

}  // namespace stsfs::fakes
