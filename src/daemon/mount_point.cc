#include "mount_point.h"

#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>

#include "stsfs/base/log.h"
#include "stsfs/fuse/mounts.h"

namespace stsfs::daemon {
namespace {

constexpr int kDeadMountsMax = 16;  // stacked at one place

Result<void> detach_dead_mounts(const std::string& mount_point) {
  for (int i = 0; i < kDeadMountsMax && is_dead_mount(mount_point); ++i) {
    log_info("daemon", "detaching the dead mount at {}", mount_point);
    if (auto gone = fuse::unmount(mount_point, true); !gone)
      return fail(std::move(gone.error()),
                  "a dead mount is at " + mount_point + " and could not be detached");
  }
  return {};
}

/// A directory, and nothing of ours is mounted there.
Result<void> check_free(const std::string& mount_point) {
  auto mount = fuse::find_mount(mount_point);
  if (!mount) return fail(std::move(mount.error()));
  if (*mount && (*mount)->type == fuse::kMountType)
    return fail(Errc::kBusy, mount_point + " is mounted already (" + (*mount)->source +
                                 "); stsfs status shows it, stsfs umount ends it");
  struct stat stat {};
  if (::stat(mount_point.c_str(), &stat) != 0) {
    if (errno == ENOENT)
      return fail(Errc::kNotFound,
                  "the mount point " + mount_point + " does not exist; make it with mkdir -p");
    return fail_errno("mount point " + mount_point);
  }
  if (!S_ISDIR(stat.st_mode))
    return fail(Errc::kNotDirectory, "the mount point " + mount_point + " is no directory");
  return {};
}

}  // namespace

// statfs, since the kernel answers stat from what it remembers, a while longer than the daemon
// lives.
bool is_dead_mount(const std::string& mount_point) {
  struct statfs answer {};
  return ::statfs(mount_point.c_str(), &answer) != 0 &&
         (errno == ENOTCONN || errno == ECONNABORTED);
}

Result<std::string> check_mount_point(const std::string& path) {
  auto mount_point = fuse::resolve_mount_point(path);
  if (!mount_point) return fail(std::move(mount_point.error()), "mount point");
  if (is_dead_mount(*mount_point)) return mount_point;
  if (auto good = check_free(*mount_point); !good) return fail(std::move(good.error()));
  return mount_point;
}

Result<void> clear_mount_point(const std::string& mount_point) {
  if (auto clear = detach_dead_mounts(mount_point); !clear) return clear;
  return check_free(mount_point);
}

}  // namespace stsfs::daemon
