#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/result.h"

namespace stsfs::staging {

class StagingArea;

/// The local sparse file of one changed file. Its name on disk goes with it, unless the journal
/// counts on it: then it stays for the next daemon.
///
/// Threads: every call at once on any thread.
class StagedFile {
 public:
  /// `number`: of those that the area made; 0: an earlier daemon did.
  StagedFile(StagingArea& area, std::string name, UniqueFd fd, std::uint64_t number)
      : area_(area), name_(std::move(name)), fd_(std::move(fd)), number_(number) {}
  ~StagedFile();
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  const std::string& name() const { return name_; }
  /// It outlives this object as long as there were more of these than `let_go`s.
  void keep() { ++keepers_; }
  void let_go() { --keepers_; }

  /// kNoSpace when the disk or the area's budget is full: then nothing of `bytes` counts as
  /// written.
  Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset);
  /// Zeros where nothing was written.
  Result<void> read(std::span<std::byte> buffer, std::uint64_t offset) const;
  /// Room for these bytes, so that writing them cannot fail for want of it. kNoSpace.
  Result<void> allocate(ByteRange range);
  /// Gives their blocks back; they read as zeros.
  Result<void> punch(ByteRange range);
  /// Gives the blocks behind `size` back.
  Result<void> truncate(std::uint64_t size);
  /// Returns when everything is on the disk, its name too.
  Result<void> sync() const;

 private:
  friend class StagingArea;
  StagingArea& area_;
  const std::string name_;
  UniqueFd fd_;  // open until the end
  const std::uint64_t number_;
  std::atomic<int> keepers_{0};
  std::atomic<std::uint64_t> charged_{0};  // blocks of this file, as last seen
  std::atomic<std::uint64_t> reserved_from_{0}, reserved_end_{0};  // the last run that was reserved

  Result<void> reserve(ByteRange range);
  void charge();
};

struct StagingOptions {
  std::string directory;  ///< Made 0700 if it is not there.
  /// 0: what the disk has, less some for the journal, which must be able to grow to the end.
  std::uint64_t budget_bytes = 0;
};

/// Where staged files live.
///
/// Threads: every call at once on any thread. Lifetime: outlives its files.
class StagingArea {
 public:
  static Result<std::unique_ptr<StagingArea>> open(const StagingOptions& options);

  Result<std::shared_ptr<StagedFile>> create();
  /// One that an earlier daemon left; it is kept. kNotFound when it is not there.
  Result<std::shared_ptr<StagedFile>> reopen(const std::string& name);
  bool has(const std::string& name) const;
  /// Deletes every staged file but these. Only before anything was created. Returns how many.
  Result<std::size_t> sweep(const std::set<std::string, std::less<>>& known);

  std::uint64_t used_bytes() const { return used_; }
  /// How near the budget, or the end of the disk, is: 0 up to nine tenths of it, 1 when it is full.
  double pressure() const;

 private:
  friend class StagedFile;
  StagingArea(StagingOptions options) : options_(std::move(options)) {}
  Result<void> has_room(std::uint64_t bytes) const;
  void look_at_disk();
  Result<void> sync_name(std::uint64_t number);
  std::string path_of(const std::string& name) const { return options_.directory + "/" + name; }

  const StagingOptions options_;
  std::atomic<std::uint64_t> made_{0};   // files
  std::atomic<std::uint64_t> named_{0};  // of them, up to this number: whose names are on the disk
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> limit_{UINT64_MAX};  // of `used_`: the budget, or what the disk has
};

}  // namespace stsfs::staging
