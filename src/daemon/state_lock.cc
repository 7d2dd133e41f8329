#include "state_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "stsfs/base/clock.h"
#include "stsfs/base/text.h"
#include "stsfs/fuse/mounts.h"

namespace stsfs::daemon {
namespace {

constexpr std::size_t kHolderMax = 8192;
constexpr std::chrono::milliseconds kLookAgain{20};
/// A daemon that was killed has its mount, a dead one, and the lock for as long as the kernel needs
/// to take its memory and its files away.
constexpr std::chrono::milliseconds kKilledDaemonPatience{2'000};

/// What is staged is the person's own: nobody else may read or put anything there.
Result<void> check_private(const std::string& directory) {
  struct stat stat {};
  if (::stat(directory.c_str(), &stat) != 0) return fail_errno(directory);
  if (stat.st_uid != geteuid()) return fail(Errc::kDenied, directory + " belongs to another user");
  if ((stat.st_mode & 0077) != 0)
    return fail(Errc::kDenied, directory + " is open to other users: chmod 0700 " + directory);
  return {};
}

std::string holder_in(const std::string& directory) {
  const std::string holder = last_mount_point(directory);
  return holder.empty() ? "another place" : holder;
}

/// Its daemon has not ended yet: it may have something to bring to OSS.
bool is_unmounted(const std::string& mount_point) {
  const auto mount = fuse::find_mount(mount_point);
  return mount && !*mount;
}

tl::unexpected<Error> busy(const std::string& holder, bool ending) {
  if (ending)
    return fail(Errc::kBusy, "the daemon of the mount that was at " + printable(holder) +
                                 " is still bringing what was written there to OSS; remedy: stsfs "
                                 "umount " +
                                 printable(holder) + " shows it and waits for it");
  return fail(Errc::kBusy, "this folder is mounted already at " + printable(holder) +
                               "; to mount it a second time give that mount a state of its own: "
                               "-o state=NAME");
}

}  // namespace

std::string last_mount_point(const std::string& directory) {
  const std::string text = read_file(directory + "/lock", kHolderMax).value_or("");
  return text.substr(0, text.find('\n'));
}

Result<StateLock> StateLock::take(const std::string& directory, const std::string& mount_point,
                                  std::chrono::milliseconds patience) {
  if (auto made = make_directories(directory, 0700); !made) return fail(std::move(made.error()));
  if (auto ours = check_private(directory); !ours) return fail(std::move(ours.error()));
  const std::string path = directory + "/lock";
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail_errno("open " + path);
  const SteadyTime begin = system_clock().steady();
  while (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno("lock " + path);
    const std::string holder = holder_in(directory);
    const bool ending = is_unmounted(holder);
    const auto enough = ending ? patience : std::min(patience, kKilledDaemonPatience);
    if (system_clock().steady() - begin >= enough) return busy(holder, ending);
    std::this_thread::sleep_for(kLookAgain);
  }
  const std::string holder = mount_point + "\n";
  // In this order, so that a full disk takes it where the last holder stood.
  auto written = pwrite_full(file.get(), as_bytes(holder), 0);
  if (written && ftruncate(file.get(), static_cast<off_t>(holder.size())) != 0)
    written = fail_errno("shorten it");
  // Only those who are refused miss it.
  if (!written && written.error().code != Errc::kNoSpace)
    return fail(std::move(written.error()), "write " + path);
  return StateLock(directory, std::move(file));
}

}  // namespace stsfs::daemon
