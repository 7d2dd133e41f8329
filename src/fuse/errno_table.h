#pragma once

#include "stsfs/base/result.h"

namespace stsfs::fuse {

/// What a program sees of an error. The only place that knows.
int errno_of(Errc code);

/// Part of everyday life (no such file, not empty, …): not worth a line in the log.
bool is_everyday(Errc code);

}  // namespace stsfs::fuse
