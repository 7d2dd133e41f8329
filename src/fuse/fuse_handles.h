#pragma once

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include <memory>

namespace stsfs::fuse {

/// Shared by the receivers, the notifier and every request that is not answered yet: libfuse's
/// requests point into their session.
using FuseSession = std::shared_ptr<fuse_session>;

}  // namespace stsfs::fuse
