#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "fuse_handles.h"
#include "stsfs/fs/file_system.h"

namespace stsfs::fuse {

struct stat to_stat(const fs::Attributes& attributes);
fuse_entry_param to_entry_param(const fs::Entry& entry);
struct statvfs to_statvfs(const fs::Statistics& statistics);
/// `to_set`: FUSE_SET_ATTR_*.
fs::AttributeChange to_change(const struct stat& wanted, int to_set);
double to_seconds(std::chrono::milliseconds duration);

}  // namespace stsfs::fuse
