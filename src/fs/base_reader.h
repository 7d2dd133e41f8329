#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// Reads one version of one object. A sequential reader gets blocks of 1 MiB, a few of them ahead
/// of it; a random one what it asks for. At most kBlocksMax blocks are kept.
///
/// Threads:  `read` on any thread; `done` on the HTTP loop, or at once on the caller's.
/// Lifetime: held by shared_ptr; callbacks keep it alive. `stop` before the store goes.
class BaseReader : public std::enable_shared_from_this<BaseReader> {
 public:
  using Done = Callback<std::span<const std::byte>>;

  BaseReader(oss::ObjectStore& store, const Clock& clock, std::chrono::milliseconds timeout,
             std::string key, std::string etag, std::uint64_t size)
      : store_(store),
        clock_(clock),
        timeout_(timeout),
        key_(std::move(key)),
        etag_(std::move(etag)),
        size_(size) {}

  /// `range` must lie inside the object. kChanged when the version is no longer there.
  void read(ByteRange range, Done done);
  /// True when all of `range` is here.
  bool has(ByteRange range) const;
  /// Ends what is under way; waiting reads fail with kInterrupted.
  void stop();

 private:
  struct Block;
  using BlockPointer = std::shared_ptr<Block>;

  void read_exactly(ByteRange range, Done done);
  BlockPointer block_for(std::uint64_t index, bool& is_new) STSFS_REQUIRES(mutex_);
  void fetch(const BlockPointer& block);
  void fetched(const BlockPointer& block, Result<void> result);
  void trim() STSFS_REQUIRES(mutex_);

  oss::ObjectStore& store_;
  const Clock& clock_;
  const std::chrono::milliseconds timeout_;
  const std::string key_;
  const std::string etag_;
  const std::uint64_t size_;

  mutable Mutex mutex_;  // never held while a transfer starts or goes
  std::map<std::uint64_t, BlockPointer> blocks_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t use_ STSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t expected_offset_ STSFS_GUARDED_BY(mutex_) = 0;
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace stsfs::fs
