#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"

namespace stsfs::cache {

class Ledger;

/// One block of one version of one object.
struct BlockId {
  std::string folder;  ///< Names endpoint, bucket and prefix.
  std::string key;
  std::string etag;
  std::uint64_t index = 0;  ///< In blocks of BlockStore::kBlockSize.
};

/// Of the object, as the answer that brought the block said it.
struct BlockFacts {
  std::uint64_t object_size = 0;
  std::optional<std::uint64_t> object_crc64;

  bool operator==(const BlockFacts&) const = default;
};

/// Blocks of objects in a directory of the local disk, found again after a restart.
///
/// It may be lost at any time, and loses by itself what does not fit: every failure is a miss, and
/// no reader ever sees an error of it. What it gives is what was put in: a block is a file that
/// appears whole under its name, and carries its identity and checksums, which are compared at
/// every read; what does not agree is deleted and is a miss.
///
/// Several processes of one user may share a directory, each with its own limit. What a killed one
/// leaves behind are files under temporary names, which the others sweep.
///
/// Threads:  any; every call waits for the disk, none for another process.
class BlockStore {
 public:
  static constexpr std::uint64_t kBlockSize = std::uint64_t{1} << 20;

  struct Options {
    std::string directory;  ///< Made when absent.
    std::uint64_t size_max_bytes = 0;
    /// Of the disk, left to others: staged data wants to go there too. Not set: a twentieth, at
    /// most 1 GiB.
    std::optional<std::uint64_t> reserve_bytes;
  };

  /// Does not look at what is there: that is for `tidy`.
  ///
  /// Errors: kDenied when the directory is another user's or open to others; others when it cannot
  /// be made or used.
  static Result<std::unique_ptr<BlockStore>> open(const Options& options, const Clock& clock);

  /// Fills the first bytes of `block`, which has kBlockSize of them. nullopt: it is not here; then
  /// `block` may hold anything.
  struct Found {
    std::size_t size_bytes = 0;
    BlockFacts facts;
  };
  std::optional<Found> read(const BlockId& id, std::span<std::byte> block);
  /// May be wrong a moment later. Costs a look at the directory, no read.
  bool has(const BlockId& id) const;
  /// Keeps it, unless it is here already, the disk is full, there is no room while somebody else
  /// makes some, or it could not be written.
  void write(const BlockId& id, const BlockFacts& facts, std::span<const std::byte> block);
  void drop(const BlockId& id);
  /// Counts what is here, sweeps what a killed process left, and makes room where it is too much:
  /// once, soon after opening. Looks at every file, which may take long.
  void tidy() STSFS_EXCLUDES(evicting_);

  struct Figures {
    std::uint64_t used_bytes = 0;  ///< Of all that share the directory.
    std::uint64_t hits = 0, misses = 0, written = 0;
    std::uint64_t damaged = 0;  ///< Deleted, since it was not what was written.
    std::uint64_t evicted = 0;
    std::uint64_t refused = 0;  ///< Not kept: no space on the disk, or another failure.
  };
  Figures figures() const;

  ~BlockStore();

 private:
  struct Entry;
  BlockStore(Options options, const Clock& clock);

  Result<void> prepare();
  std::string path_of(const BlockId& id) const;
  bool has_space() const;
  Result<void> write_file(const std::string& path, std::span<const std::byte> head,
                          std::span<const std::byte> block);
  void give_way() STSFS_EXCLUDES(evicting_);
  bool make_room(std::uint64_t aim_bytes) STSFS_EXCLUDES(evicting_);
  bool evict(std::uint64_t aim_bytes) STSFS_REQUIRES(evicting_);
  void warn_once(const std::string& why);
  std::vector<Entry> take_stock() const;
  void note_use(int fd) const;

  const Options options_;
  const Clock& clock_;
  std::uint64_t reserve_bytes_ = 0;  // of the disk, left to others
  std::unique_ptr<Ledger> ledger_;   // shared by every process of this directory

  Mutex evicting_;  // held while the disk is looked through; nobody waits for it
  std::optional<SteadyTime> gave_way_ STSFS_GUARDED_BY(evicting_);
  std::atomic<std::uint64_t> names_{0};
  std::atomic<std::uint64_t> hits_{0}, misses_{0}, written_{0}, damaged_{0}, evicted_{0},
      refused_{0};
  std::atomic<bool> warned_{false};
};

}  // namespace stsfs::cache
