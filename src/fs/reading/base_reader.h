#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "held_blocks.h"
#include "read_streams.h"
#include "stsfs/base/byte_range.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"
#include "stsfs/cache/block_pool.h"
#include "stsfs/oss/object_store.h"
#include "whole_checksum.h"

namespace stsfs::fs {

/// How many requests ahead of their readers are under way at once in the whole mount. Requests that
/// somebody waits for are not counted.
///
/// Threads: any.
class PrefetchSlots {
 public:
  explicit PrefetchSlots(int count) : free_(count) {}
  bool take() {
    int free = free_.load();
    while (free > 0)
      if (free_.compare_exchange_weak(free, free - 1)) return true;
    return false;
  }
  void give_back() { ++free_; }

 private:
  std::atomic<int> free_;
};

class BaseReader;

/// All readers of a mount, also those that only a request under way still holds: none may outlive
/// what it hangs on.
///
/// Threads: any.
class Readers {
 public:
  void add(const std::shared_ptr<BaseReader>& reader) STSFS_EXCLUDES(mutex_);
  void stop_all() STSFS_EXCLUDES(mutex_);

 private:
  static constexpr std::size_t kSweepMin = 64;

  Mutex mutex_;  // a leaf
  std::vector<std::weak_ptr<BaseReader>> readers_ STSFS_GUARDED_BY(mutex_);
  std::size_t sweep_at_ STSFS_GUARDED_BY(mutex_) = kSweepMin;
};

/// What every reader of a mount hangs on.
struct ReadSurroundings {
  oss::ObjectStore& store;
  Scheduler& scheduler;
  const Clock& clock;
  std::shared_ptr<cache::BlockPool> pool;
  PrefetchSlots& slots;
  Readers& readers;
  std::chrono::milliseconds timeout{30'000};  ///< A read that has no bytes after it fails.
};

/// Reads one version of one object. What to fetch is decided by ReadStreams; here it is fetched,
/// into blocks of the mount's pool, and every read is answered as soon as its bytes have come,
/// whatever else the same request is still to bring.
///
/// Every request carries `If-Match`. When all bytes of the object went by, their CRC-64 is compared
/// with the server's before the last of them are handed out; if it differs, nobody knows which are
/// wrong, and every read from then on fails.
///
/// Threads:  every call on any thread; `done` on the HTTP loop, or at once on the caller's.
/// Lifetime: held by shared_ptr; callbacks keep it alive. `stop` before the store goes.
class BaseReader : public std::enable_shared_from_this<BaseReader> {
 public:
  /// The bytes are valid only while it runs.
  using Done = Callback<std::span<const std::byte>>;

  BaseReader(const ReadSurroundings& around, std::string key, std::string etag, std::uint64_t size);
  ~BaseReader();

  /// `range` must lie inside the object and not be empty.
  ///
  /// `by` tells who reads, so that what was fetched ahead where he was is called off when he goes
  /// elsewhere.
  ///
  /// Errors: kChanged or kNotFound when the version is no longer there; kCorrupt; kTimedOut;
  /// kInterrupted after `stop`; others as ObjectStore::start_get.
  void read(ByteRange range, Done done, ReadStreams::ReaderId by = ReadStreams::kNobody)
      STSFS_EXCLUDES(mutex_);
  /// `by` will not read any more; others may.
  void leave(ReadStreams::ReaderId by) STSFS_EXCLUDES(mutex_);

  /// Begins with what a reader from the start would ask for. `confirmed`, once, when the answer has
  /// begun: the version is there, and this is what its answer says of it; the bytes follow.
  /// For a reader that was just made. Errors as `read`, and kTimedOut after `deadline`.
  void start(Deadline deadline, Callback<oss::ObjectMeta> confirmed) STSFS_EXCLUDES(mutex_);

  /// The same for one whom nobody waits for yet, with a slot and memory of those that are free.
  /// False, and nothing begins, where there is none.
  bool start_ahead(Callback<oss::ObjectMeta> confirmed) STSFS_EXCLUDES(mutex_);

  /// All bytes of the object, a small one's: for a reader that was just made.
  void has_all(cache::BlockPool::Pin block) STSFS_EXCLUDES(mutex_);
  /// Whether all of it is here, or was asked for.
  bool is_here_or_coming(ByteRange range) const STSFS_EXCLUDES(mutex_);
  /// Hands out `range` when all of it is here; else false, and nothing is fetched.
  bool read_if_here(ByteRange range, const std::function<void(std::span<const std::byte>)>& take)
      STSFS_EXCLUDES(mutex_);

