#include "stsfs/staging/staged_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "stsfs/base/fd.h"
#include "stsfs/staging/extent_map.h"
#include "stsfs/staging/staging_area.h"
#include "undo.h"

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kReserveStep = std::uint64_t{8} << 20;
constexpr std::uint64_t kReleasedBytesMax = std::uint64_t{64} << 10;

}  // namespace

StagedFile::StagedFile(std::shared_ptr<StagingArea> area, std::string name, std::uint64_t number)
    : area_(std::move(area)),
      name_(std::move(name)),
      number_(number),
      undo_(std::make_unique<Undo>(*this, *area_)) {}

/// Its blocks go back before they are counted as free: else somebody who looks at the disk just
/// then would be refused.
StagedFile::~StagedFile() {
  undo_->end(keepers_ > 0);
  if (keepers_ > 0)
    area_->close(name_);
  else if (!released_ || !area_->reuse(*this))
    area_->remove(name_);
  area_->used_ -= charged_;
}

bool StagedFile::is_worth_releasing() const {
  return charged_ <= kReleasedBytesMax && area_->has_much_room();
}

void StagedFile::charge(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return;
  const auto blocks = static_cast<std::uint64_t>(status.st_blocks) * 512;
  const std::uint64_t before = charged_.exchange(blocks);
  area_->used_ += blocks - before;  // wraps and comes out right when it shrank
}

/// So that a full disk shows before a byte is accepted. Where a write does not reserve by itself, a
/// growing file gets steps ahead of it, a small one, and one on a disk that is nearly full, only
/// what it needs.
Result<void> StagedFile::reserve(int fd, ByteRange range, bool is_claimed) {
  if (range.end() <= reserved_end_ && range.offset >= reserved_from_) return {};
  if (is_claimed) return area_->writes_reserve() ? Result<void>() : reserve_blocks(fd, range);
  area_->look_at_disk();
  if (area_->writes_reserve()) return area_->has_room(range.length);
  if (range.offset >= kReserveStep && area_->has_room(kReserveStep))
    range.length = std::max(range.length, kReserveStep);
  if (auto room = area_->has_room(range.length); !room) return room;
  return reserve_blocks(fd, range);
}

Result<void> StagedFile::reserve_blocks(int fd, ByteRange range) {
  if (fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.offset),
                static_cast<off_t>(range.length)) != 0) {
    if (errno == EOPNOTSUPP)
      return {};  // a filesystem that cannot reserve: the write itself will tell
    return fail_errno("reserve space in the staging area");
  }
  reserved_from_ = range.offset;
  reserved_end_ = range.end();
  charge(fd);
  return {};
}

Result<void> StagedFile::write(std::span<const std::byte> bytes, std::uint64_t offset,
                               RoomClaim* claim) {
  if (auto kept = undo_->preserve({offset, bytes.size()}); !kept) return kept;
  const auto file = area_->descriptor(name_);
  if (!file) return fail(file.error());
  const int fd = (*file)->get();
  const ByteRange range{offset, bytes.size()};
  if (auto ready = reserve(fd, range, claim != nullptr); !ready) return ready;
  auto written = pwrite_full(fd, bytes, offset);
  if (!written)
    charge(fd);  // some of it may be there
  else if (area_->writes_reserve())
    has_blocks(fd, range);
  if (claim != nullptr) claim->used(bytes.size());
  return written;
}

void StagedFile::has_blocks(int fd, ByteRange range) {
  if (range.offset < reserved_from_ || range.offset > reserved_end_) {
    reserved_from_ = range.offset;
    reserved_end_ = range.offset;
  }
  if (range.end() <= reserved_end_) return;
  reserved_end_ = range.end();
  charge(fd);
}

Result<void> StagedFile::read(std::span<std::byte> buffer, std::uint64_t offset) const {
  const auto file = area_->descriptor(name_);
  if (!file) return fail(file.error());
  auto got = pread_full((*file)->get(), buffer, offset);
  if (!got) return fail(std::move(got.error()), "staged file");
  std::memset(buffer.data() + *got, 0, buffer.size() - *got);
  return {};
}

void StagedFile::freeze(std::uint64_t moment, std::span<const Extent> extents) {
  std::vector<ByteRange> held;
  for (const Extent& extent : extents) {
    if (extent.origin != Origin::kStaged) continue;
    if (!held.empty() && held.back().end() == extent.range.offset)
      held.back().length += extent.range.length;
    else
      held.push_back(extent.range);
  }
  undo_->freeze(moment, std::move(held));
}

void StagedFile::thaw(std::uint64_t moment) { undo_->thaw(moment); }

Result<void> StagedFile::read_as_of(const std::atomic<std::uint64_t>& moment,
                                    std::span<std::byte> buffer, std::uint64_t offset) const {
  if (auto got = read(buffer, offset); !got) return got;
  return undo_->restore(moment, buffer, offset);
}

Result<void> StagedFile::allocate(ByteRange range) {
  const auto file = area_->descriptor(name_);
  if (!file) return fail(file.error());
  area_->look_at_disk();
  if (auto room = area_->has_room(range.length); !room) return room;
  return reserve_blocks((*file)->get(), range);
}

Result<void> StagedFile::punch(ByteRange range) {
  const auto file = area_->descriptor(name_);
  if (!file) return fail(file.error());
  const int fd = (*file)->get();
  if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.offset),
                static_cast<off_t>(range.length)) != 0 &&
      errno != EOPNOTSUPP)
    return fail_errno("give space of the staging area back");
  // What was reserved there is not any more.
  reserved_from_ = reserved_end_ = 0;
  charge(fd);
  return {};
}

Result<void> StagedFile::truncate(std::uint64_t size) {
  const auto file = area_->descriptor(name_);
  if (!file) return fail(file.error());
  const int fd = (*file)->get();
  struct stat status {};
  if (fstat(fd, &status) != 0) return fail_errno("staged file");
  if (static_cast<std::uint64_t>(status.st_size) <= size) return {};
  if (ftruncate(fd, static_cast<off_t>(size)) != 0) return fail_errno("truncate a staged file");
  reserved_from_ = reserved_end_ = 0;
  charge(fd);
  return {};
}

Result<void> StagedFile::sync() const {
  const auto file = area_->descriptor(name_);
  if (!file) return fail(file.error());
  if (bytes_error_ == 0 && fdatasync((*file)->get()) != 0) bytes_error_ = errno;
  if ((errno = bytes_error_) != 0) return fail_errno("write a staged file to the disk");
  auto named = area_->sync_name(number_);
  name_refused_ = !named;
  return named;
}

}  // namespace stsfs::staging
