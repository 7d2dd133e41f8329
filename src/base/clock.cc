#include "stsfs/base/clock.h"

#include <time.h>

#include <algorithm>

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
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(when_ - clock.steady());
  return std::max(left, std::chrono::milliseconds(0));
}

}  // namespace stsfs
