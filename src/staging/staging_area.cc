#include "stsfs/staging/staging_area.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include "open_descriptors.h"
#include "reserve.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/log.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "undo_record.h"

namespace stsfs::staging {
namespace {

constexpr const char* kNamePrefix = "file-";
constexpr std::size_t kSparesMax = 4096;

/// A quarter of what the process may have: connections and the kernel's device want theirs.
std::size_t open_max() {
  constexpr rlim_t kLeast = 16, kMost = 4096;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kLeast;
  return std::clamp(limit.rlim_cur / 4, kLeast, kMost);
}

/// Of ext4, XFS and tmpfs it is known. Allocating blocks and giving them back costs a small file
/// more than all else here, and one that is gone before its bytes are written back needs none.
bool reserves_on_write(const std::string& directory) {
  struct statfs disk {};
  if (statfs(directory.c_str(), &disk) != 0) return false;
  return disk.f_type == EXT4_SUPER_MAGIC || disk.f_type == XFS_SUPER_MAGIC ||
         disk.f_type == TMPFS_MAGIC;
}

}  // namespace

StagingArea::StagingArea(StagingOptions options)
    : options_(std::move(options)),
      open_(std::make_unique<OpenDescriptors>(options_.directory, open_max())),
      reserve_(std::make_shared<Reserve>(options_.directory + "/reserve")),
      writes_reserve_(!options_.allocates_always && reserves_on_write(options_.directory)) {}

StagingArea::~StagingArea() {
  while (const auto spare = take_spare()) remove(spare->name);
}

Result<std::shared_ptr<StagingArea>> StagingArea::open(const StagingOptions& options) {
  if (auto made = make_directories(options.directory, 0700); !made)
    return fail(std::move(made.error()), "staging area");
  std::shared_ptr<StagingArea> area(new StagingArea(options));
  if (auto probe = area->create(); !probe) return fail(std::move(probe.error()), "staging area");
  area->look_at_disk();
  return area;
}

Result<std::shared_ptr<StagedFile>> StagingArea::create() {
  if (auto spare = take_spare())
    return std::make_shared<StagedFile>(shared_from_this(), std::move(spare->name), spare->number);
  return make(kNamePrefix + random_hex(8));
}

Result<std::shared_ptr<StagedFile>> StagingArea::create_beside(const std::string& name,
                                                               std::uint64_t moment) {
  return make(name_beside(name, moment));
}

Result<std::shared_ptr<StagedFile>> StagingArea::make(std::string name) {
  UniqueFd fd(::open(path_of(name).c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("create a staged file in " + printable(options_.directory));
  open_->add(name, std::move(fd));
  return std::make_shared<StagedFile>(shared_from_this(), std::move(name), ++made_);
}

Result<std::shared_ptr<StagedFile>> StagingArea::reopen(const std::string& name) {
  if (!name.starts_with(kNamePrefix) || name.find('/') != std::string::npos)
    return fail(Errc::kInvalid, printable(name) + " is no name of a staged file");
  const auto fd = open_->of(name);
  if (!fd) return fail(fd.error());
  auto file = std::make_shared<StagedFile>(shared_from_this(), name, 0);
  file->keep();
  file->charge((*fd)->get());
  return file;
}

Result<std::shared_ptr<const UniqueFd>> StagingArea::descriptor(const std::string& name) {
  return open_->of(name);
}

void StagingArea::close(const std::string& name) { open_->forget(name); }

void StagingArea::remove(const std::string& name) {
  unlink(path_of(name).c_str());
  open_->forget(name);
}

/// False when it is to be deleted.
bool StagingArea::reuse(StagedFile& file) {
  if (file.is_refused()) return false;
  const auto fd = open_->of(file.name());
  if (!fd || ftruncate((*fd)->get(), 0) != 0) return false;
  file.charge((*fd)->get());
  if (file.charged_ > 0) return false;
  MutexLock lock(mutex_);
  if (spares_.size() >= kSparesMax) return false;
  spares_.push_back({file.name(), file.number_});
  return true;
}

std::optional<StagingArea::Spare> StagingArea::take_spare() {
  MutexLock lock(mutex_);
  if (spares_.empty()) return std::nullopt;
  Spare spare = std::move(spares_.back());
  spares_.pop_back();
  return spare;
}

bool StagingArea::has(const std::string& name) const {
  return access(path_of(name).c_str(), F_OK) == 0;
}

/// On the disk before what lies beside it goes, and that goes for good: its numbers may be drawn
/// once more.
Result<void> StagingArea::roll_back(const std::map<std::string, std::uint64_t>& moments) {
  auto beside = files_beside(options_.directory);
  if (!beside) return fail(std::move(beside.error()));
  for (const auto& [name, numbers] : *beside) {
    const auto moment = moments.find(name);
    std::uint64_t bytes_back = 0;
    if (moment != moments.end() && has(name)) {
      const UniqueFd fd(::open(path_of(name).c_str(), O_WRONLY | O_CLOEXEC));
      if (!fd) return fail_errno("open the staged file " + printable(name));
      auto done = undo(options_.directory, name, moment->second, numbers,
                       [&](std::span<const std::byte> bytes, std::uint64_t offset) {
                         bytes_back += bytes.size();
                         return pwrite_full(fd.get(), bytes, offset);
                       });
      if (done && bytes_back > 0 && fdatasync(fd.get()) != 0)
        done = fail_errno("write to the disk");
      if (!done) return fail(std::move(done.error()), "roll a staged file back");
    }
    if (bytes_back > 0)
      log_info("staging", "{} written over and never closed: they are as they were",
               human_bytes(bytes_back));
    for (const std::uint64_t number : numbers) unlink(path_of(name_beside(name, number)).c_str());
  }
  return beside->empty() ? Result<void>() : sync_directory_of(path_of("file"));
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

/// The budget, or less when the disk has less: as much as is held for the journal is left to it
/// besides. Others write there too, so this is looked at again and again.
void StagingArea::look_at_disk() {
  reserve_->fill();
  struct statvfs disk {};
  if (statvfs(options_.directory.c_str(), &disk) != 0) return;
  const std::uint64_t size = std::uint64_t{disk.f_blocks} * disk.f_frsize;
  const std::uint64_t kept = Reserve::wanted_bytes(size) + reserve_->missing_bytes();
  const std::uint64_t has = used_ + std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const std::uint64_t room = has > kept ? has - kept : 0;
  limit_ = options_.budget_bytes == 0 ? room : std::min(room, options_.budget_bytes);
}

Result<void> StagingArea::has_room(std::uint64_t bytes) const {
  const std::uint64_t limit = limit_;
  const std::uint64_t taken = used_ + claimed_;
  if (bytes <= limit && taken <= limit - bytes) return {};
  return fail(Errc::kNoSpace, "the staging area holds " + human_bytes(taken) +
                                  " that are not in OSS yet, and has room for " +
                                  human_bytes(limit));
}

/// Two that come at once must not both be refused where there is room for one.
Result<std::unique_ptr<RoomClaim>> StagingArea::claim(std::uint64_t bytes) {
  look_at_disk();
  MutexLock lock(mutex_);
  if (auto room = has_room(bytes); !room && bytes > 0) return fail(std::move(room.error()));
  claimed_ += bytes;
  return std::make_unique<RoomClaim>(shared_from_this(), bytes);
}

bool StagingArea::has_claim_for(std::uint64_t bytes) {
  look_at_disk();
  return has_room(bytes).has_value();
}

void RoomClaim::used(std::uint64_t bytes) {
  const std::uint64_t less = std::min(bytes, bytes_left_);
  bytes_left_ -= less;
  area_->claimed_ -= less;
}

double StagingArea::pressure() const {
  const double part = static_cast<double>(used_ + claimed_) /
                      static_cast<double>(std::max<std::uint64_t>(1, limit_));
  return std::clamp((part - 0.9) * 10, 0.0, 1.0);
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
