#pragma once

#include <cstdint>
#include <string>

#include "stsfs/oss/object_store.h"
#include "stsfs/staging/journal.h"

namespace stsfs::fs {

/// What the last of `writes` puts into the object's metadata.
std::string write_id(const staging::WriteNumbers& writes);

/// Who made an object, as seen by somebody who has noted `writes`, and that the file is `size`
/// long.
enum class Maker {
  kAnother,
  kEarlier,  ///< We, before what is noted was written; its base lies in it at the same offsets.
  kNoted,    ///< We, and it is what is noted.
  kLater,    ///< We, when what is noted had been written over already.
};
Maker maker_of(const oss::ObjectMeta& meta, const staging::WriteNumbers& writes,
               std::uint64_t size);

}  // namespace stsfs::fs
