#include "stsfs/base/fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "stsfs/base/random.h"
#include "stsfs/base/text.h"

namespace stsfs {
namespace {

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> write_new_file(const std::string& path, std::string_view contents, unsigned mode) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return fail_errno("create " + printable(path));
  if (auto written = pwrite_full(fd.get(), as_bytes(contents), 0); !written)
    return fail(std::move(written.error()), "write " + printable(path));
  if (fsync(fd.get()) != 0) return fail_errno("fsync " + printable(path));
  return {};
}

}  // namespace

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

Result<std::size_t> pread_full(int fd, std::span<std::byte> buffer, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count =
        pread(fd, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("pread");
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Result<void> pwrite_full(int fd, std::span<const std::byte> bytes, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count =
        pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("pwrite");
    done += static_cast<std::size_t>(count);
  }
  return {};
}

Result<std::string> read_file(const std::string& path, std::size_t size_max_bytes) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("open " + printable(path));
  std::string out;
  std::string chunk(64 * 1024, '\0');
  for (;;) {
    const ssize_t count = read(fd.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read " + printable(path));
    if (count == 0) return out;
    out.append(chunk, 0, static_cast<std::size_t>(count));
    if (out.size() > size_max_bytes)
      return fail(Errc::kTooLarge,
                  printable(path) + " is longer than " + human_bytes(size_max_bytes));
  }
}

Result<void> write_file_atomically(const std::string& path, std::string_view contents,
                                   unsigned mode) {
  const std::string temporary = path + ".tmp-" + random_hex(6);
  if (auto written = write_new_file(temporary, contents, mode); !written) {
    unlink(temporary.c_str());
    return written;
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    auto error = fail_errno("rename to " + printable(path));
    unlink(temporary.c_str());
    return error;
  }
  return sync_directory_of(path);
}

Result<void> sync_directory_of(const std::string& path) {
  const UniqueFd directory(open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || fsync(directory.get()) != 0)
    return fail_errno("fsync of the directory of " + printable(path));
  return {};
}

Result<void> make_directories(const std::string& path, unsigned mode) {
  for (std::size_t at = 1; at <= path.size(); ++at) {
    if (at != path.size() && path[at] != '/') continue;
    const std::string part = path.substr(0, at);
    if (mkdir(part.c_str(), mode) == 0)
      (void)sync_directory_of(part);  // one above ours may be entered, but not opened
    else if (errno != EEXIST)
      return fail_errno("create the directory " + printable(part));
  }
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return fail_errno("stat " + printable(path));
  if (!S_ISDIR(status.st_mode))
    return fail(Errc::kNotDirectory, printable(path) + " is not a directory");
  return {};
}

}  // namespace stsfs
