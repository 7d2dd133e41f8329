#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "stsfs/base/byte_range.h"
#include "stsfs/base/mutex.h"
#include "stsfs/cache/block_store.h"

namespace stsfs::cache {

/// Memory of blocks on their way to the disk and from it, beside that of the block pool: at most
/// kReadMax MiB. What goes is kept for the next one: the first touch of a page costs more than
/// copying it.
///
/// Threads:  every call at once on any thread, also that of a buffer's destructor.
/// Lifetime: buffers may outlive it.
class BlockBuffers {
 public:
  /// What is kept for a time has to leave some to who waits for what the disk has.
  static constexpr std::size_t kKeepMax = 32;
  static constexpr std::size_t kReadMax = 44;

 private:
  struct Shared {
    Mutex mutex;  // a leaf
    std::size_t taken STSFS_GUARDED_BY(mutex) = 0;
    std::vector<std::unique_ptr<std::byte[]>> free STSFS_GUARDED_BY(mutex);
  };
  struct GiveBack {
    void operator()(std::byte* bytes) const;
    std::shared_ptr<Shared> to;
  };

 public:
  using Buffer = std::unique_ptr<std::byte[], GiveBack>;

  /// Null where `max` are taken.
  Buffer take(std::size_t max);

 private:
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

/// A block with all of its bytes.
struct WholeBlock {
  BlockId id;
  BlockFacts facts;
  BlockBuffers::Buffer bytes;
  std::size_t size_bytes = 0;

  std::span<const std::byte> span() const { return {bytes.get(), size_bytes}; }
};

/// Puts blocks together from what arrives of them, over several answers if need be. At most
/// kBlocksMax are begun; the one that got nothing for longest goes, also when there is no memory
/// for another.
///
/// Threads: every call at once on any thread.
class PartialBlocks {
 public:
  static constexpr std::size_t kBlocksMax = 24;

  explicit PartialBlocks(BlockBuffers& buffers) : buffers_(buffers) {}

  /// `bytes` lie at `offset` of the object that `of` names; its index says nothing. Gives what is
  /// whole by them.
  std::vector<WholeBlock> add(const BlockId& of, const BlockFacts& facts, std::uint64_t offset,
                              std::span<const std::byte> bytes) STSFS_EXCLUDES(mutex_);

 private:
  struct Partial {
    WholeBlock block;
    std::vector<ByteRange> here;  // in order; they do not touch
  };

  /// Null when there is no memory for it.
  Partial* find(const BlockId& of, const BlockFacts& facts, std::uint64_t index)
      STSFS_REQUIRES(mutex_);

  BlockBuffers& buffers_;
  Mutex mutex_;  // that of the buffers may be taken below it
  std::list<Partial> partials_ STSFS_GUARDED_BY(mutex_);  // the latest first
};

}  // namespace stsfs::cache
