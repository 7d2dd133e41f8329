#pragma once

#include <sys/types.h>

namespace stsfs::fuse {

enum class Descriptors {
  kFirstTen,  ///< Where a shell puts what it redirects: some 20 µs.
  kAll,       ///< A thousand at most.
};

/// Whether one of those descriptors of `process` (or of the process of that thread) is open for
/// writing on the inode. False if that process cannot be seen.
///
/// Threads: any; never asks the file system of `device`, and never waits for that process, which
///          may be closing what it has there in an exec: so the file system's own threads may ask.
bool holds_for_writing(pid_t process, Descriptors which, dev_t device, ino_t inode);

}  // namespace stsfs::fuse
