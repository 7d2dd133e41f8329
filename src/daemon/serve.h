#pragma once

#include "readiness.h"
#include "wiring.h"

namespace stsfs::daemon {

/// The life of the daemon: mounts, says that it is ready, serves until it is unmounted or told to
/// end, waits for what is pending. Returns the exit code.
///
/// Signals: TERM and INT unmount and drain (a second one stops draining); HUP obtains a new
/// credential and reads the log level again; USR1 writes the status to the log; USR2 goes to the
/// next log level.
///
/// Before the first thread starts: it blocks signals for all of them.
int serve(const MountRequest& request, Readiness readiness);

}  // namespace stsfs::daemon
