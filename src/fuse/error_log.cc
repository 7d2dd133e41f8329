#include "error_log.h"

#include <utility>

#include "errno_table.h"
#include "stsfs/base/log.h"

namespace stsfs::fuse {

bool ErrorLog::admit(std::uint64_t& suppressed) {
  const SteadyTime now = clock_.steady();
  MutexLock lock(mutex_);
  ++count_;
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    lines_ = 0;
  }
  if (lines_ >= kLinesPerSecondMax) {
    ++suppressed_;
    return false;
  }
  ++lines_;
  suppressed = std::exchange(suppressed_, 0);
  return true;
}

void ErrorLog::note(std::string_view operation, fs::InodeNumber inode, const Error& error) {
  if (is_everyday(error.code)) {
    log_debug("fuse", "{} of inode {}: {}: {}", operation, static_cast<std::uint64_t>(inode),
              name_of(error.code), error.message);
    return;
  }
  std::uint64_t suppressed = 0;
  if (!admit(suppressed)) return;
  if (suppressed != 0) log_warning("fuse", "{} further errors were not logged", suppressed);
  log_warning("fuse", "{} of inode {}: {}: {}", operation, static_cast<std::uint64_t>(inode),
              name_of(error.code), error.message);
}

std::uint64_t ErrorLog::count() const {
  MutexLock lock(mutex_);
  return count_;
}

}  // namespace stsfs::fuse
