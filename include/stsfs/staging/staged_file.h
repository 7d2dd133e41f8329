#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/result.h"

namespace stsfs::staging {

class RoomClaim;
class StagingArea;
class Undo;
struct Extent;

/// The local sparse file of one changed file. Its name on disk goes with it, unless the journal
/// counts on it: then it stays for the next daemon.
///
/// Threads: every call at once on any thread.
class StagedFile {
 public:
  /// `number`: of those that the area made; 0: an earlier daemon did.
  StagedFile(std::shared_ptr<StagingArea> area, std::string name, std::uint64_t number);
  ~StagedFile();
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  const std::string& name() const { return name_; }
  /// It outlives this object as long as there were more of these than `let_go`s.
  void keep() { ++keepers_; }
  void let_go() { --keepers_; }
  bool is_kept() const { return keepers_ > 0; }
  /// Said by who has it last: no note names it, and no loss of power brings one back that does. So
  /// another file may be made of it.
  void release() { released_ = true; }
  /// Whether that saves more than waiting for it costs.
  bool is_worth_releasing() const;

  /// kNoSpace when the disk or the area's budget is full: then nothing of `bytes` counts as
  /// written.
  Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset) {
    return write(bytes, offset, nullptr);
  }
  /// The same into room that was claimed for it: only the disk itself can be full.
  Result<void> write(std::span<const std::byte> bytes, std::uint64_t offset, RoomClaim* claim);
  /// Zeros where nothing was written.
  Result<void> read(std::span<std::byte> buffer, std::uint64_t offset) const;
  /// What `extents` say is staged stays known as it is now: `write` copies it aside first, and
  /// fails with kNoSpace when there is no room for that. No write may be under way. Moments ascend.
  /// If the file outlives this object, or the daemon is killed, StagingArea::roll_back knows it.
  void freeze(std::uint64_t moment, std::span<const Extent> extents);
  /// That moment is of no use any more.
  void thaw(std::uint64_t moment);
  /// As `read`, of that moment; 0, which it may cease to be meanwhile: of now.
  Result<void> read_as_of(const std::atomic<std::uint64_t>& moment, std::span<std::byte> buffer,
                          std::uint64_t offset) const;
  /// Room for these bytes, so that writing them cannot fail for want of it. kNoSpace.
  Result<void> allocate(ByteRange range);
  /// Gives their blocks back; they read as zeros.
  Result<void> punch(ByteRange range);
  /// Gives the blocks behind `size` back.
  Result<void> truncate(std::uint64_t size);
  /// Returns when everything is on the disk, its name too. Once the disk has refused the bytes it
  /// fails for ever: the kernel may have forgotten which they are, and the next time say that all
  /// is well.
  Result<void> sync() const;
  /// The last `sync` failed.
  bool is_refused() const { return bytes_error_ != 0 || name_refused_; }

 private:
  friend class StagingArea;
  const std::shared_ptr<StagingArea> area_;
  const std::string name_;
  const std::uint64_t number_;
  std::atomic<int> keepers_{0};
  std::atomic<bool> released_{false};
  mutable std::atomic<int> bytes_error_{0};
  mutable std::atomic<bool> name_refused_{false};
  std::atomic<std::uint64_t> charged_{0};  // blocks of this file, as last seen
  std::atomic<std::uint64_t> reserved_from_{0},
      reserved_end_{0};  // the last run known to have blocks
  const std::unique_ptr<Undo> undo_;

  Result<void> reserve(int fd, ByteRange range, bool is_claimed);
  Result<void> reserve_blocks(int fd, ByteRange range);
  void has_blocks(int fd, ByteRange range);
  void charge(int fd);
};

}  // namespace stsfs::staging
