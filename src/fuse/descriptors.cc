#include "descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"

namespace stsfs::fuse {
namespace {

// proc(5): the modes of the link itself are those of the descriptor.
bool is_open_for_writing(int directory, const char* number) {
  struct stat link {};
  return fstatat(directory, number, &link, AT_SYMLINK_NOFOLLOW) == 0 && (link.st_mode & S_IWUSR);
}

constexpr std::size_t kFdInfoMax = 1 << 20;  // the locks on it stand there, too
constexpr std::size_t kMountsMax = std::size_t{16} << 20;

/// The number behind `name` in the lines of `/proc/PID/fdinfo/N`.
std::optional<std::uint64_t> field_of(std::string_view text, std::string_view name) {
  for (const std::string_view line : split(text, '\n'))
    if (line.starts_with(name)) return parse_u64(trim(line.substr(name.size())));
  return std::nullopt;
}

/// Whether `mount`, a number as that process sees it, is one of `device`.
bool is_mount_of(pid_t process, std::uint64_t mount, dev_t device) {
  const auto mounts = read_file(fmt::format("/proc/{}/mountinfo", process), kMountsMax);
  if (!mounts) return false;
  const std::string number = std::to_string(mount);
  const std::string wanted = fmt::format("{}:{}", major(device), minor(device));
  for (const std::string_view line : split(*mounts, '\n')) {  // 36 35 98:0 …
    const auto fields = split(line.substr(0, 100), ' ');
    if (fields.size() > 2 && fields[0] == number) return fields[2] == wanted;
  }
  return false;
}

// Older than Linux 5.14. AT_STATX_DONT_SYNC: from what the kernel has, without a request to the
// file system.
bool leads_to(int directory, const char* number, dev_t device, ino_t inode) {
  struct statx target {};
  return statx(directory, number, AT_STATX_DONT_SYNC, STATX_INO, &target) == 0 &&
         target.stx_ino == inode && makedev(target.stx_dev_major, target.stx_dev_minor) == device;
}

// The link is not followed: the kernel lets that wait while the process is in the middle of an
// exec, and a process that closes what is O_CLOEXEC there waits for us (Linux 6.18,
// call_proc_get_link: exec_update_lock).
bool is_inode(pid_t process, int directory, const char* number, dev_t device, ino_t inode) {
  const auto text = read_file(fmt::format("/proc/{}/fdinfo/{}", process, number), kFdInfoMax);
  if (!text) return false;
  const auto opened = field_of(*text, "ino:");
  const auto mount = field_of(*text, "mnt_id:");
  if (!opened || !mount) return leads_to(directory, number, device, inode);
  return *opened == inode && is_mount_of(process, *mount, device);
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
           is_inode(process, directory.get(), number, device, inode);
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
