#include "descriptors.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "stsfs/base/fd.h"

namespace stsfs::fuse {
namespace {

// proc(5): the modes of the link itself are those of the descriptor.
bool is_open_for_writing(int directory, const char* number) {
  struct stat link {};
  return fstatat(directory, number, &link, AT_SYMLINK_NOFOLLOW) == 0 && (link.st_mode & S_IWUSR);
}

// AT_STATX_DONT_SYNC: from what the kernel has, without a request to the file system.
bool is_inode(int directory, const char* number, dev_t device, ino_t inode) {
  struct statx target {};
  return statx(directory, number, AT_STATX_DONT_SYNC, STATX_INO, &target) == 0 &&
         target.stx_ino == inode && makedev(target.stx_dev_major, target.stx_dev_minor) == device;
}

}  // namespace

bool holds_for_writing(pid_t process, dev_t device, ino_t inode) {
  if (process <= 0) return false;
  const UniqueFd directory(
      open(fmt::format("/proc/{}/fd", process).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return false;
  for (char number[] = "0"; number[0] <= '9'; ++number[0])
    if (is_open_for_writing(directory.get(), number) &&
        is_inode(directory.get(), number, device, inode))
      return true;
  return false;
}

}  // namespace stsfs::fuse
