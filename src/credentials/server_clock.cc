#include "server_clock.h"

#include <algorithm>

namespace stsfs::credentials {

void ServerClock::heard(WallTime date) {
  const WallTime now = std::clamp(clock_.wall(), date, date + std::chrono::seconds(1));
  heard_ = Anchor{now, clock_.steady()};
}

void ServerClock::set_offset(std::chrono::milliseconds offset) {
  measured_ = Anchor{clock_.wall() + offset, clock_.steady()};
}

std::chrono::milliseconds ServerClock::offset() const {
  if (!measured_) return {};
  return std::chrono::round<std::chrono::milliseconds>(carried_on(*measured_) - clock_.wall());
}

WallTime ServerClock::now() const {
  if (measured_) return carried_on(*measured_);
  return heard_ ? carried_on(*heard_) : clock_.wall();
}

WallTime ServerClock::carried_on(const Anchor& anchor) const {
  return anchor.server + (clock_.steady() - anchor.steady);
}

}  // namespace stsfs::credentials
