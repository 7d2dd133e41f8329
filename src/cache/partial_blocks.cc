#include "partial_blocks.h"

#include <algorithm>
#include <cstring>

namespace stsfs::cache {
namespace {

/// Adds `range` to what is there, in order; neighbours become one.
void add_range(std::vector<ByteRange>& ranges, ByteRange range) {
  std::vector<ByteRange> out;
  for (const ByteRange& old : ranges) {
    if (old.end() < range.offset || old.offset > range.end()) {
      out.push_back(old);
      continue;
    }
    const std::uint64_t from = std::min(old.offset, range.offset);
    range = {from, std::max(old.end(), range.end()) - from};
  }
  out.insert(std::upper_bound(out.begin(), out.end(), range), range);
  ranges = std::move(out);
}

std::uint64_t size_of_block(const BlockFacts& facts, std::uint64_t index) {
  return std::min(BlockStore::kBlockSize, facts.object_size - index * BlockStore::kBlockSize);
}

}  // namespace

BlockBuffers::Buffer BlockBuffers::take(std::size_t max) {
  {
    MutexLock lock(shared_->mutex);
    if (shared_->taken >= max) return {};
    ++shared_->taken;
    if (!shared_->free.empty()) {
      Buffer buffer(shared_->free.back().release(), {shared_});
      shared_->free.pop_back();
      return buffer;
    }
  }
  // Not zeroed: it is filled before it is read.
  return {new std::byte[BlockStore::kBlockSize], {shared_}};
}

void BlockBuffers::GiveBack::operator()(std::byte* bytes) const {
  std::unique_ptr<std::byte[]> buffer(bytes);
  MutexLock lock(to->mutex);
  --to->taken;
  if (to->free.size() < kKeepMax) to->free.push_back(std::move(buffer));
}

PartialBlocks::Partial* PartialBlocks::find(const BlockId& of, const BlockFacts& facts,
                                            std::uint64_t index) {
  const auto found = std::find_if(partials_.begin(), partials_.end(), [&](const Partial& partial) {
    const BlockId& id = partial.block.id;
    return id.index == index && id.etag == of.etag && id.key == of.key && id.folder == of.folder;
  });
  if (found != partials_.end()) {
    partials_.splice(partials_.begin(), partials_, found);
    return &partials_.front();
  }
  if (partials_.size() >= kBlocksMax) partials_.pop_back();
  BlockBuffers::Buffer buffer = buffers_.take(BlockBuffers::kKeepMax);
  if (!buffer && !partials_.empty()) {
    partials_.pop_back();
    buffer = buffers_.take(BlockBuffers::kKeepMax);
  }
  if (!buffer) return nullptr;
  BlockId id = of;
  id.index = index;
  partials_.push_front(
      {{std::move(id), facts, std::move(buffer), size_of_block(facts, index)}, {}});
  return &partials_.front();
}

std::vector<WholeBlock> PartialBlocks::add(const BlockId& of, const BlockFacts& facts,
                                           std::uint64_t offset, std::span<const std::byte> bytes) {
  std::vector<WholeBlock> whole;
  MutexLock lock(mutex_);
  while (!bytes.empty() && offset < facts.object_size) {
    const std::uint64_t index = offset / BlockStore::kBlockSize;
    const std::uint64_t at = offset % BlockStore::kBlockSize;
    const std::size_t size = size_of_block(facts, index);
    const std::size_t count = std::min<std::size_t>(bytes.size(), size - at);
    if (Partial* partial = find(of, facts, index)) {
      std::memcpy(partial->block.bytes.get() + at, bytes.data(), count);
      add_range(partial->here, {at, count});
      if (partial->here.front() == ByteRange{0, size}) {
        whole.push_back(std::move(partial->block));
        partials_.pop_front();
      }
    }
    bytes = bytes.subspan(count);
    offset += count;
  }
  return whole;
}

}  // namespace stsfs::cache
