#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stsfs/fs/file_system.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// Puts a symbolic link at `key`: an OSS Symlink object that leads to `target_key`, or without one,
/// as s3fs does it, a plain object whose body is `target`. Waits.
Result<oss::Written> put_symlink(oss::ObjectStore& store, const Context& context,
                                 const std::string& key,
                                 const std::optional<std::string>& target_key,
                                 std::string_view target, const oss::PutOptions& put);

/// The Symlink object at `key` with new metadata: whether a copy onto itself leaves it one is not
/// documented. Waits.
Result<oss::Written> put_symlink_anew(oss::ObjectStore& store, const Context& context,
                                      const std::string& key, oss::PutOptions put);

}  // namespace stsfs::fs
