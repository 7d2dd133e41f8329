#include "reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kWantedMax = std::uint64_t{16} << 20;
constexpr std::uint64_t kPieces = 8;

}  // namespace

Reserve::Reserve(std::string file) : path_(std::move(file)) {
  struct statvfs disk {};
  if (statvfs(path_.substr(0, path_.rfind('/')).c_str(), &disk) != 0) return;
  MutexLock lock(mutex_);
  wanted_ = wanted_bytes(std::uint64_t{disk.f_blocks} * disk.f_frsize);
  look();
}

std::uint64_t Reserve::wanted_bytes(std::uint64_t disk_bytes) {
  return std::min(kWantedMax, disk_bytes / 8);
}

/// At the file, which may have been changed.
void Reserve::look() {
  if (!file_) file_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat status {};
  held_ = file_ && fstat(file_.get(), &status) == 0
              ? std::min<std::uint64_t>(status.st_size, std::uint64_t(status.st_blocks) * 512)
              : 0;
  missing_ = wanted_ - std::min(wanted_, held_);
}

bool Reserve::give_free(bool last_half) {
  MutexLock lock(mutex_);
  if (held_ == 0 || (!last_half && held_ <= wanted_ / 2)) return false;
  const std::uint64_t left = held_ - std::min(held_, std::max<std::uint64_t>(1, wanted_ / kPieces));
  if (ftruncate(file_.get(), static_cast<off_t>(left)) != 0) return false;
  const std::uint64_t before = held_;
  look();
  log_warning("staging", "the disk is full; {} that were held for the journal are given free: {}",
              human_bytes(before - std::min(before, held_)), printable(path_));
  return held_ < before;
}

void Reserve::fill() {
  if (missing_ == 0) return;
  MutexLock lock(mutex_);
  struct statvfs disk {};
  if (missing_ == 0 || !file_ || fstatvfs(file_.get(), &disk) != 0 ||
      std::uint64_t{disk.f_bavail} * disk.f_frsize < missing_ + wanted_)
    return;
  if (fallocate(file_.get(), 0, 0, static_cast<off_t>(wanted_)) != 0) {
    if (errno == EOPNOTSUPP)
      wanted_ = 0;
    else if (ftruncate(file_.get(), static_cast<off_t>(held_)) != 0)
      log_debug("staging", "what was allocated in vain stays so: {}", printable(path_));
  }
  look();
}

}  // namespace stsfs::staging
