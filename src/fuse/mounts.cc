#include "stsfs/fuse/mounts.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

#include "stsfs/base/fd.h"
#include "stsfs/base/handle.h"
#include "stsfs/base/text.h"

namespace stsfs::fuse {
namespace {

constexpr std::size_t kMountInfoMax = std::size_t{16} << 20;
constexpr int kSymlinksMax = 40;  // as the kernel

bool is_octal(char c) { return c >= '0' && c <= '7'; }

/// Undoes the kernel's \040 for a space and the like.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      out +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// From `rw,user_id=0,group_id=0`.
std::optional<uid_t> user_of(std::string_view options) {
  constexpr std::string_view kName = "user_id=";
  for (const std::string_view option : split(options, ','))
    if (option.starts_with(kName))
      if (const auto user = parse_u64(option.substr(kName.size())))
        return static_cast<uid_t>(*user);
  return std::nullopt;
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
std::optional<MountEntry> parse_line(std::string_view line) {
  const auto fields = split(line, ' ');
  std::size_t dash = 6;
  while (dash < fields.size() && fields[dash] != "-") ++dash;
  if (dash + 2 >= fields.size()) return std::nullopt;
  return MountEntry{.mount_point = unescape(fields[4]),
                    .device = std::string(fields[2]),
                    .type = std::string(fields[dash + 1]),
                    .source = unescape(fields[dash + 2]),
                    .user = dash + 3 < fields.size() ? user_of(fields[dash + 3]) : std::nullopt};
}

using CText = Handle<char, ::free>;

Result<std::string> real_path(const std::string& path) {
  const CText resolved(realpath(path.c_str(), nullptr));
  if (resolved == nullptr) return fail_errno(path);
  return std::string(resolved.get());
}

/// Where the symbolic link at `path` leads; nullopt when it is none. A mount's root is none, which
/// the kernel knows without asking the file system.
std::optional<std::string> link_target(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(size));
}

}  // namespace

std::vector<MountEntry> parse_mounts(std::string_view mountinfo) {
  std::vector<MountEntry> out;
  for (const std::string_view line : split(mountinfo, '\n'))
    if (auto entry = parse_line(line)) out.push_back(std::move(*entry));
  return out;
}

Result<std::vector<MountEntry>> list_mounts() {
  auto text = read_file("/proc/self/mountinfo", kMountInfoMax);
  if (!text) return fail(std::move(text.error()));
  return parse_mounts(*text);
}

Result<std::optional<MountEntry>> find_mount(const std::string& mount_point) {
  auto mounts = list_mounts();
  if (!mounts) return fail(std::move(mounts.error()));
  std::optional<MountEntry> found;
  for (auto& mount : *mounts)
    if (mount.mount_point == mount_point) found = std::move(mount);
  return found;
}

Result<std::string> resolve_mount_point(const std::string& path) {
  std::string rest = path;
  for (int links = 0; links < kSymlinksMax; ++links) {
    while (rest.size() > 1 && rest.ends_with('/')) rest.pop_back();
    const auto slash = rest.rfind('/');
    const std::string name = slash == std::string::npos ? rest : rest.substr(slash + 1);
    // `.`, `..`, `/` and nothing: the directory itself is what the parent part would be.
    if (name.empty() || name == "." || name == "..") return real_path(rest.empty() ? "." : rest);
    const std::string parent = slash == std::string::npos ? "."
                               : slash == 0               ? "/"
                                                          : rest.substr(0, slash);
    auto directory = real_path(parent);
    if (!directory) return fail(std::move(directory.error()));
    const std::string whole = (*directory == "/" ? "" : *directory) + "/" + name;
    const auto target = link_target(whole);
    if (!target) return whole;
    rest = target->starts_with('/') ? *target : *directory + "/" + *target;
  }
  return fail(Errc::kLoop, path + ": too many symbolic links");
}

namespace {

std::string in_use(const std::string& mount_point, bool lazy) {
  return "in use: files are open or a shell stands in it (`fuser -vm " + mount_point +
         "` shows who" +
         (lazy ? ")" : "; `stsfs umount -z " + mount_point + "` takes it away all the same)");
}

Result<void> unmount_as_root(const std::string& mount_point, bool lazy) {
  if (umount2(mount_point.c_str(), UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0) return {};
  if (errno == EBUSY) return fail(Errc::kBusy, mount_point + " is " + in_use(mount_point, lazy));
  if (errno == EINVAL) return fail(Errc::kNotFound, mount_point + " is not mounted");
  return fail_errno("unmount " + mount_point);
}

/// fusermount3 is set-user-id and unmounts what this user mounted. What it says goes to our stderr.
Result<void> unmount_as_user(const std::string& mount_point, bool lazy) {
  std::string program = "fusermount3", unmount_flag = "-u", lazy_flag = "-z", separator = "--",
              path = mount_point;
  std::vector<char*> arguments{program.data(), unmount_flag.data()};
  if (lazy) arguments.push_back(lazy_flag.data());
  arguments.insert(arguments.end(), {separator.data(), path.data(), nullptr});
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, program.c_str(), nullptr, nullptr, arguments.data(), environ);
  if (error != 0)
    return fail(Errc::kIo, "fusermount3 cannot be run; is the package fuse3 installed?");
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return fail_errno("wait for fusermount3");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  auto mounted = find_mount(mount_point);
  if (mounted && !*mounted) return fail(Errc::kNotFound, mount_point + " is not mounted");
  return fail(Errc::kBusy, mount_point + " could not be unmounted: it is another's mount, or " +
                               in_use(mount_point, lazy));
}

}  // namespace

Result<void> unmount(const std::string& mount_point, bool lazy) {
  return geteuid() == 0 ? unmount_as_root(mount_point, lazy) : unmount_as_user(mount_point, lazy);
}

bool lets_users_allow_others(std::string_view configuration) {
  for (const std::string_view line : split(configuration, '\n'))
    if (trim(line.substr(0, line.find('#'))) == "user_allow_other") return true;
  return false;
}

bool users_may_allow_others() {
  const auto text = read_file("/etc/fuse.conf");
  if (!text) return text.error().code != Errc::kNotFound;
  return lets_users_allow_others(*text);
}

}  // namespace stsfs::fuse
