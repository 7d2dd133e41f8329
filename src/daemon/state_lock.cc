#include "state_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "stsfs/base/text.h"

namespace stsfs::daemon {
namespace {

constexpr std::size_t kHolderMax = 8192;

/// What is staged is the person's own: nobody else may read or put anything there.
Result<void> check_private(const std::string& directory) {
  struct stat stat {};
  if (::stat(directory.c_str(), &stat) != 0) return fail_errno(directory);
  if (stat.st_uid != geteuid()) return fail(Errc::kDenied, directory + " belongs to another user");
  if ((stat.st_mode & 0077) != 0)
    return fail(Errc::kDenied, directory + " is open to other users: chmod 0700 " + directory);
  return {};
}

}  // namespace

Result<StateLock> StateLock::take(const std::string& directory, const std::string& mount_point) {
  if (auto made = make_directories(directory, 0700); !made) return fail(std::move(made.error()));
  if (auto ours = check_private(directory); !ours) return fail(std::move(ours.error()));
  const std::string path = directory + "/lock";
  UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail_errno("open " + path);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno("lock " + path);
    const std::string holder = read_file(path, kHolderMax).value_or("another mount");
    return fail(Errc::kBusy, "this folder is mounted already at " + printable(trim(holder)) +
                                 "; to mount it a second time give that mount a state of its own: "
                                 "-o state=NAME");
  }
  const std::string holder = mount_point + "\n";
  if (ftruncate(file.get(), 0) != 0) return fail_errno("write " + path);
  if (auto written = pwrite_full(file.get(), as_bytes(holder), 0); !written)
    return fail(std::move(written.error()), "write " + path);
  return StateLock(directory, std::move(file));
}

}  // namespace stsfs::daemon
