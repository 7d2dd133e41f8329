// Preloaded into a daemon: it finds the number of this start of the machine in the file that
// STSFS_BOOT_ID_FILE names, so that a test can start the machine anew.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>

#include <cstdarg>
#include <cstdlib>
#include <cstring>

namespace {

const char* redirected(const char* path) {
  const char* other = getenv("STSFS_BOOT_ID_FILE");
  const bool asks = std::strcmp(path, "/proc/sys/kernel/random/boot_id") == 0;
  return asks && other != nullptr ? other : path;
}

using Open = int (*)(const char*, int, ...);

}  // namespace

extern "C" int open(const char* path, int flags, ...) {
  static const auto real = reinterpret_cast<Open>(dlsym(RTLD_NEXT, "open"));
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return real(redirected(path), flags, mode);
}

extern "C" int open64(const char* path, int flags, ...) {
  static const auto real = reinterpret_cast<Open>(dlsym(RTLD_NEXT, "open64"));
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return real(redirected(path), flags, mode);
}
