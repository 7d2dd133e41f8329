// One file a block: <directory>/<two hex digits>/<16 hex digits>, the digits a CRC of its identity.
// A head of 4 KiB names what it is, in full, so that two identities with one CRC are only a miss to
// each other, and carries the checksums.
//
// A block is written under a temporary name and renamed, so that a kill leaves either no block or a
// whole one. After a loss of power it may be torn, since nothing is synced: that is what the
// checksums are for.
//
// How much is here is kept in a ledger, a number that all processes of the directory share. A kill
// may leave it too high by the blocks being written; whoever makes room counts the files and sets
// it right. Room is made under a lock between processes, down to seven eighths of the limit, so
// that the count, which looks at every file, is rare. Nobody waits for that lock: whoever has it
// may be stopped, and reading goes on here on the same threads. Until it is free nothing more is
// kept where the limit is reached.

#include "stsfs/cache/block_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "ledger.h"
#include "stsfs/base/crc64.h"
#include "stsfs/base/handle.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::cache {
namespace {

using Directory = Handle<DIR, closedir>;

constexpr std::size_t kHeadSize = 4096;
constexpr std::uint64_t kMagic = 0x31'6b'6c'62'73'66'74'73;  // "stsfblk1"
/// Nobody writes a block for so long: whoever began it was killed.
constexpr std::chrono::seconds kAbandoned{120};
/// A use is noted once in so long, since noting it writes to the disk.
constexpr std::chrono::seconds kUseNoted{60};
/// While the disk is full a part of the cache goes once in so long.
constexpr std::chrono::seconds kGivesWay{5};
constexpr std::uint64_t kReserveMax = std::uint64_t{1} << 30;

/// What stands at the start of a file, before the identity. Of this machine's byte order: a cache
/// does not travel.
struct Head {
  std::uint64_t magic = kMagic;
  std::uint64_t identity_size = 0;
  std::uint64_t size = 0;
  std::uint64_t crc64 = 0;
  std::uint64_t object_size = 0;
  std::uint64_t object_crc64 = 0;
  std::uint64_t has_object_crc64 = 0;
  std::uint64_t head_crc64 = 0;  // of this with 0 here, and of the identity
};
static_assert(std::is_trivially_copyable_v<Head>);

std::string identity_of(const BlockId& id) {
  return fmt::format("{}\n{}\n{}\n{}", id.folder, id.etag, id.index, id.key);
}

std::uint64_t crc_of(Head head, std::string_view identity) {
  head.head_crc64 = 0;
  return crc64(crc64(0, std::as_bytes(std::span(&head, 1))), as_bytes(identity));
}

/// nullopt when the identity is too long for it.
std::optional<std::array<std::byte, kHeadSize>> make_head(const BlockId& id,
                                                          const BlockFacts& facts,
                                                          std::span<const std::byte> block) {
  const std::string identity = identity_of(id);
  if (identity.size() > kHeadSize - sizeof(Head)) return std::nullopt;
  Head head;
  head.identity_size = identity.size();
  head.size = block.size();
  head.crc64 = crc64(0, block);
  head.object_size = facts.object_size;
  head.object_crc64 = facts.object_crc64.value_or(0);
  head.has_object_crc64 = facts.object_crc64 ? 1 : 0;
  head.head_crc64 = crc_of(head, identity);
  std::array<std::byte, kHeadSize> out{};
  std::memcpy(out.data(), &head, sizeof head);
  std::memcpy(out.data() + sizeof head, identity.data(), identity.size());
  return out;
}

/// What a file is that was found under the name of a block.
enum class Verdict { kGood, kAnother, kDamaged };

Verdict judge(std::span<const std::byte> bytes, const BlockId& id, Head& head) {
  if (bytes.size() < kHeadSize) return Verdict::kDamaged;
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.magic != kMagic || head.identity_size > kHeadSize - sizeof head ||
      head.size > BlockStore::kBlockSize)
    return Verdict::kDamaged;
  const std::string_view identity(reinterpret_cast<const char*>(bytes.data()) + sizeof head,
                                  head.identity_size);
  if (crc_of(head, identity) != head.head_crc64) return Verdict::kDamaged;
  return identity == identity_of(id) ? Verdict::kGood : Verdict::kAnother;
}

UniqueFd create(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
}

/// The time of modification is that of the last use.
bool set_time(int fd, WallTime now) {
  const auto since = now.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT},
                                      timespec{seconds.count(), (since - seconds).count()}};
  return futimens(fd, times.data()) == 0;
}

WallTime time_of(const struct stat& status) {
  return WallTime(std::chrono::seconds(status.st_mtim.tv_sec) +
                  std::chrono::nanoseconds(status.st_mtim.tv_nsec));
}

