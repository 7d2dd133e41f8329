// Preloaded into the daemon: kills it at the KILL_AT-th call of KILL_KIND (pwrite, sync, step,
// unlink, send, recv; without: of any of them), before the call or, when KILL_AFTER is set, after
// it. Nothing of the program itself runs any more then. Calls count from when the file KILL_ARMED
// is there.

#include <dlfcn.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

struct sqlite3_stmt;

namespace {

std::atomic<long> calls{0};
std::atomic<bool> armed{false};
const char* const kAt = std::getenv("KILL_AT");
const long kill_at = kAt != nullptr ? std::atol(kAt) : -1;
const bool kill_after = std::getenv("KILL_AFTER") != nullptr;
const char* const kKind = std::getenv("KILL_KIND");
const char* const kArmed = std::getenv("KILL_ARMED");

bool counts(const char* kind) {
  if (kill_at <= 0 || (kKind != nullptr && std::strcmp(kKind, kind) != 0)) return false;
  if (!armed && (kArmed == nullptr || access(kArmed, F_OK) == 0)) armed = true;
  return armed;
}

/// The call that was meant, under fire.
template <class Result, class... Parameters, class... Arguments>
Result call(const char* kind, const char* name, Result (*&real)(Parameters...),
            Arguments... arguments) {
  if (real == nullptr) real = reinterpret_cast<Result (*)(Parameters...)>(dlsym(RTLD_NEXT, name));
  const bool now = counts(kind) && ++calls == kill_at;
  if (now && !kill_after) kill(getpid(), SIGKILL);
  const Result result = real(arguments...);
  if (now && kill_after) kill(getpid(), SIGKILL);
  return result;
}

}  // namespace

extern "C" {

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  static ssize_t (*real)(int, const void*, size_t, off64_t);
  return call("pwrite", "pwrite64", real, fd, bytes, size, at);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  static ssize_t (*real)(int, const void*, size_t, off_t);
  return call("pwrite", "pwrite", real, fd, bytes, size, at);
}
int fdatasync(int fd) {
  static int (*real)(int);
  return call("sync", "fdatasync", real, fd);
}
int fsync(int fd) {
  static int (*real)(int);
  return call("sync", "fsync", real, fd);
}
int sqlite3_step(sqlite3_stmt* statement) {
  static int (*real)(sqlite3_stmt*);
  return call("step", "sqlite3_step", real, statement);
}
int unlink(const char* path) noexcept {
  static int (*real)(const char*);
  return call("unlink", "unlink", real, path);
}
ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  static ssize_t (*real)(int, const void*, size_t, int);
  return call("send", "send", real, fd, bytes, size, flags);
}
ssize_t recv(int fd, void* bytes, size_t size, int flags) {
  static ssize_t (*real)(int, void*, size_t, int);
  return call("recv", "recv", real, fd, bytes, size, flags);
}

}  // extern "C"
