// Whole blocks lie in one region of address space as large as the budget, so that a block's memory
// is a slot's number; shorter ones come from the heap. Free slots are taken again last in, first
// out: a sequential reader goes round in a few blocks that stay in the processor's cache.

#include "stsfs/cache/block_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

namespace stsfs::cache {
namespace {

/// So long after its last read a reader's prefetched blocks may go for another's prefetch.
constexpr std::chrono::seconds kIdleAfter{2};
constexpr std::uint32_t kNoSlot = ~std::uint32_t{0};

}  // namespace

class BlockPool::Holder {
 public:
  // Guarded by the pool's mutex:
  SteadyTime used{};
  std::map<std::pair<std::uint64_t, Block*>, Block*> ahead;  // evictable, by position
};

class BlockPool::Block {
 public:
  Block(std::shared_ptr<BlockPool> pool, HolderPointer holder, Wish wish)
      : pool_(std::move(pool)), holder_(std::move(holder)), wish_(wish) {}
  ~Block() { pool_->erase(*this); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  const std::shared_ptr<BlockPool> pool_;
  const HolderPointer holder_;
  const Wish wish_;
  // Guarded by the pool's mutex; the memory also by a pin:
  std::span<std::byte> memory_;
  std::unique_ptr<std::byte[]> small_;  // NOLINT: an array without a size of its own to keep
  std::uint32_t slot_ = kNoSlot;
  int pins_ = 0;
  bool read_ = false;
  bool prefetch_ = false;  // and not pinned by anybody else since
  bool evictable_ = false;
  std::list<Block*>::iterator place_;  // in read_, when evictable and read
};

struct BlockPool::Waiter {
  std::uint64_t ticket = 0;
  HolderPointer holder;
  std::vector<Wish> wishes;
  UniqueFunction<void(Pins)> room;
};

// --- pins ---

void BlockPool::Pin::release() {
  if (block_ == nullptr) return;
  const BlockPointer block = std::exchange(block_, nullptr);
  block->pool_->unpin(*block);
}

std::span<std::byte> BlockPool::Pin::bytes() const { return block_->memory_; }

BlockPool::Pin BlockPool::pin(const BlockPointer& block) {
  MutexLock lock(mutex_);
  if (block->memory_.empty()) return {};
  if (block->pins_++ == 0) {
    make_kept(*block);
    pinned_bytes_ += block->wish_.size_bytes;
  }
  return Pin(block);
}

void BlockPool::unpin(Block& block) {
  {
    MutexLock lock(mutex_);
    if (--block.pins_ > 0) return;
    pinned_bytes_ -= block.wish_.size_bytes;
    if (std::exchange(block.prefetch_, false)) prefetch_pinned_bytes_ -= block.wish_.size_bytes;
    make_evictable(block);
    if (waiters_.empty()) return;
  }
  serve_waiters();
}

void BlockPool::mark_read(Block& block) {
  MutexLock lock(mutex_);
  if (block.read_) return;
  const bool evictable = block.evictable_;
  if (evictable) make_kept(block);
  block.read_ = true;
  if (evictable) make_evictable(block);
}

void BlockPool::make_evictable(Block& block) {
  block.evictable_ = true;
  if (block.read_) {
    block.place_ = read_.insert(read_.end(), &block);
    return;
  }
  block.holder_->ahead.emplace(std::pair(block.wish_.position, &block), &block);
  holders_.insert(block.holder_.get());
}

void BlockPool::make_kept(Block& block) {
  if (!std::exchange(block.evictable_, false)) return;
  if (block.read_) {
    read_.erase(block.place_);
    return;
  }
  block.holder_->ahead.erase(std::pair(block.wish_.position, &block));
  if (block.holder_->ahead.empty()) holders_.erase(block.holder_.get());
}

// --- taking and giving back ---

BlockPool::BlockPool(std::uint64_t budget_bytes, const Clock& clock)
    : clock_(clock), budget_bytes_(budget_bytes) {}

Result<std::shared_ptr<BlockPool>> BlockPool::create(std::uint64_t budget_bytes,
                                                     const Clock& clock) {
  const std::uint64_t budget = std::max(budget_bytes, kBudgetMin) / kBlockSize * kBlockSize;
  std::shared_ptr<BlockPool> pool(new BlockPool(budget, clock));
  if (auto opened = pool->open(); !opened) return fail(std::move(opened.error()));
  return pool;
}

Result<void> BlockPool::open() {
  void* region = mmap(nullptr, budget_bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) return fail_errno("memory for reading");
  region_ = static_cast<std::byte*>(region);
  return {};
}

BlockPool::~BlockPool() {
  if (region_ != nullptr) munmap(region_, budget_bytes_);
}

BlockPool::HolderPointer BlockPool::add_holder() { return std::make_shared<Holder>(); }

void BlockPool::touch(Holder& holder) {
  const SteadyTime now = clock_.steady();
  MutexLock lock(mutex_);
  holder.used = now;
}

/// What is to go next; null when nothing may.
BlockPool::Block* BlockPool::victim(Purpose purpose) {
  if (!read_.empty()) return read_.front();
  if (holders_.empty()) return nullptr;
  const Holder* idle =
      *std::min_element(holders_.begin(), holders_.end(),
                        [](const Holder* a, const Holder* b) { return a->used < b->used; });
  if (purpose == Purpose::kPrefetch && clock_.steady() - idle->used < kIdleAfter) return nullptr;
  return idle->ahead.rbegin()->second;
}

bool BlockPool::make_room(std::uint64_t size_bytes, Purpose purpose) {
  if (pinned_bytes_ + size_bytes > budget_bytes_) return false;
  if (purpose == Purpose::kPrefetch &&
      (!waiters_.empty() || prefetch_pinned_bytes_ + size_bytes > budget_bytes_ / 4 * 3))
    return false;
  while (used_bytes_ + size_bytes > budget_bytes_) {
    Block* block = victim(purpose);
    if (block == nullptr) return false;
    ++taken_away_;
    take_away(*block);
  }
  return true;
}

std::span<std::byte> BlockPool::memory_for(std::size_t size_bytes) {
  std::uint32_t slot = slots_touched_;
  if (free_slots_.empty()) {
    ++slots_touched_;
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  return {region_ + std::size_t{slot} * kBlockSize, size_bytes};
}

void BlockPool::take_away(Block& block) {
  make_kept(block);
  used_bytes_ -= block.wish_.size_bytes;
  if (block.small_) small_bytes_ -= block.wish_.size_bytes;
  block.small_.reset();
  if (block.slot_ != kNoSlot) free_slots_.push_back(std::exchange(block.slot_, kNoSlot));
  block.memory_ = {};
}

std::optional<std::vector<BlockPool::BlockPointer>> BlockPool::make(const HolderPointer& holder,
                                                                    std::span<const Wish> wishes,
                                                                    Purpose purpose) {
  std::uint64_t size_bytes = 0;
  for (const Wish& wish : wishes) size_bytes += wish.size_bytes;
  if (!make_room(size_bytes, purpose)) return std::nullopt;
  std::vector<BlockPointer> out;
  for (const Wish& wish : wishes) {
    auto block = std::make_shared<Block>(shared_from_this(), holder, wish);
    if (wish.size_bytes == kBlockSize) {
      block->memory_ = memory_for(kBlockSize);
      block->slot_ = static_cast<std::uint32_t>((block->memory_.data() - region_) / kBlockSize);
    } else {
      block->small_.reset(new std::byte[wish.size_bytes]);
      block->memory_ = {block->small_.get(), wish.size_bytes};
      small_bytes_ += wish.size_bytes;
    }
    block->pins_ = 1;
    block->prefetch_ = purpose == Purpose::kPrefetch;
    out.push_back(std::move(block));
  }
  used_bytes_ += size_bytes;
  pinned_bytes_ += size_bytes;
  if (purpose == Purpose::kPrefetch) prefetch_pinned_bytes_ += size_bytes;
  highest_bytes_ = std::max(highest_bytes_, used_bytes_);
  return out;
}

std::optional<BlockPool::Pins> BlockPool::take(const HolderPointer& holder,
                                               std::span<const Wish> wishes, Purpose purpose) {
  std::optional<std::vector<BlockPointer>> blocks;
  {
    MutexLock lock(mutex_);
    if (purpose == Purpose::kDemand && !waiters_.empty()) return std::nullopt;
    blocks = make(holder, wishes, purpose);
  }
  if (!blocks) return std::nullopt;
  Pins out;
  for (BlockPointer& block : *blocks) out.push_back(Pin(std::move(block)));
  return out;
}

std::uint64_t BlockPool::take_or_wait(const HolderPointer& holder, std::vector<Wish> wishes,
                                      Pins& now, UniqueFunction<void(Pins)> room) {
  std::optional<std::vector<BlockPointer>> blocks;
  {
    MutexLock lock(mutex_);
    if (waiters_.empty()) blocks = make(holder, wishes, Purpose::kDemand);
    if (!blocks) {
      waiters_.push_back({++last_ticket_, holder, std::move(wishes), std::move(room)});
      return last_ticket_;
    }
  }
  for (BlockPointer& block : *blocks) now.push_back(Pin(std::move(block)));
  return 0;
}

void BlockPool::forget(std::uint64_t ticket) {
  UniqueFunction<void(Pins)> dropped;
  {
    MutexLock lock(mutex_);
    const auto found = std::find_if(waiters_.begin(), waiters_.end(),
                                    [&](const Waiter& waiter) { return waiter.ticket == ticket; });
    if (found == waiters_.end()) return;
    dropped = std::move(found->room);
    waiters_.erase(found);
  }
  serve_waiters();  // the one behind it may want less
}

/// One thread serves at a time, in order; who comes meanwhile leaves it to that one, which looks
/// again.
void BlockPool::serve_waiters() {
  for (;;) {
    Waiter next;
    std::optional<std::vector<BlockPointer>> blocks;
    {
      MutexLock lock(mutex_);
      if (serving_ || waiters_.empty()) return;
      blocks = make(waiters_.front().holder, waiters_.front().wishes, Purpose::kDemand);
      if (!blocks) return;
      next = std::move(waiters_.front());
      waiters_.pop_front();
      serving_ = true;
    }
    Pins pins;
    for (BlockPointer& block : *blocks) pins.push_back(Pin(std::move(block)));
    next.room(std::move(pins));
    MutexLock lock(mutex_);
    serving_ = false;
  }
}

void BlockPool::erase(Block& block) {
  {
    MutexLock lock(mutex_);
    if (block.memory_.empty()) return;
    take_away(block);
    if (waiters_.empty()) return;
  }
  serve_waiters();
}

BlockPool::Figures BlockPool::figures() const {
  MutexLock lock(mutex_);
  return {.budget_bytes = budget_bytes_,
          .used_bytes = used_bytes_,
          .pinned_bytes = pinned_bytes_,
          .kept_bytes = std::uint64_t{slots_touched_} * kBlockSize + small_bytes_,
          .highest_bytes = highest_bytes_,
          .taken_away = taken_away_,
          .waiting = waiters_.size()};
}

void BlockPool::give_back_unused() {
  MutexLock lock(mutex_);
  for (const std::uint32_t slot : free_slots_)
    madvise(region_ + std::size_t{slot} * kBlockSize, kBlockSize, MADV_DONTNEED);
  // Slots are numbered from the start again where nothing lies behind them.
  std::sort(free_slots_.begin(), free_slots_.end(), std::greater<>());
  auto first_kept = free_slots_.begin();
  while (first_kept != free_slots_.end() && *first_kept + 1 == slots_touched_) {
    --slots_touched_;
    ++first_kept;
  }
  free_slots_.erase(free_slots_.begin(), first_kept);
}

}  // namespace stsfs::cache
