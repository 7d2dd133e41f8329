#include "held_blocks.h"

#include <algorithm>

namespace stsfs::fs {
namespace {

using cache::BlockPool;

constexpr std::uint64_t kBlockSize = BlockPool::kBlockSize;

ByteRange block_at(std::uint64_t index) { return {index * kBlockSize, kBlockSize}; }

}  // namespace

BlockPool::Pin HeldBlocks::pin_block(std::uint64_t index) {
  const auto held = blocks_.find(index);
  if (held == blocks_.end()) return {};
  BlockPool::Pin pinned = pool_.pin(held->second.block);
  if (!pinned) forget(index);
  return pinned;
}

void HeldBlocks::forget(std::uint64_t index) {
  lost_ = true;
  here_.remove(block_at(index));
  blocks_.erase(index);
}

bool HeldBlocks::pin(ByteRange range, Pins& out) {
  if (!here_.contains(range)) return false;
  for (std::uint64_t index = range.offset / kBlockSize; index * kBlockSize < range.end(); ++index) {
    blocks_.at(index).used = ++uses_;
    BlockPool::Pin pinned = pin_block(index);
    if (!pinned) return false;
    out.push_back(std::move(pinned));
  }
  return true;
}

std::vector<BlockPool::Wish> HeldBlocks::wishes_for(ByteRange range, Pins& present) {
  std::vector<BlockPool::Wish> out;
  for (std::uint64_t index = range.offset / kBlockSize; index * kBlockSize < range.end(); ++index) {
    present.push_back(pin_block(index));
    if (present.back()) continue;
    const auto size = std::min(kBlockSize, size_ - index * kBlockSize);
    out.push_back({.position = index, .size_bytes = static_cast<std::size_t>(size)});
  }
  return out;
}

void HeldBlocks::place(ByteRange range, Pins& present, Pins& fresh) {
  std::uint64_t index = range.offset / kBlockSize;
  auto next = fresh.begin();
  for (BlockPool::Pin& pin : present) {
    if (!pin) {
      pin = pin_block(index);
      if (!pin) {
        blocks_[index] = {next->block(), ++uses_};
        ++added_;
        pin = std::move(*next);
      }
      ++next;
    }
    ++index;
  }
}

std::vector<HeldBlocks::BlockPointer> HeldBlocks::take_unused(
    const std::function<bool(ByteRange block)>& in_use, std::size_t kept) {
  added_ = 0;
  if (blocks_.size() <= kept) return {};
  std::vector<std::pair<std::uint64_t, std::uint64_t>> idle;  // last use, number
  for (const auto& [index, held] : blocks_)
    if (!in_use(block_at(index))) idle.emplace_back(held.used, index);
  std::vector<BlockPointer> out;
  if (idle.size() <= kept) return out;
  std::sort(idle.begin(), idle.end());
  idle.resize(idle.size() - kept);
  for (const auto& [used, index] : idle) {
    out.push_back(std::move(blocks_.at(index).block));
    forget(index);
  }
  return out;
}

std::vector<HeldBlocks::BlockPointer> HeldBlocks::take_all() {
  std::vector<BlockPointer> out;
  for (auto& [index, held] : blocks_) out.push_back(std::move(held.block));
  blocks_.clear();
  here_.clear();
  return out;
}

}  // namespace stsfs::fs
