#pragma once

#include <optional>
#include <string>

#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// A directory on its way to another key.
struct LinkMove {
  std::string from, to;  ///< Keys of directories.
};

/// What a link below `from` leads to when it is below `to`.
std::string moved_target(const LinkMove& move, const std::string& target);

/// The OSS Symlink object at `key`, below `move.from`, at its key below `move.to`. What it leads to
/// below the one it leads to below the other then, so that other clients can follow it.
///
/// Lifetime: the store outlives the transfer.
Transfer start_link_move(oss::ObjectStore& store, const LinkMove& move, const std::string& key,
                         const oss::PutOptions& put, Deadline deadline,
                         Callback<oss::Written> done);

/// The ETag of the link at `key` at its new key, if it is there already: moved before a kill. Of
/// one that is gone meanwhile there is nothing to move: "". Waits.
Result<std::optional<std::string>> moved_link(oss::ObjectStore& store, const LinkMove& move,
                                              const std::string& key, Deadline deadline,
                                              Interrupt* interrupt);

}  // namespace stsfs::fs
