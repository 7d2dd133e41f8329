#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"
#include "stsfs/staging/staged_file.h"

namespace stsfs {
class UniqueFd;
}

namespace stsfs::staging {

class OpenDescriptors;
class Reserve;

struct StagingOptions {
  std::string directory;  ///< Made 0700 if it is not there.
  /// 0: what the disk has, less some for the journal, which must be able to grow to the end.
  std::uint64_t budget_bytes = 0;
  /// Blocks are allocated before a write also where the disk is known to reserve them by itself.
  bool allocates_always = false;
};

/// Room that is kept for bytes until they are written: nobody else can take it meanwhile.
///
/// Threads: one call at a time.
class RoomClaim {
 public:
  RoomClaim(std::shared_ptr<StagingArea> area, std::uint64_t bytes)
      : area_(std::move(area)), bytes_left_(bytes) {}
  RoomClaim(const RoomClaim&) = delete;
  RoomClaim& operator=(const RoomClaim&) = delete;
  ~RoomClaim() { give_back(); }
  /// What is left of it; it may be asked for again.
  void give_back() { used(bytes_left_); }

 private:
  friend class StagedFile;
  /// That many were written.
  void used(std::uint64_t bytes);

  const std::shared_ptr<StagingArea> area_;
  std::uint64_t bytes_left_;
};

/// Where staged files live.
///
/// Threads: every call at once on any thread. Lifetime: kept by its files.
class StagingArea : public std::enable_shared_from_this<StagingArea> {
 public:
  ~StagingArea();
  static Result<std::shared_ptr<StagingArea>> open(const StagingOptions& options);

  Result<std::shared_ptr<StagedFile>> create();
  /// For what the staged file `name` held at `moment`.
  Result<std::shared_ptr<StagedFile>> create_beside(const std::string& name, std::uint64_t moment);
  /// One that an earlier daemon left; it is kept. kNotFound when it is not there.
  Result<std::shared_ptr<StagedFile>> reopen(const std::string& name);
  bool has(const std::string& name) const;
  /// Makes staged files that an earlier daemon left what they were at these moments, by their
  /// names. What lies beside them goes. Only before anything was created.
  Result<void> roll_back(const std::map<std::string, std::uint64_t>& moments);
  /// Deletes every staged file but these, and what lies beside those. Only before anything was
  /// created. Returns how many.
  Result<std::size_t> sweep(const std::set<std::string, std::less<>>& known);

  std::uint64_t used_bytes() const { return used_; }
  /// All of it, or kNoSpace: who gets none holds nothing that others wait for.
  Result<std::unique_ptr<RoomClaim>> claim(std::uint64_t bytes) STSFS_EXCLUDES(mutex_);
  /// Whether a claim would be given now.
  bool has_claim_for(std::uint64_t bytes);
  /// What is held of the disk for the journal.
  const std::shared_ptr<Reserve>& reserve() const { return reserve_; }
  /// How near the budget, or the end of the disk, is: 0 up to nine tenths of it, 1 when it is full.
  double pressure() const;

 private:
  friend class StagedFile;
  friend class RoomClaim;
  /// An empty file that is there, for the next one that is made. Making and deleting them costs
  /// ext4 more the more were deleted in the last seconds.
  struct Spare {
    std::string name;
    std::uint64_t number = 0;
  };

  explicit StagingArea(StagingOptions options);
  Result<std::shared_ptr<const UniqueFd>> descriptor(const std::string& name);
  Result<std::shared_ptr<StagedFile>> make(std::string name);
  void close(const std::string& name);
  void remove(const std::string& name);
  bool reuse(StagedFile& file) STSFS_EXCLUDES(mutex_);
  std::optional<Spare> take_spare() STSFS_EXCLUDES(mutex_);
  Result<void> has_room(std::uint64_t bytes) const;
  /// A write that returns has its blocks, or as good as: the disk cannot turn out to be full later.
  bool writes_reserve() const { return writes_reserve_; }
  bool has_much_room() const { return used_ <= limit_ / 2; }
  void look_at_disk();
  Result<void> sync_name(std::uint64_t number);
  std::string path_of(const std::string& name) const { return options_.directory + "/" + name; }

  const StagingOptions options_;
  const std::unique_ptr<OpenDescriptors> open_;
  const std::shared_ptr<Reserve> reserve_;
  const bool writes_reserve_;
  std::atomic<std::uint64_t> made_{0};   // files
  std::atomic<std::uint64_t> named_{0};  // of them, up to this number: whose names are on the disk
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> claimed_{0};         // beside that
  std::atomic<std::uint64_t> limit_{UINT64_MAX};  // of `used_`: the budget, or what the disk has

  Mutex mutex_;  // a leaf
  std::vector<Spare> spares_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::staging
