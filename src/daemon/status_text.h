#pragma once

#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/control/status.h"

namespace stsfs::daemon {

/// A mount's status for people: what is wrong comes with what to do. `now` is what times are
/// relative to.
std::string status_text(const control::Status& status, WallTime now);

}  // namespace stsfs::daemon