/// Calls `each(name, status)` for what is in a directory.
template <class Each>
void for_each_entry(const std::string& directory, Each&& each) {
  const Directory listing(opendir(directory.c_str()));
  if (!listing) return;
  while (const dirent* entry = readdir(listing.get())) {
    const std::string name = entry->d_name;
    struct stat status {};
    if (name != "." && name != ".." &&
        fstatat(dirfd(listing.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
      each(name, status);
  }
}

}  // namespace

struct BlockStore::Entry {
  std::string path;
  std::uint64_t size = 0;
  WallTime used_at;
};

// --- opening ---

Result<std::unique_ptr<BlockStore>> BlockStore::open(const Options& options, const Clock& clock) {
  std::unique_ptr<BlockStore> store(new BlockStore(options, clock));
  if (auto prepared = store->prepare(); !prepared)
    return fail(std::move(prepared.error()), "cache directory " + printable(options.directory));
  return store;
}

BlockStore::BlockStore(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

BlockStore::~BlockStore() = default;

Result<void> BlockStore::prepare() {
  if (auto made = make_directories(options_.directory); !made) return fail(std::move(made.error()));
  struct stat status {};
  if (lstat(options_.directory.c_str(), &status) != 0) return fail_errno("look at it");
  // Whoever may write there could put words into our files' mouths.
  if (!S_ISDIR(status.st_mode)) return fail(Errc::kNotDirectory, "it is no directory");
  if (status.st_uid != geteuid() || (status.st_mode & 077) != 0)
    return fail(Errc::kDenied, "it must be yours and of mode 0700; remedy: chmod 700 " +
                                   printable(options_.directory, 1'000));
  struct statvfs disk {};
  if (statvfs(options_.directory.c_str(), &disk) != 0) return fail_errno("ask for its space");
  reserve_bytes_ = options_.reserve_bytes.value_or(
      std::min<std::uint64_t>(kReserveMax, disk.f_blocks * disk.f_frsize / 20));
  const std::string path = options_.directory + "/ledger";
  UniqueFd ledger(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!ledger) return fail_errno("open " + printable(path));
  ledger_ = std::make_unique<Ledger>(std::move(ledger));
  return {};
}

std::string BlockStore::path_of(const BlockId& id) const {
  const std::uint64_t name = crc64(0, as_bytes(identity_of(id)));
  return fmt::format("{}/{:02x}/{:016x}", options_.directory, name >> 56, name);
}

// --- reading ---

bool BlockStore::has(const BlockId& id) const { return access(path_of(id).c_str(), F_OK) == 0; }

std::optional<BlockStore::Found> BlockStore::read(const BlockId& id, std::span<std::byte> block) {
  const std::string path = path_of(id);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::array<std::byte, kHeadSize> bytes;
  const auto size = fd ? pread_full(fd.get(), bytes, 0) : fail(Errc::kNotFound, "");
  if (!size) {
    ++misses_;
    return std::nullopt;
  }
  Head head;
  Verdict verdict = judge(std::span(bytes).first(*size), id, head);
  if (verdict == Verdict::kGood) {
    const auto data = block.first(std::min<std::size_t>(block.size(), head.size));
    const auto count = pread_full(fd.get(), data, kHeadSize);
    if (!count || *count != head.size || crc64(0, data) != head.crc64) verdict = Verdict::kDamaged;
  }
  if (verdict == Verdict::kDamaged) {
    log_warning("cache", "{} is damaged; it is deleted and fetched again", path);
    drop(id);
    ++damaged_;
  }
  if (verdict != Verdict::kGood) {
    ++misses_;
    return std::nullopt;
  }
  ++hits_;
  note_use(fd.get());
  BlockFacts facts{.object_size = head.object_size};
  if (head.has_object_crc64 != 0) facts.object_crc64 = head.object_crc64;
  return Found{head.size, facts};
}

void BlockStore::note_use(int fd) const {
  struct stat status {};
  const WallTime now = clock_.wall();
  if (fstat(fd, &status) == 0 && now - time_of(status) >= kUseNoted) (void)set_time(fd, now);
}

void BlockStore::drop(const BlockId& id) {
  struct stat status {};
  const std::string path = path_of(id);
  if (stat(path.c_str(), &status) == 0 && unlink(path.c_str()) == 0)
    ledger_->subtract(static_cast<std::uint64_t>(status.st_size));
}

// --- writing ---

bool BlockStore::has_space() const {
  struct statvfs disk {};
  return statvfs(options_.directory.c_str(), &disk) == 0 &&
         disk.f_bavail * disk.f_frsize > reserve_bytes_ + kHeadSize + kBlockSize;
}

void BlockStore::write(const BlockId& id, const BlockFacts& facts,
                       std::span<const std::byte> block) {
  const auto head = make_head(id, facts, block);
  const std::uint64_t size = kHeadSize + block.size();
  if (!head || block.empty() || block.size() > kBlockSize || size > options_.size_max_bytes ||
      has(id))
    return;
  if (!has_space()) {
    ++refused_;
    warn_once("the disk has less than " + human_bytes(reserve_bytes_) +
              " left, which are for others");
    give_way();
    return;
  }
  if (ledger_->bytes() + size > options_.size_max_bytes &&
      !make_room(options_.size_max_bytes / 8 * 7)) {
    ++refused_;
    return;
  }
  ledger_->add(size);
  if (auto written = write_file(path_of(id), *head, block); !written) {
    ledger_->subtract(size);
    ++refused_;
    warn_once(written.error().message);
    return;
  }
  ++written_;
}

void BlockStore::warn_once(const std::string& why) {
  if (warned_.exchange(true)) return;
  log_warning("cache", "{}: not all that is read is kept: {}", printable(options_.directory), why);
}

Result<void> BlockStore::write_file(const std::string& path, std::span<const std::byte> head,
                                    std::span<const std::byte> block) {
  const std::string temporary = fmt::format("{}.{}.{}", path, getpid(), ++names_);
  UniqueFd fd = create(temporary);
  if (!fd && errno == ENOENT && mkdir(path.substr(0, path.rfind('/')).c_str(), 0700) == 0)
    fd = create(temporary);
  if (!fd) return fail_errno("make a file");
  Result<void> written = pwrite_full(fd.get(), head, 0);
  if (written) written = pwrite_full(fd.get(), block, kHeadSize);
  if (written &&
      (!set_time(fd.get(), clock_.wall()) || rename(temporary.c_str(), path.c_str()) != 0))
    written = fail_errno("name a file");
  if (!written) unlink(temporary.c_str());
  return written;
}

// --- making room ---

/// Every block there is, and the ledger set right; what was abandoned is deleted.
std::vector<BlockStore::Entry> BlockStore::take_stock() const {
  std::vector<Entry> entries;
  std::uint64_t used = 0;
  const WallTime now = clock_.wall();
  for_each_entry(options_.directory, [&](const std::string& folder, const struct stat& what) {
    if (!S_ISDIR(what.st_mode)) return;
    const std::string prefix = options_.directory + "/" + folder + "/";
    for_each_entry(prefix, [&](const std::string& name, const struct stat& status) {
      if (!S_ISREG(status.st_mode)) return;
      const auto size = static_cast<std::uint64_t>(status.st_size);
      if (name.find('.') == std::string::npos) {
        entries.push_back({prefix + name, size, time_of(status)});
        used += size;
      } else if (now - time_of(status) > kAbandoned) {
        unlink((prefix + name).c_str());
      }
    });
  });
  ledger_->set(used);
  return entries;
}

/// Others need the disk: the cache gets smaller, and nobody is told.
void BlockStore::give_way() {
  if (!evicting_.try_lock()) return;
  const SteadyTime now = clock_.steady();
  if (!gave_way_ || now - *gave_way_ >= kGivesWay) {
    gave_way_ = now;
    (void)evict(ledger_->bytes() / 8 * 7);
  }
  evicting_.unlock();
}

void BlockStore::tidy() { (void)make_room(options_.size_max_bytes); }

/// False when somebody else is just at it.
bool BlockStore::make_room(std::uint64_t aim_bytes) {
  if (!evicting_.try_lock()) return false;
  const bool made = evict(aim_bytes);
  evicting_.unlock();
  return made;
}

/// The least recently used go until no more than `aim_bytes` are left. False when another process
/// is at it.
bool BlockStore::evict(std::uint64_t aim_bytes) {
  if (!ledger_->try_lock()) return false;
  std::vector<Entry> entries = take_stock();
  std::uint64_t used = ledger_->bytes();
  if (used > aim_bytes) {
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.used_at < b.used_at; });
    for (const Entry& entry : entries) {
      if (used <= aim_bytes) break;
      if (unlink(entry.path.c_str()) != 0) continue;
      ledger_->subtract(entry.size);
      used -= std::min(used, entry.size);
      ++evicted_;
    }
  }
  ledger_->unlock();
  return true;
}

BlockStore::Figures BlockStore::figures() const {
  return {.used_bytes = ledger_->bytes(),
          .hits = hits_,
          .misses = misses_,
          .written = written_,
          .damaged = damaged_,
          .evicted = evicted_,
          .refused = refused_};
}

}  // namespace stsfs::cache
