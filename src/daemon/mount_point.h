#pragma once

#include <string>

#include "stsfs/base/result.h"

namespace stsfs::daemon {

/// That a mount can go to `path`: an existing directory with no live mount of ours on it. A dead
/// one, which a killed daemon left, stays: while it is there nothing can be written below it that
/// the next mount would hide.
///
/// Returns: the path, absolute and without symbolic links.
/// Errors:  kNotFound, kNotDirectory, kBusy, each with what to do.
Result<std::string> check_mount_point(const std::string& path);

/// Detaches the dead mounts at `mount_point` (absolute, resolved), once there is one to take their
/// place, and looks again. Errors: as check_mount_point.
Result<void> clear_mount_point(const std::string& mount_point);

/// "Transport endpoint is not connected": whoever served the mount at `mount_point` is gone.
bool is_dead_mount(const std::string& mount_point);

}  // namespace stsfs::daemon
