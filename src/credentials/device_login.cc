#include "stsfs/credentials/device_login.h"

#include <algorithm>

#include "waiting.h"

namespace stsfs::credentials {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kSlowDown{5};  // RFC 8628, 3.5
constexpr seconds kPauseMax{60};
constexpr seconds kAskTimeout{20};

bool may_pass(Errc code) {
  return code == Errc::kUnavailable || code == Errc::kTimedOut || code == Errc::kThrottled;
}

tl::unexpected<Error> expired() {
  return fail(Errc::kTimedOut, "the code expired before it was confirmed; remedy: log in again");
}

}  // namespace

Pause real_pause(Interrupt& interrupt) {
  return [&interrupt](milliseconds time) -> Result<void> {
    if (wait_for(time, interrupt)) return {};
    return fail(Errc::kInterrupted, "interrupted");
  };
}

Result<LoginToken> wait_for_device_login(VendingClient& client, const DeviceCode& code,
                                         const Clock& clock, const Pause& pause,
                                         Interrupt& interrupt) {
  const Deadline end = Deadline::in(clock, code.expires_in);
  seconds interval = code.interval;
  milliseconds extra{0};  // while the server is away
  for (;;) {
    if (auto waited = pause(interval + extra); !waited) return fail(std::move(waited.error()));
    if (end.passed(clock)) return expired();
    auto answer =
        client.ask_device_login(code, std::min(end, Deadline::in(clock, kAskTimeout)), interrupt);
    if (!answer) {
      if (!may_pass(answer.error().code)) return fail(std::move(answer.error()));
      extra = std::clamp<milliseconds>(extra * 2, interval, kPauseMax);
      extra = std::max(extra, answer.error().retry_after);
      continue;
    }
    extra = milliseconds(0);
    if (auto* token = std::get_if<LoginToken>(&*answer)) return std::move(*token);
    switch (std::get<DeviceState>(*answer)) {
      case DeviceState::kPending:
        break;
      case DeviceState::kSlowDown:
        interval += kSlowDown;
        break;
      case DeviceState::kExpired:
        return expired();
      case DeviceState::kDenied:
        return fail(Errc::kDenied, "the login was refused where it was to be confirmed");
    }
  }
}

}  // namespace stsfs::credentials
