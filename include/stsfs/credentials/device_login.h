#pragma once

#include <chrono>
#include <functional>

#include "stsfs/base/await.h"
#include "stsfs/credentials/vending_client.h"

namespace stsfs::credentials {

/// Waits in real time, or not at all in a test; kInterrupted.
using Pause = std::function<Result<void>(std::chrono::milliseconds time)>;

/// Asks until somebody has confirmed `code`, as RFC 8628, 3.5 wants it: never faster than the
/// server's interval, 5 s slower after each `slow_down`, and with growing pauses while the server
/// is away; until the code expires by the steady clock.
///
/// Errors: kTimedOut (the code expired), kDenied (somebody said no), kInterrupted, kCredential and
///         whatever else the server refuses for good.
Result<LoginToken> wait_for_device_login(VendingClient& client, const DeviceCode& code,
                                         const Clock& clock, const Pause& pause,
                                         Interrupt& interrupt);

/// A pause of the machine's time.
Pause real_pause(Interrupt& interrupt);

}  // namespace stsfs::credentials
