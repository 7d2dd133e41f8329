#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stsfs/base/random.h"
#include "stsfs/base/time_format.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// Behind the name of a file that two clients wrote: what came second goes by it, beside the first.
inline std::string conflict_mark(WallTime now) {
  return ".conflict-" + format_compact(now) + "-" + random_hex(3);
}

/// `whole`, a key or a path, with `mark` behind its last component, which loses its end, at a
/// character, where it would have more than 255 bytes or all together more than `size_max`. Nothing
/// where not even the mark has room.
std::optional<std::string> with_mark(std::string_view whole, std::string_view mark,
                                     std::size_t size_max = oss::kKeySizeMax);

}  // namespace stsfs::fs
