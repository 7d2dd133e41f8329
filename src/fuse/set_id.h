#pragma once

#include <optional>

#include "stsfs/fs/file_system.h"

namespace stsfs::fuse {

class Driver;

/// `mode` without set-user-id, and without set-group-id where that means "run as" (group may
/// execute). nullopt when there is nothing to clear, as on a directory, where they mean else.
std::optional<mode_t> without_set_id(mode_t mode);

/// Clears them on a regular file, as a write by one without CAP_FSETID must.
///
/// Returns: whether there were any; the kernel does not expect the mode to change, and must be
/// told.
Result<bool> clear_set_id(fs::FileSystem& file_system, const fs::Context& context,
                          fs::InodeNumber inode, std::optional<fs::HandleNumber> handle);

/// The same, and has the kernel ask for the mode again: it has that of before, and would go by it
/// for as long as it may.
Result<void> clear_set_id_now(Driver& driver, const fs::Context& context, fs::InodeNumber inode,
                              std::optional<fs::HandleNumber> handle);

/// `change`, with what a change of owner or a truncation on behalf of the kernel clears besides.
Result<fs::AttributeChange> with_set_id_cleared(fs::FileSystem& file_system,
                                                const fs::Context& context, fs::InodeNumber inode,
                                                fs::AttributeChange change, bool asked);

}  // namespace stsfs::fuse
