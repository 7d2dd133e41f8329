#pragma once

#include <chrono>
#include <compare>

namespace stsfs {

/// Wall time: what stands in an `Expiration` or a `Last-Modified`.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/// Time that only goes forward, also while the machine sleeps (CLOCK_BOOTTIME), so that a
/// credential that expired during a suspend is known to have done so.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept;
};
using SteadyTime = BootClock::time_point;

/// Where time comes from, so that a test can make a token expire.
///
/// Threads: every call on any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual SteadyTime steady() const = 0;
};

/// The machine's clocks. Lives as long as the program.
const Clock& system_clock();

/// The moment after which nobody waits any more.
class Deadline {
 public:
  static Deadline at(SteadyTime when) { return Deadline(when); }
  static Deadline in(const Clock& clock, std::chrono::nanoseconds from_now) {
    return Deadline(clock.steady() + from_now);
  }

  bool passed(const Clock& clock) const { return clock.steady() >= when_; }
  /// Time left, never negative.
  std::chrono::milliseconds left(const Clock& clock) const;
  SteadyTime when() const { return when_; }

  auto operator<=>(const Deadline&) const = default;

 private:
  explicit Deadline(SteadyTime when) : when_(when) {}
  SteadyTime when_;
};

}  // namespace stsfs
