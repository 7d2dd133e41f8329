#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "stsfs/base/callback.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"

namespace stsfs::cache {

/// The memory of one mount for what was read and what is about to be: blocks of 1 MiB (the last of
/// an object, and a small object's only one, are as long as need be) under one budget, which is
/// never exceeded.
///
/// A block that is pinned stays. One that is not may be taken away for another at any moment: first
/// what was read already, then what was fetched ahead, of the reader that has been idle longest the
/// block that is farthest ahead. Prefetches may pin three quarters of the budget, so that whoever
/// waits for bytes always finds room in the end; they wait in the order in which they came.
///
/// Memory is kept for the next block, since the first touch of a page costs more than copying it;
/// `give_back_unused` returns it to the machine.
///
/// Threads:  any. Pins and blocks are let go with no lock held: somebody may be called who waited
/// for room. Lifetime: held by shared_ptr; blocks keep it alive.
class BlockPool : public std::enable_shared_from_this<BlockPool> {
 public:
  static constexpr std::size_t kBlockSize = std::size_t{1} << 20;
  static constexpr std::uint64_t kBudgetMin = std::uint64_t{64} << 20;

  enum class Purpose { kDemand, kPrefetch };

  /// Whose blocks they are: who has not touched them for longest gives back first.
  ///
  /// Lifetime: outlives its blocks' presence in the pool because each block holds it.
  class Holder;
  class Block;
  using HolderPointer = std::shared_ptr<Holder>;
  using BlockPointer = std::shared_ptr<Block>;

  /// A block that stays while this lives.
  class Pin {
   public:
    Pin() = default;
    Pin(Pin&&) noexcept = default;
    Pin& operator=(Pin&& other) noexcept {
      if (this != &other) {
        release();
        block_ = std::move(other.block_);
      }
      return *this;
    }
    ~Pin() { release(); }
    explicit operator bool() const { return block_ != nullptr; }
    void release();
    const BlockPointer& block() const { return block_; }
    /// Its memory. What a reader of it may see is between those who share it.
    std::span<std::byte> bytes() const;

   private:
    friend class BlockPool;
    explicit Pin(BlockPointer block) : block_(std::move(block)) {}
    BlockPointer block_;
  };

  /// One block that is wanted.
  struct Wish {
    std::uint64_t position = 0;  ///< Of the block in its object: the farthest goes first.
    std::size_t size_bytes = kBlockSize;
  };
  using Pins = std::vector<Pin>;

  /// A budget below kBudgetMin is raised to it. kIo when the machine does not give that much
  /// address space.
  static Result<std::shared_ptr<BlockPool>> create(std::uint64_t budget_bytes, const Clock& clock);
  ~BlockPool();

  HolderPointer add_holder();
  /// The holder is being read from now.
  void touch(Holder& holder) STSFS_EXCLUDES(mutex_);

  /// All of `wishes`, pinned, in their order; none when there is no room for all.
  std::optional<Pins> take(const HolderPointer& holder, std::span<const Wish> wishes,
                           Purpose purpose) STSFS_EXCLUDES(mutex_);

  /// The same for somebody who waits for bytes: what cannot be had now is handed to `room` as soon
  /// as it can, in the order of asking. `room` runs on the thread that gave back, with no lock
  /// held. The number is for `forget`; 0 when the blocks are in `now`.
  std::uint64_t take_or_wait(const HolderPointer& holder, std::vector<Wish> wishes, Pins& now,
                             UniqueFunction<void(Pins)> room) STSFS_EXCLUDES(mutex_);
  /// Whoever waited does so no longer; `room` may just be running.
  void forget(std::uint64_t ticket) STSFS_EXCLUDES(mutex_);

  /// No pin when its memory was taken away, which is for good.
  Pin pin(const BlockPointer& block) STSFS_EXCLUDES(mutex_);
  /// It was read: it goes before what was only fetched ahead.
  void mark_read(Block& block) STSFS_EXCLUDES(mutex_);

  struct Figures {
    std::uint64_t budget_bytes = 0;
    std::uint64_t used_bytes = 0;     ///< In blocks, pinned or not.
    std::uint64_t pinned_bytes = 0;   ///< Being filled or handed out.
    std::uint64_t kept_bytes = 0;     ///< Had from the machine, in blocks or free.
    std::uint64_t highest_bytes = 0;  ///< Of `used_bytes`, ever.
    std::uint64_t taken_away = 0;     ///< Blocks that had to make room.
    std::size_t waiting = 0;          ///< Readers that wait for room.
  };
  Figures figures() const STSFS_EXCLUDES(mutex_);

  /// Returns what is free to the machine.
  void give_back_unused() STSFS_EXCLUDES(mutex_);

 private:
  struct Waiter;

  BlockPool(std::uint64_t budget_bytes, const Clock& clock);
  Result<void> open();
  std::optional<std::vector<BlockPointer>> make(const HolderPointer& holder,
                                                std::span<const Wish> wishes, Purpose purpose)
      STSFS_REQUIRES(mutex_);
  bool make_room(std::uint64_t size_bytes, Purpose purpose) STSFS_REQUIRES(mutex_);
  Block* victim(Purpose purpose) STSFS_REQUIRES(mutex_);
  std::span<std::byte> memory_for(std::size_t size_bytes) STSFS_REQUIRES(mutex_);
  void take_away(Block& block) STSFS_REQUIRES(mutex_);
  void make_evictable(Block& block) STSFS_REQUIRES(mutex_);
  void make_kept(Block& block) STSFS_REQUIRES(mutex_);
  void unpin(Block& block) STSFS_EXCLUDES(mutex_);
  void erase(Block& block) STSFS_EXCLUDES(mutex_);
  void serve_waiters() STSFS_EXCLUDES(mutex_);

  const Clock& clock_;
  const std::uint64_t budget_bytes_;
  std::byte* region_ = nullptr;  // one slot after the other; pages come with the first touch

  mutable Mutex mutex_;                                             // a leaf
  std::vector<std::uint32_t> free_slots_ STSFS_GUARDED_BY(mutex_);  // the warmest last
  std::uint32_t slots_touched_ STSFS_GUARDED_BY(mutex_) = 0;        // those before it have pages
  std::uint64_t used_bytes_ STSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t small_bytes_ STSFS_GUARDED_BY(mutex_) = 0;  // of used_bytes_, not in slots
  std::uint64_t pinned_bytes_ STSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t prefetch_pinned_bytes_ STSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t highest_bytes_ STSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t taken_away_ STSFS_GUARDED_BY(mutex_) = 0;
  std::list<Block*> read_ STSFS_GUARDED_BY(mutex_);     // evictable, longest ago first
  std::set<Holder*> holders_ STSFS_GUARDED_BY(mutex_);  // those with something fetched ahead
  std::list<Waiter> waiters_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t last_ticket_ STSFS_GUARDED_BY(mutex_) = 0;
  bool serving_ STSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace stsfs::cache
