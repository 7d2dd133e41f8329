#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "byte_set.h"
#include "stsfs/base/byte_range.h"
#include "stsfs/cache/block_pool.h"

namespace stsfs::fs {

/// The blocks of the pool that one version of an object has, and which of its bytes are in them. A
/// block that is not pinned may have been taken away: that shows when it is used next.
///
/// Threads:  the caller's lock. Blocks and pins that are handed out are let go without it: somebody
///           may be called who waited for room.
/// Lifetime: the pool's is longer.
class HeldBlocks {
 public:
  using Pins = cache::BlockPool::Pins;
  using BlockPointer = cache::BlockPool::BlockPointer;

  HeldBlocks(cache::BlockPool& pool, std::uint64_t object_size) : pool_(pool), size_(object_size) {}

  /// Nothing was ever filled.
  bool empty() const { return here_.empty(); }
  std::vector<ByteRange> missing(ByteRange range) const { return here_.missing(range); }
  bool contains(ByteRange range) const { return here_.contains(range); }

  /// Pins the blocks of `range`; false when some of it is not here. What was pinned until then is
  /// in `out`, too.
  bool pin(ByteRange range, Pins& out);

  /// Which blocks `range` still needs. Those that are there are pinned into `present`, the others
  /// have an empty place there.
  std::vector<cache::BlockPool::Wish> wishes_for(ByteRange range, Pins& present);
  /// Puts the blocks that were wished for into those places, unless somebody else brought one
  /// meanwhile: then that is pinned, and the new one stays in `fresh`.
  void place(ByteRange range, Pins& present, Pins& fresh);
  void filled(ByteRange range) { here_.add(range); }

  /// True once after bytes that were here had to make room, or were given back.
  bool take_lost() { return std::exchange(lost_, false); }
  /// Blocks that were placed since the last `take_unused`.
  std::size_t added() const { return added_; }
  /// All that `in_use` does not name, but for the `kept` that were used last.
  std::vector<BlockPointer> take_unused(const std::function<bool(ByteRange block)>& in_use,
                                        std::size_t kept);
  std::vector<BlockPointer> take_all();

 private:
  struct Held {
    BlockPointer block;
    std::uint64_t used = 0;
  };

  cache::BlockPool::Pin pin_block(std::uint64_t index);
  void forget(std::uint64_t index);

  cache::BlockPool& pool_;
  const std::uint64_t size_;
  std::map<std::uint64_t, Held> blocks_;  // by number
  ByteSet here_;                          // bytes in blocks_
  std::uint64_t uses_ = 0;
  std::size_t added_ = 0;
  bool lost_ = false;
};

}  // namespace stsfs::fs
