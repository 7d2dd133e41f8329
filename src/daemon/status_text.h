#pragma once

#include <cstdint>
#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/control/status.h"

namespace stsfs::daemon {

/// A mount's status for people: what is wrong comes with what to do. `now` is what times are
/// relative to.
std::string status_text(const control::Status& status, WallTime now);

/// How much is pending: "3 changes, 2.0 MiB"; of what only changes the tree, as a removal does, the
/// number alone.
std::string amount_text(std::uint64_t changes, std::uint64_t bytes);

}  // namespace stsfs::daemon
