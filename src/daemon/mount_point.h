#pragma once

#include <string>

#include "stsfs/base/result.h"

namespace stsfs::daemon {

/// Makes sure that a mount can go to `path`: an existing directory with no live mount of ours on
/// it. A dead one, which a killed daemon left, is detached first.
///
/// Returns: the path, absolute and without symbolic links.
/// Errors:  kNotFound, kNotDirectory, kBusy, each with what to do.
Result<std::string> prepare_mount_point(const std::string& path);

/// "Transport endpoint is not connected": whoever served the mount at `mount_point` is gone.
bool is_dead_mount(const std::string& mount_point);

}  // namespace stsfs::daemon
