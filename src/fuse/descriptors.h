#pragma once

#include <sys/types.h>

namespace stsfs::fuse {

/// Whether one of the first ten descriptors of `process` (or of the process of that thread) is open
/// for writing on the inode. Those are where a shell puts what it redirects. False if that process
/// cannot be seen.
///
/// Threads: any; never asks the file system of `device`, so that its own threads may ask.
bool holds_for_writing(pid_t process, dev_t device, ino_t inode);

}  // namespace stsfs::fuse
