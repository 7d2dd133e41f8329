// Ranges of open files that move without passing through here, and those that hold nothing.
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "operations.h"
#include "set_id.h"

namespace stsfs::fuse {
namespace {

using fs::Context;

// These change a file as a write does, but the kernel does not say whether the caller may leave
// set-user-id in place, as it does of writes.
Result<void> clear_set_id_of(Driver& driver, const Context& context, fuse_ino_t inode,
                             fs::HandleNumber handle) {
  if (context.caller.uid == 0) return {};
  return clear_set_id_now(driver, context, fs::InodeNumber{inode}, handle);
}

// The answer's count has 32 bits; a caller that wants more comes again. Source: linux/fuse.h,
// fuse_write_out.
constexpr std::size_t kCopyMax = std::size_t{0xffff'f000};

void copy_file_range(fuse_req_t request, fuse_ino_t inode, off_t offset, fuse_file_info* info,
                     fuse_ino_t to_inode, off_t to_offset, fuse_file_info* to_info,
                     std::size_t size, int) noexcept {
  Driver& driver = driver_of(request);
  const ByteRange range{static_cast<std::uint64_t>(offset), std::min(size, kCopyMax)};
  driver.carry_out<std::uint64_t>(
      begin_long(request, "copy_file_range", inode),
      [&driver, from = handle_of(info), range, to_inode, to = handle_of(to_info),
       to_offset =
           static_cast<std::uint64_t>(to_offset)](const Context& context) -> Result<std::uint64_t> {
        if (auto clear = clear_set_id_of(driver, context, to_inode, to); !clear)
          return stsfs::fail(std::move(clear.error()));
        return driver.file_system().copy_range(context, from, range, to, to_offset);
      },
      [](Call& call, std::uint64_t size_bytes) {
        std::move(call.reply()).written(static_cast<std::size_t>(size_bytes));
      });
}

std::optional<fs::Allocation> allocation_of(int mode) {
  switch (mode) {
    case 0:
      return fs::Allocation::kExtend;
    case FALLOC_FL_KEEP_SIZE:
      return fs::Allocation::kReserve;
    case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
      return fs::Allocation::kPunch;
    case FALLOC_FL_ZERO_RANGE:
      return fs::Allocation::kZero;
    case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
      return fs::Allocation::kPunch;
    default:
      return std::nullopt;
  }
}

void fallocate(fuse_req_t request, fuse_ino_t inode, int mode, off_t offset, off_t length,
               fuse_file_info* info) noexcept {
  const auto kind = allocation_of(mode);
  if (!kind) {
    fuse_reply_err(request, EOPNOTSUPP);
    return;
  }
  Driver& driver = driver_of(request);
  const ByteRange range{static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(length)};
  driver.carry_out<void>(
      begin(request, "fallocate", inode),
      [&driver, inode, handle = handle_of(info), range, kind = *kind](const Context& context) {
        if (auto clear = clear_set_id_of(driver, context, inode, handle); !clear) return clear;
        return driver.file_system().allocate(context, handle, range, kind);
      },
      [](Call& call) { std::move(call.reply()).ok(); });
}

void lseek(fuse_req_t request, fuse_ino_t inode, off_t offset, int whence,
           fuse_file_info* info) noexcept {
  if (whence != SEEK_DATA && whence != SEEK_HOLE) {
    fuse_reply_err(request, EINVAL);
    return;
  }
  using Found = std::optional<std::uint64_t>;
  Driver& driver = driver_of(request);
  const auto what = whence == SEEK_DATA ? fs::SeekTo::kData : fs::SeekTo::kHole;
  driver.carry_out<Found>(
      begin(request, "lseek", inode),
      [&fs = driver.file_system(), handle = handle_of(info),
       offset = static_cast<std::uint64_t>(offset),
       what](const Context& context) { return fs.seek(context, handle, offset, what); },
      [](Call& call, const Found& found) {
        if (found)
          std::move(call.reply()).offset(static_cast<off_t>(*found));
        else
          std::move(call.reply()).error(ENXIO);
      });
}

}  // namespace

void add_space_operations(fuse_lowlevel_ops& operations) {
  operations.copy_file_range = copy_file_range;
  operations.fallocate = fallocate;
  operations.lseek = lseek;
}

}  // namespace stsfs::fuse
