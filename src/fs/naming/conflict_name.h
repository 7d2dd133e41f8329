#pragma once

#include <string>

#include "stsfs/base/random.h"
#include "stsfs/base/time_format.h"

namespace stsfs::fs {

/// Behind the name of a file that two clients wrote: what came second goes by it, beside the first.
inline std::string conflict_mark(WallTime now) {
  return ".conflict-" + format_compact(now) + "-" + random_hex(3);
}

}  // namespace stsfs::fs
