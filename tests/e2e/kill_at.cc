// Preloaded into the daemon: kills it at the KILL_AT-th call that moves bytes to a disk or a
// socket, before the call or, when KILL_AFTER is set, after it. Nothing of the program itself runs
// any more then.

#include <dlfcn.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace {

std::atomic<long> calls{0};
const char* const kAt = std::getenv("KILL_AT");
const long kill_at = kAt != nullptr ? std::atol(kAt) : -1;
const bool kill_after = std::getenv("KILL_AFTER") != nullptr;

/// The call that was meant, under fire.
template <class Result, class... Parameters, class... Arguments>
Result call(const char* name, Result (*&real)(Parameters...), Arguments... arguments) {
  if (real == nullptr) real = reinterpret_cast<Result (*)(Parameters...)>(dlsym(RTLD_NEXT, name));
  const bool now = kill_at > 0 && ++calls == kill_at;
  if (now && !kill_after) kill(getpid(), SIGKILL);
  const Result result = real(arguments...);
  if (now && kill_after) kill(getpid(), SIGKILL);
  return result;
}

}  // namespace

extern "C" {

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  static ssize_t (*real)(int, const void*, size_t, off64_t);
  return call("pwrite64", real, fd, bytes, size, at);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  static ssize_t (*real)(int, const void*, size_t, off_t);
  return call("pwrite", real, fd, bytes, size, at);
}
int fdatasync(int fd) {
  static int (*real)(int);
  return call("fdatasync", real, fd);
}
int fsync(int fd) {
  static int (*real)(int);
  return call("fsync", real, fd);
}
int unlink(const char* path) noexcept {
  static int (*real)(const char*);
  return call("unlink", real, path);
}
ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  static ssize_t (*real)(int, const void*, size_t, int);
  return call("send", real, fd, bytes, size, flags);
}
ssize_t recv(int fd, void* bytes, size_t size, int flags) {
  static ssize_t (*real)(int, void*, size_t, int);
  return call("recv", real, fd, bytes, size, flags);
}

}  // extern "C"
