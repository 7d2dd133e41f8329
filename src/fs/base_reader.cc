#include "base_reader.h"

#include <algorithm>

namespace stsfs::fs {
namespace {

constexpr std::uint64_t kBlockSize = std::uint64_t{1} << 20;
constexpr std::size_t kBlocksMax = 12;
constexpr std::uint64_t kAhead = 4;
/// The kernel's read-ahead comes out of order by up to this much; it is still one reader.
constexpr std::uint64_t kDisorder = std::uint64_t{1} << 20;

/// Collects a body into a buffer.
class BufferSink final : public oss::ReadSink {
 public:
  explicit BufferSink(std::uint64_t size) { bytes.reserve(size); }
  Result<void> begin(const oss::ObjectMeta&) override { return {}; }
  Result<void> write(std::span<const std::byte> piece) override {
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return {};
  }
  std::vector<std::byte> bytes;
};

}  // namespace

struct BaseReader::Block {
  Block(std::uint64_t number, std::uint64_t size) : index(number), sink(size) {}
  const std::uint64_t index;
  BufferSink sink;
  // Guarded by the reader's mutex:
  bool ready = false;
  std::optional<Error> error;  // it failed: it is no longer in blocks_
  std::uint64_t used = 0;
  std::vector<UniqueFunction<void(Result<void>)>> waiters;
  Transfer transfer;
};

BaseReader::BlockPointer BaseReader::block_for(std::uint64_t index, bool& is_new) {
  BlockPointer& place = blocks_[index];
  is_new = place == nullptr;
  if (is_new)
    place = std::make_shared<Block>(index, std::min(kBlockSize, size_ - index * kBlockSize));
  place->used = ++use_;
  return place;
}

void BaseReader::trim() {
  while (blocks_.size() > kBlocksMax) {
    auto oldest = blocks_.end();
    for (auto at = blocks_.begin(); at != blocks_.end(); ++at)
      if (at->second->ready && (oldest == blocks_.end() || at->second->used < oldest->second->used))
        oldest = at;
    if (oldest == blocks_.end()) return;
    blocks_.erase(oldest);
  }
}

bool BaseReader::has(ByteRange range) const {
  MutexLock lock(mutex_);
  for (std::uint64_t index = range.offset / kBlockSize; index * kBlockSize < range.end(); ++index) {
    const auto found = blocks_.find(index);
    if (found == blocks_.end() || !found->second->ready) return false;
  }
  return true;
}

void BaseReader::read(ByteRange range, Done done) {
  std::vector<BlockPointer> to_fetch;
  std::vector<BlockPointer> needed;
  bool sequential = false;
  {
    MutexLock lock(mutex_);
    const std::uint64_t low = expected_offset_ > kDisorder ? expected_offset_ - kDisorder : 0;
    sequential = range.offset >= low && range.offset <= expected_offset_ + kDisorder;
    expected_offset_ = sequential ? std::max(expected_offset_, range.end()) : range.end();
    const std::uint64_t first = range.offset / kBlockSize;
    const std::uint64_t last = (range.end() - 1) / kBlockSize;
    const bool known = blocks_.contains(first);
    if (sequential || known) {
      for (std::uint64_t index = first;
           index <= last + (sequential ? kAhead : 0) && index * kBlockSize < size_; ++index) {
        bool is_new = false;
        BlockPointer block = block_for(index, is_new);
        if (is_new) to_fetch.push_back(block);
        if (index <= last) needed.push_back(block);
      }
    }
  }
  if (needed.empty()) {
    read_exactly(range, std::move(done));
    return;
  }
  for (const BlockPointer& block : to_fetch) fetch(block);

  // One shared countdown over the blocks that are not here yet.
  struct Gather {
    Mutex mutex;
    std::size_t missing STSFS_GUARDED_BY(mutex) = 0;
    std::optional<Error> error STSFS_GUARDED_BY(mutex);
    std::vector<BlockPointer> blocks;
    ByteRange range;
    Done done;
    void arrived(Result<void> result) {
      std::optional<Error> failed;
      {
        MutexLock lock(mutex);
        if (!result && !error) error = std::move(result.error());
        if (--missing > 0) return;
        failed = std::move(error);
      }
      if (failed)
        done(fail(std::move(*failed)));
      else
        give();
    }
    void give() {
      std::vector<std::byte> joined;
      const std::uint64_t base = blocks.front()->index * kBlockSize;
      if (blocks.size() == 1) {
        done(std::span<const std::byte>(blocks.front()->sink.bytes)
                 .subspan(range.offset - base, range.length));
        return;
      }
      for (const BlockPointer& block : blocks)
        joined.insert(joined.end(), block->sink.bytes.begin(), block->sink.bytes.end());
      done(std::span<const std::byte>(joined).subspan(range.offset - base, range.length));
    }
  };
  auto gather = std::make_shared<Gather>();
  gather->blocks = needed;
  gather->range = range;
  gather->done = std::move(done);
  {
    MutexLock lock(gather->mutex);
    gather->missing = 1;  // ours, until every block was looked at
  }
  for (const BlockPointer& block : needed) {
    MutexLock lock(mutex_);
    if (block->ready) continue;
    MutexLock count(gather->mutex);
    if (block->error) {
      gather->error = block->error;
      continue;
    }
    ++gather->missing;
    block->waiters.emplace_back(
        [gather](Result<void> result) { gather->arrived(std::move(result)); });
  }
  gather->arrived({});
  MutexLock lock(mutex_);
  trim();
}

void BaseReader::fetch(const BlockPointer& block) {
  const std::uint64_t offset = block->index * kBlockSize;
  Transfer transfer = store_.start_get(key_, etag_, {offset, std::min(kBlockSize, size_ - offset)},
                                       block->sink, Deadline::in(clock_, timeout_),
                                       [self = shared_from_this(), block](Result<void> result) {
                                         self->fetched(block, std::move(result));
                                       });
  MutexLock lock(mutex_);
  block->transfer = std::move(transfer);
}

void BaseReader::fetched(const BlockPointer& block, Result<void> result) {
  std::vector<UniqueFunction<void(Result<void>)>> waiters;
  {
    MutexLock lock(mutex_);
    waiters.swap(block->waiters);
    if (result) {
      block->ready = true;
    } else {
      block->error = result.error();
      const auto found = blocks_.find(block->index);
      if (found != blocks_.end() && found->second == block)
        blocks_.erase(found);  // the next reader asks again
    }
  }
  for (auto& waiter : waiters) waiter(result);
}

void BaseReader::read_exactly(ByteRange range, Done done) {
  struct Direct {
    explicit Direct(std::uint64_t size) : sink(size) {}
    BufferSink sink;
    Done done;
  };
  auto direct = std::make_shared<Direct>(range.length);
  direct->done = std::move(done);
  // The transfer must outlive this call and end with its callback: the callback owns what it needs.
  auto holder = std::make_shared<Transfer>();
  Transfer transfer =
      store_.start_get(key_, etag_, range, direct->sink, Deadline::in(clock_, timeout_),
                       [direct, holder](Result<void> result) {
                         if (result)
                           direct->done(std::span<const std::byte>(direct->sink.bytes));
                         else
                           direct->done(fail(std::move(result.error())));
                       });
  *holder = std::move(transfer);
}

void BaseReader::stop() {
  std::map<std::uint64_t, BlockPointer> blocks;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    blocks.swap(blocks_);
  }
  for (const auto& [index, block] : blocks) {
    Transfer transfer;
    {
      MutexLock lock(mutex_);
      transfer = std::move(block->transfer);
    }
    transfer.cancel();
    fetched(block, fail(Errc::kInterrupted, "the file was closed"));
  }
}

}  // namespace stsfs::fs
