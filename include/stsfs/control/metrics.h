#pragma once

#include <span>
#include <string>

#include "stsfs/control/status.h"

namespace stsfs::control {

/// The text exposition format of Prometheus (version 0.0.4), for mounts of one user. Each sample
/// carries `mount` (its mount point); times are seconds since 1970, and absent where there is none.
std::string prometheus_text(std::span<const Status> mounts);

}  // namespace stsfs::control
