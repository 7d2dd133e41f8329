#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/fd.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"

namespace stsfs::sim {

/// Some bytes of a storage. Never given out twice.
struct Place {
  std::uint32_t file = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

/// Where the larger contents lie: a few sparse files, in memory (memfd) or in a directory, which
/// sendfile(2) reads. Space is only ever taken at the end and given back as a hole, so that nothing
/// is written twice and no list of free space is needed. Zeros are not written at all.
///
/// Threads: every call may be made at once on any thread; a place is written by one.
class Storage {
 public:
  /// `bytes_max` bounds what is held, zeros not counted; 0: three quarters of the machine's memory.
  static Result<std::shared_ptr<Storage>> in_memory(std::uint64_t bytes_max = 0);
  /// The files of `directory`, as they are.
  static Result<std::shared_ptr<Storage>> in_directory(const std::string& directory);

  bool persistent() const { return persistent_; }
  /// Errors: kNoSpace, kIo: the file cannot grow any more.
  Result<Place> reserve(std::uint64_t length);
  /// Returns how many of the bytes now take space.
  /// Errors: kNoSpace.
  Result<std::uint64_t> write(const Place& place, std::uint64_t at, std::string_view bytes);
  Result<void> read(const Place& place, std::uint64_t at, std::span<std::byte> buffer) const;
  /// Gives the space back; `stored` is what `write` returned for it.
  void free(const Place& place, std::uint64_t stored);
  /// True when `place` lies within what was reserved.
  bool holds(const Place& place) const;
  /// At the end: what goes from now on goes with the process, and stays in the directory.
  void freeze() { frozen_ = true; }
  int fd(const Place& place) const { return files_[place.file]->fd.get(); }

  /// After a start: everything but these is given back, and new places lie behind them.
  void keep_only(std::vector<Place> places);

 private:
  // A write locks the inode, so writers take turns over several.
  static constexpr std::size_t kFiles = 4;
  struct File {
    UniqueFd fd;
    Mutex mutex;                                    // a leaf
    std::uint64_t end STSFS_GUARDED_BY(mutex) = 0;  // its size, too: sendfile(2) stops there
  };

  Storage(bool persistent, std::uint64_t bytes_max)
      : persistent_(persistent), bytes_max_(bytes_max) {}
  Result<void> write_plain(const Place& place, std::uint64_t at, std::string_view bytes);

  const bool persistent_;
  const std::uint64_t bytes_max_;
  std::array<std::unique_ptr<File>, kFiles> files_;
  std::atomic<bool> frozen_ = false;
  std::atomic<std::uint32_t> turn_ = 0;
  std::atomic<std::uint64_t> stored_ = 0;
};

/// Bytes that no longer change: a few in memory, or a place in a storage, which goes with them.
class Blob {
 public:
  explicit Blob(std::string bytes) : bytes_(std::move(bytes)), size_(bytes_.size()) {}
  Blob(std::shared_ptr<Storage> storage, const Place& place, std::uint64_t stored)
      : size_(place.length), storage_(std::move(storage)), place_(place), stored_(stored) {}
  ~Blob() {
    if (storage_) storage_->free(place_, stored_);
  }
  Blob(const Blob&) = delete;
  Blob& operator=(const Blob&) = delete;

  std::uint64_t size() const { return size_; }
  /// Null when the bytes are in memory.
  const Storage* storage() const { return storage_.get(); }
  const Place& place() const { return place_; }
  std::string_view bytes() const { return bytes_; }

  Result<void> read(std::uint64_t at, std::span<std::byte> buffer) const;

 private:
  const std::string bytes_;
  const std::uint64_t size_;
  const std::shared_ptr<Storage> storage_;
  const Place place_{};
  const std::uint64_t stored_ = 0;
};

}  // namespace stsfs::sim
