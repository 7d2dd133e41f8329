#pragma once

#include <string>
#include <vector>

#include "stsfs/base/result.h"
#include "stsfs/staging/journal.h"

namespace stsfs::staging {

/// Writes what is staged of `entry` into the new file `target` (0600); the rest of it is a hole.
///
/// Returns: the ranges that are in OSS only, so that they are lacking.
/// Errors:  kExists; kNotFound when the staged file is gone; kNoSpace; kIo.
Result<std::vector<ByteRange>> rescue_file(const std::string& staging_directory,
                                           const JournalEntry& entry, const std::string& target);

}  // namespace stsfs::staging
