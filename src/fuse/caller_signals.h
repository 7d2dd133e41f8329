#pragma once

#include <sys/types.h>

#include <string_view>

namespace stsfs::fuse {

/// Whether the thread that waits in a system call is to be let go because of its signals.
///
/// FUSE_INTERRUPT says that some signal came, not which. No file system of this machine ends an
/// `unlink` or a `close` because a timer went off or a child ended, and hardly any program expects
/// it. So only what ends the thread counts: SIGKILL and whatever the kernel turned into it, a
/// signal whose default action ends the process, or the thread being on its way out already; and,
/// since a person waits there, a SIGINT or SIGQUIT that the program handles.
///
/// `status` and `stat`: the texts of /proc/TID/status and /proc/TID/stat (proc(5)). What they do
/// not say counts as no.
bool asks_to_end(std::string_view status, std::string_view stat);

/// The same, of a thread of this machine now; false if it cannot be seen (another pid namespace,
/// hidepid=): then the deadline is what bounds the wait.
bool asks_to_end(pid_t thread);

}  // namespace stsfs::fuse
