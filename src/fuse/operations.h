#pragma once

#include <chrono>

#include "driver.h"
#include "fuse_handles.h"

/// The operations as libfuse calls them, in files by what they are about. Each one unpacks
/// its arguments, has the file system carry it out, and packs the answer; userdata is the Driver.
namespace stsfs::fuse {

inline Driver& driver_of(fuse_req_t request) {
  return *static_cast<Driver*>(fuse_req_userdata(request));
}

/// A call about metadata.
inline Call begin(fuse_req_t request, const char* operation, fuse_ino_t inode) {
  Driver& driver = driver_of(request);
  return driver.begin(request, operation, inode, driver.options().metadata_timeout);
}

/// A call that `fs` bounds by progress.
inline Call begin_long(fuse_req_t request, const char* operation, fuse_ino_t inode) {
  Driver& driver = driver_of(request);
  return driver.begin(request, operation, inode, driver.options().commit_timeout_max);
}

inline fs::HandleNumber handle_of(const fuse_file_info* info) { return fs::HandleNumber{info->fh}; }

void add_name_operations(fuse_lowlevel_ops& operations);
void add_attribute_operations(fuse_lowlevel_ops& operations);
void add_file_operations(fuse_lowlevel_ops& operations);
void add_space_operations(fuse_lowlevel_ops& operations);
void add_directory_operations(fuse_lowlevel_ops& operations);

}  // namespace stsfs::fuse
