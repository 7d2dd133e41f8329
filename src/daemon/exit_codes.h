#pragma once

#include "stsfs/base/result.h"

namespace stsfs::daemon {

// Source: mount(8), "EXIT STATUS".
inline constexpr int kExitOk = 0;
inline constexpr int kExitUsage = 1;      ///< Incorrect invocation or permissions.
inline constexpr int kExitSystem = 2;     ///< Out of memory, cannot fork, …
inline constexpr int kExitInternal = 4;   ///< An error of ours.
inline constexpr int kExitInterrupt = 8;  ///< The person interrupted.
inline constexpr int kExitFailed = 32;    ///< The mount (or what else was asked) failed.

/// What a command ends with when it fails for this reason.
int exit_code_of(Errc code);

/// The environment of a command line prints this as `stsfs: MESSAGE`.
int report(const Error& error);

}  // namespace stsfs::daemon
