#include "stsfs/base/clock.h"

#include <time.h>

namespace stsfs {
namespace {

class MachineClock final : public Clock {
 public:
  WallTime wall() const override {
    return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
  }
  SteadyTime steady() const override { return BootClock::now(); }
};

}  // namespace

BootClock::time_point BootClock::now() noexcept {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return time_point(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

const Clock& system_clock() {
  static const MachineClock clock;
  return clock;
}

std::chrono::milliseconds Deadline::left(const Clock& clock) const {
  const SteadyTime now = clock.steady();
  // Compared first: a deadline far in the past is farther than a duration can say.
  if (when_ <= now) return std::chrono::milliseconds(0);
  return std::chrono::ceil<std::chrono::milliseconds>(when_ - now);
}

}  // namespace stsfs
