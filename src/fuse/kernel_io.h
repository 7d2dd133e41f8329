#pragma once

#include "fuse_handles.h"
#include "stsfs/base/result.h"

namespace stsfs::fuse {

/// Puts our reads and writes of /dev/fuse under a mounted session, so that its INIT reply can be
/// completed (patch_init_reply). Once, before the first receiver.
Result<void> use_kernel_io(fuse_session* session);

}  // namespace stsfs::fuse
