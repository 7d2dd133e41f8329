#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/result.h"

/// The mounts of this machine, as the kernel lists them. Asking never touches a mounted file
/// system, so that a dead one cannot hang us.
namespace stsfs::fuse {

/// The type of every mount of this program's.
inline constexpr std::string_view kMountType = "fuse.stsfs";

struct MountEntry {
  std::string mount_point;  ///< Absolute, without symbolic links.
  std::string device;       ///< `0:45`, as under /sys/class/bdi.
  std::string type;         ///< `fuse.stsfs`
  std::string source;
  std::optional<uid_t> user;  ///< Who mounted it, where the file system says so, as FUSE does.
};

/// In the order of mounting. Source: proc(5), /proc/[pid]/mountinfo.
std::vector<MountEntry> parse_mounts(std::string_view mountinfo);
Result<std::vector<MountEntry>> list_mounts();

/// The topmost mount at exactly `mount_point` (as `resolve_mount_point` gives it); nullopt when
/// there is none.
Result<std::optional<MountEntry>> find_mount(const std::string& mount_point);

/// Absolute and without symbolic links, without asking the file system that may be mounted there.
Result<std::string> resolve_mount_point(const std::string& path);

/// Takes the mount at `mount_point` out of the tree: with umount2(2) as root, through fusermount3
/// otherwise. kBusy when files are open there and `lazy` is false.
Result<void> unmount(const std::string& mount_point, bool lazy);

/// Whether `configuration`, that of fusermount3, lets users other than root give `allow_other`.
/// Source: mount.fuse3(8), `user_allow_other`.
bool lets_users_allow_others(std::string_view configuration);
/// Likewise, as this machine has it. What cannot be read is taken for yes: fusermount3 decides.
bool users_may_allow_others();

}  // namespace stsfs::fuse
