#pragma once

#include <functional>
#include <string>

namespace stsfs::daemon {

/// The whole of `stsfs`, and of `mount.stsfs` where it is called by that name. Returns the exit
/// code.
///
/// First thing in main: it makes the process keep its secrets, and it forks.
int run_program(int argc, char** argv);

}  // namespace stsfs::daemon