  /// Nobody will read any more. Ends what is under way, but for a request whose bytes are all here:
  /// it is about to say whether they were right.
  void close() STSFS_EXCLUDES(mutex_);
  /// Ends what is under way; waiting reads fail with kInterrupted.
  void stop() STSFS_EXCLUDES(mutex_);

  const std::string& key() const { return key_; }
  const std::string& etag() const { return etag_; }
  std::uint64_t size() const { return size_; }

 private:
  class Fetch;
  using FetchPointer = std::shared_ptr<Fetch>;
  using Pins = HeldBlocks::Pins;
  using BlockPointer = HeldBlocks::BlockPointer;
  struct Waiting {
    ByteRange range;
    SteadyTime since;
    Done done;
  };
  struct Answer {
    ByteRange range;
    Pins pins;
    Done done;
  };

  // --- answering ---
  void answer(Answer answer) const;
  std::vector<Answer> take_answerable(Pins& unused) STSFS_REQUIRES(mutex_);
  std::vector<Waiting> take_waiting(ByteRange range) STSFS_REQUIRES(mutex_);
  void watch_deadlines() STSFS_EXCLUDES(mutex_);
  void fail_overdue() STSFS_EXCLUDES(mutex_);

  // --- fetching ---
  std::vector<ByteRange> uncovered(ByteRange range) const STSFS_REQUIRES(mutex_);
  std::vector<FetchPointer> demand(ByteRange range) STSFS_REQUIRES(mutex_);
  std::vector<FetchPointer> demand_lost() STSFS_REQUIRES(mutex_);
  void place(Fetch& fetch, Pins& fresh) STSFS_REQUIRES(mutex_);
  FetchPointer next_ahead(Pins& unused) STSFS_REQUIRES(mutex_);
  void begin(const FetchPointer& fetch) STSFS_EXCLUDES(mutex_);
  void room_for(const FetchPointer& fetch, Pins fresh) STSFS_EXCLUDES(mutex_);
  void send(const FetchPointer& fetch) STSFS_EXCLUDES(mutex_);
  void fetch_ahead() STSFS_EXCLUDES(mutex_);
  void end(bool whole_ones_too) STSFS_EXCLUDES(mutex_);
  void call_off(const std::vector<FetchPointer>& fetches) STSFS_EXCLUDES(mutex_);
  std::vector<FetchPointer> take_unwanted() STSFS_REQUIRES(mutex_);
  std::vector<BlockPointer> take_consumed() STSFS_REQUIRES(mutex_);
  Deadline deadline_for(ByteRange range) const;

  // --- what a fetch tells, on the HTTP loop ---
  void answered(Fetch& fetch, const oss::ObjectMeta& meta) STSFS_EXCLUDES(mutex_);
  Result<void> arrived(Fetch& fetch, std::uint64_t size_bytes) STSFS_EXCLUDES(mutex_);
  void fetched(const FetchPointer& fetch, Result<void> result) STSFS_EXCLUDES(mutex_);
  bool checksum_differs() const STSFS_REQUIRES(mutex_);

  const ReadSurroundings around_;
  const std::string key_;
  const std::string etag_;
  const std::uint64_t size_;
  const cache::BlockPool::HolderPointer holder_;

  mutable Mutex mutex_;  // the pool's may be taken below it; never held while a transfer starts or
                         // goes, a pin is let go or a callback runs
  ReadStreams streams_ STSFS_GUARDED_BY(mutex_);
  HeldBlocks blocks_ STSFS_GUARDED_BY(mutex_);
  std::list<FetchPointer> fetches_ STSFS_GUARDED_BY(mutex_);
  std::list<Waiting> waiting_ STSFS_GUARDED_BY(mutex_);
  WholeChecksum checksum_ STSFS_GUARDED_BY(mutex_);
  std::optional<std::uint64_t> servers_crc64_ STSFS_GUARDED_BY(mutex_);
  std::chrono::nanoseconds round_trip_ STSFS_GUARDED_BY(mutex_){0};
  Transfer timer_ STSFS_GUARDED_BY(mutex_);
  bool timer_set_ STSFS_GUARDED_BY(mutex_) = false;
  std::optional<Error> corrupt_ STSFS_GUARDED_BY(mutex_);  // then nothing is handed out any more
  bool gone_ STSFS_GUARDED_BY(mutex_) = false;  // the version: nothing is fetched ahead any more
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace stsfs::fs
