#pragma once

#include <optional>
#include <string>

#include "stsfs/oss/object.h"

namespace stsfs::fs {

/// The ETag of what a write is to find at its key; empty: whatever it finds. Nothing: no object is
/// there, and none is to be overwritten.
using Present = std::optional<std::string>;

inline void expect(oss::PutOptions& put, const Present& present) {
  put.forbid_overwrite = !present;
  put.replaces = present.value_or("");
}

}  // namespace stsfs::fs
