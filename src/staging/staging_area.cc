#include "stsfs/staging/staging_area.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "stsfs/base/random.h"
#include "stsfs/base/text.h"

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kReserveStep = std::uint64_t{8} << 20;

constexpr const char* kNamePrefix = "file-";

}  // namespace

Result<std::unique_ptr<StagingArea>> StagingArea::open(const StagingOptions& options) {
  if (auto made = make_directories(options.directory, 0700); !made)
    return fail(std::move(made.error()), "staging area");
  std::unique_ptr<StagingArea> area(new StagingArea(options));
  if (auto probe = area->create(); !probe) return fail(std::move(probe.error()), "staging area");
  area->look_at_disk();
  return area;
}

Result<std::shared_ptr<StagedFile>> StagingArea::create() {
  std::string name = kNamePrefix + random_hex(8);
  UniqueFd fd(::open(path_of(name).c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("create a staged file in " + printable(options_.directory));
  return std::make_shared<StagedFile>(*this, std::move(name), std::move(fd), ++made_);
}

Result<std::shared_ptr<StagedFile>> StagingArea::reopen(const std::string& name) {
  if (!name.starts_with(kNamePrefix) || name.find('/') != std::string::npos)
    return fail(Errc::kInvalid, printable(name) + " is no name of a staged file");
  UniqueFd fd(::open(path_of(name).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail_errno("open the staged file " + path_of(name));
  auto file = std::make_shared<StagedFile>(*this, name, std::move(fd), 0);
  file->keep();
  file->charge();
  return file;
}

bool StagingArea::has(const std::string& name) const {
  return access(path_of(name).c_str(), F_OK) == 0;
}

Result<std::size_t> StagingArea::sweep(const std::set<std::string, std::less<>>& known) {
  DIR* listing = opendir(options_.directory.c_str());
  if (listing == nullptr) return fail_errno("list " + printable(options_.directory));
  std::size_t swept = 0;
  while (const dirent* entry = readdir(listing)) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with(kNamePrefix) || known.contains(name)) continue;
    if (unlinkat(dirfd(listing), entry->d_name, 0) == 0) ++swept;
  }
  closedir(listing);
  return swept;
}

/// The budget, or less when the disk has less: an eighth of a small one, 16 MiB of a large one, are
/// the journal's. Others write there too, so this is looked at again and again.
void StagingArea::look_at_disk() {
  constexpr std::uint64_t kForTheJournalMax = std::uint64_t{16} << 20;
  struct statvfs disk {};
  if (statvfs(options_.directory.c_str(), &disk) != 0) return;
  const std::uint64_t size = std::uint64_t{disk.f_blocks} * disk.f_frsize;
  const std::uint64_t kept = std::min(kForTheJournalMax, size / 8);
  const std::uint64_t has = used_ + std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const std::uint64_t room = has > kept ? has - kept : 0;
  limit_ = options_.budget_bytes == 0 ? room : std::min(room, options_.budget_bytes);
}

Result<void> StagingArea::has_room(std::uint64_t bytes) const {
  const std::uint64_t limit = limit_;
  if (bytes <= limit && used_ <= limit - bytes) return {};
  return fail(Errc::kNoSpace, "the staging area holds " + human_bytes(used_) +
                                  " that are not in OSS yet, and has room for " +
                                  human_bytes(limit));
}

double StagingArea::pressure() const {
  const double part =
      static_cast<double>(used_) / static_cast<double>(std::max<std::uint64_t>(1, limit_));
  return std::clamp((part - 0.9) * 10, 0.0, 1.0);
}

/// Its blocks go back with the descriptor: counted as free before that, they would be missing from
/// what the disk has, and somebody who looks at it just then would be refused.
StagedFile::~StagedFile() {
  if (keepers_ <= 0) unlink(area_.path_of(name_).c_str());
  fd_.reset();
  area_.used_ -= charged_;
}

void StagedFile::charge() {
  struct stat status {};
  if (fstat(fd_.get(), &status) != 0) return;
  const auto blocks = static_cast<std::uint64_t>(status.st_blocks) * 512;
  const std::uint64_t before = charged_.exchange(blocks);
  area_.used_ += blocks - before;  // wraps and comes out right when it shrank
}

/// So that a full disk shows before a byte is accepted. A growing file gets steps ahead of it, a
/// small one, and one on a disk that is nearly full, only what it needs.
Result<void> StagedFile::reserve(ByteRange range) {
  if (range.end() <= reserved_end_ && range.offset >= reserved_from_) return {};
  area_.look_at_disk();
  std::uint64_t length = range.length;
  if (range.offset >= kReserveStep && area_.has_room(kReserveStep))
    length = std::max(length, kReserveStep);
  if (auto room = area_.has_room(length); !room) return room;
  if (fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.offset),
                static_cast<off_t>(length)) != 0) {
    if (errno == EOPNOTSUPP)
      return {};  // a filesystem that cannot reserve: the write itself will tell
    return fail_errno("reserve space in the staging area");
  }
  reserved_from_ = range.offset;
  reserved_end_ = range.offset + length;
  charge();
  return {};
}

Result<void> StagedFile::write(std::span<const std::byte> bytes, std::uint64_t offset) {
  if (auto ready = reserve({offset, bytes.size()}); !ready) return ready;
  return pwrite_full(fd_.get(), bytes, offset);
}

Result<void> StagedFile::read(std::span<std::byte> buffer, std::uint64_t offset) const {
  auto got = pread_full(fd_.get(), buffer, offset);
  if (!got) return fail(std::move(got.error()), "staged file");
  std::memset(buffer.data() + *got, 0, buffer.size() - *got);
  return {};
}

Result<void> StagedFile::allocate(ByteRange range) {
  area_.look_at_disk();
  if (auto room = area_.has_room(range.length); !room) return room;
  if (fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range.offset),
                static_cast<off_t>(range.length)) != 0 &&
      errno != EOPNOTSUPP)
    return fail_errno("reserve space in the staging area");
  reserved_from_ = range.offset;
  reserved_end_ = range.end();
  charge();
  return {};
}

Result<void> StagedFile::punch(ByteRange range) {
  if (fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                static_cast<off_t>(range.offset), static_cast<off_t>(range.length)) != 0 &&
      errno != EOPNOTSUPP)
    return fail_errno("give space of the staging area back");
  // What was reserved there is not any more.
  reserved_from_ = reserved_end_ = 0;
  charge();
  return {};
}

Result<void> StagedFile::truncate(std::uint64_t size) {
  struct stat status {};
  if (fstat(fd_.get(), &status) != 0) return fail_errno("staged file");
  if (static_cast<std::uint64_t>(status.st_size) <= size) return {};
  if (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0)
    return fail_errno("truncate a staged file");
  charge();
  return {};
}

Result<void> StagedFile::sync() const {
  if (fdatasync(fd_.get()) != 0) return fail_errno("write a staged file to the disk");
  return area_.sync_name(number_);
}

/// One fsync of the directory brings the names of all that were made before.
Result<void> StagingArea::sync_name(std::uint64_t number) {
  if (number <= named_) return {};
  const std::uint64_t made = made_;
  if (auto synced = sync_directory_of(path_of("file")); !synced) return synced;
  std::uint64_t named = named_;
  while (named < made && !named_.compare_exchange_weak(named, made)) {
  }
  return {};
}

}  // namespace stsfs::staging
