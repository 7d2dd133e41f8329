#include "convert.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ratio>

namespace stsfs::fuse {
namespace {

// What programs take as the size of a good read or write: the largest that one request carries.
constexpr blksize_t kBlockSize = 1 << 20;
constexpr std::uint64_t kStatBlock = 512;  // POSIX, st_blocks
constexpr std::uint64_t kStatisticsBlock = 4096;
constexpr std::uint64_t kFilesWithoutLimit = std::uint64_t{1} << 32;
constexpr unsigned kNameMax = 255;

timespec to_timespec(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {.tv_sec = static_cast<time_t>(seconds.time_since_epoch().count()),
          .tv_nsec = static_cast<long>((time - seconds).count())};
}

// A WallTime holds the years 1677 to 2262. What is beyond becomes the nearest that it holds, as
// disks do with what their inodes cannot hold.
WallTime to_wall(const timespec& time) {
  constexpr time_t kSecondsMax = INT64_MAX / std::nano::den - 1;
  const auto seconds = std::clamp(time.tv_sec, -kSecondsMax, kSecondsMax);
  return WallTime(std::chrono::seconds(seconds) + std::chrono::nanoseconds(time.tv_nsec));
}

}  // namespace

struct stat to_stat(const fs::Attributes& attributes) {
  struct stat out {};
  out.st_ino = static_cast<ino_t>(attributes.inode);
  out.st_mode = attributes.mode;
  out.st_nlink = attributes.link_count;
  out.st_uid = attributes.uid;
  out.st_gid = attributes.gid;
  out.st_rdev = attributes.rdev;
  out.st_size = static_cast<off_t>(attributes.size_bytes);
  out.st_blksize = kBlockSize;
  out.st_blocks = static_cast<blkcnt_t>((attributes.size_bytes + kStatBlock - 1) / kStatBlock);
  out.st_atim = to_timespec(attributes.atime);
  out.st_mtim = to_timespec(attributes.mtime);
  out.st_ctim = to_timespec(attributes.ctime);
  return out;
}

double to_seconds(std::chrono::milliseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

fuse_entry_param to_entry_param(const fs::Entry& entry) {
  fuse_entry_param out{};
  out.ino = static_cast<fuse_ino_t>(entry.attributes.inode);
  out.attr = to_stat(entry.attributes);
  out.attr_timeout = to_seconds(entry.attribute_timeout);
  out.entry_timeout = to_seconds(entry.entry_timeout);
  return out;
}

struct statvfs to_statvfs(const fs::Statistics& statistics) {
  struct statvfs out {};
  out.f_bsize = kStatisticsBlock;
  out.f_frsize = kStatisticsBlock;
  out.f_blocks = statistics.total_bytes / kStatisticsBlock;
  out.f_bfree = statistics.free_bytes / kStatisticsBlock;
  out.f_bavail = out.f_bfree;
  out.f_files = statistics.files + kFilesWithoutLimit;
  out.f_ffree = kFilesWithoutLimit;
  out.f_favail = kFilesWithoutLimit;
  out.f_namemax = kNameMax;
  return out;
}

fs::AttributeChange to_change(const struct stat& wanted, int to_set) {
  fs::AttributeChange out;
  if (to_set & FUSE_SET_ATTR_MODE) out.mode = wanted.st_mode & 07777;
  if (to_set & FUSE_SET_ATTR_UID) out.uid = wanted.st_uid;
  if (to_set & FUSE_SET_ATTR_GID) out.gid = wanted.st_gid;
  if (to_set & FUSE_SET_ATTR_SIZE) out.size_bytes = static_cast<std::uint64_t>(wanted.st_size);
  if (to_set & FUSE_SET_ATTR_ATIME_NOW) {
    out.atime = fs::Now{};
  } else if (to_set & FUSE_SET_ATTR_ATIME) {
    out.atime = to_wall(wanted.st_atim);
  }
  if (to_set & FUSE_SET_ATTR_MTIME_NOW) {
    out.mtime = fs::Now{};
  } else if (to_set & FUSE_SET_ATTR_MTIME) {
    out.mtime = to_wall(wanted.st_mtim);
  }
  return out;
}

}  // namespace stsfs::fuse
