#include "stsfs/base/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"

namespace stsfs {
namespace {

/// Judges the file that is open, not what may stand under its name a moment later.
Result<void> check_private(int fd, const std::string& path, std::size_t size_max_bytes) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return fail_errno("stat " + printable(path));
  if (!S_ISREG(status.st_mode))
    return fail(Errc::kInvalid, printable(path) + " is not a regular file");
  if (status.st_uid != geteuid() && status.st_uid != 0)
    return fail(Errc::kDenied,
                fmt::format("{} belongs to user id {}, so somebody else can change it; "
                            "remedy: chown {} '{}'",
                            printable(path), status.st_uid, geteuid(), printable(path)));
  if ((status.st_mode & 077) != 0)
    return fail(Errc::kDenied,
                fmt::format("{} holds a secret, but its mode {:04o} lets others at "
                            "it; remedy: chmod 600 '{}'",
                            printable(path), status.st_mode & 07777, printable(path)));
  if (static_cast<std::uint64_t>(status.st_size) > size_max_bytes)
    return fail(Errc::kTooLarge,
                printable(path) + " is longer than " + human_bytes(size_max_bytes));
  return {};
}

}  // namespace

Result<Secret> read_private_file(const std::string& path, std::size_t size_max_bytes) {
  // O_NONBLOCK: a FIFO in its place must not hold us up.
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return fail_errno("open " + printable(path));
  if (auto checked = check_private(fd.get(), path, size_max_bytes); !checked)
    return fail(std::move(checked.error()));
  std::string text(size_max_bytes, '\0');
  const auto count =
      pread_full(fd.get(), {reinterpret_cast<std::byte*>(text.data()), text.size()}, 0);
  if (!count) {
    wipe(text);
    return fail(count.error(), "read " + printable(path));
  }
  Secret secret(std::string_view(text).substr(0, *count));
  wipe(text);
  return secret;
}

}  // namespace stsfs
