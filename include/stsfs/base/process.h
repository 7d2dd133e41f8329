#pragma once

#include "stsfs/base/result.h"

namespace stsfs {

/// Keeps secrets of this process out of core files and debuggers: no core files (RLIMIT_CORE 0),
/// none of our anonymous memory in one that is forced all the same (/proc/self/coredump_filter),
/// and not dumpable, which also keeps other processes of the same user from attaching. Call first
/// in main. Root can override all of it: then only what is just in use shows, for a Secret is left
/// out by itself, and what is freed is wiped (wiping_free.cc).
///
/// Returns: the first step that the system refused; the others are done all the same.
Result<void> harden_process();

}  // namespace stsfs
