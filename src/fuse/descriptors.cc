#include "descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "stsfs/base/fd.h"

namespace stsfs::fuse {
namespace {

// proc(5): the modes of the link itself are those of the descriptor.
bool is_open_for_writing(int directory, const char* number) {
  struct stat link {};
  return fstatat(directory, number, &link, AT_SYMLINK_NOFOLLOW) == 0 && (link.st_mode & S_IWUSR);
}

constexpr std::size_t kFdinfoMax = 64 << 10;

/// proc_pid_fdinfo(5), since Linux 5.14. A process that closes a descriptor by execve holds a lock
/// until that is answered; whoever follows the link waits for it, and this does not. Source: Linux
/// 6.18, call_proc_get_link, exec_update_lock.
std::optional<ino_t> inode_of_descriptor(pid_t process, const char* number) {
  const auto text = read_file(fmt::format("/proc/{}/fdinfo/{}", process, number), kFdinfoMax);
  const auto at = text ? text->find("\nino:\t") : std::string::npos;
  if (at == std::string::npos) return std::nullopt;
  return std::strtoull(text->c_str() + at + 6, nullptr, 10);
}

// AT_STATX_DONT_SYNC: from what the kernel has, without a request to the file system.
bool is_inode(int directory, pid_t process, const char* number, dev_t device, ino_t inode) {
  if (const auto known = inode_of_descriptor(process, number); known && *known != inode)
    return false;
  struct statx target {};
  return statx(directory, number, AT_STATX_DONT_SYNC, STATX_INO, &target) == 0 &&
         target.stx_ino == inode && makedev(target.stx_dev_major, target.stx_dev_minor) == device;
}

}  // namespace

bool holds_for_writing(pid_t process, Descriptors which, dev_t device, ino_t inode) {
  constexpr int kLooksMax = 1'000;
  if (process <= 0) return false;
  const std::string path = fmt::format("/proc/{}/fd", process);
  const UniqueFd directory(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return false;
  const auto is_held_as = [&](const char* number) {
    return is_open_for_writing(directory.get(), number) &&
           is_inode(directory.get(), process, number, device, inode);
  };
  for (char number[] = "0"; number[0] <= '9'; ++number[0])
    if (is_held_as(number)) return true;
  if (which == Descriptors::kFirstTen) return false;
  const std::unique_ptr<DIR, int (*)(DIR*)> all(opendir(path.c_str()), closedir);
  for (int looks = 0; all && looks < kLooksMax; ++looks) {
    const dirent* const entry = readdir(all.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.' && is_held_as(entry->d_name)) return true;
  }
  return false;
}

}  // namespace stsfs::fuse
