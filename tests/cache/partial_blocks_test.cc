#include "partial_blocks.h"

#include <gtest/gtest.h>

namespace stsfs::cache {
namespace {

const BlockId kFilm{"0123456789abcdef", "film.mkv", "\"1\"", 0};
constexpr BlockFacts kFacts{100 * BlockStore::kBlockSize, 42};

TEST(BlockBuffersTest, NoMoreAreGivenThanTheirMostAtOnce) {
  BlockBuffers buffers;
  std::vector<BlockBuffers::Buffer> taken;
  while (auto buffer = buffers.take(BlockBuffers::kKeepMax)) taken.push_back(std::move(buffer));
  EXPECT_EQ(taken.size(), BlockBuffers::kKeepMax);
  while (auto buffer = buffers.take(BlockBuffers::kReadMax)) taken.push_back(std::move(buffer));
  EXPECT_EQ(taken.size(), BlockBuffers::kReadMax);
  taken.resize(BlockBuffers::kKeepMax);
  EXPECT_FALSE(buffers.take(BlockBuffers::kKeepMax));
  taken.pop_back();
  EXPECT_TRUE(buffers.take(BlockBuffers::kKeepMax));
}

TEST(BlockBuffersTest, ABufferMayOutliveThem) {
  BlockBuffers::Buffer buffer;
  buffer = BlockBuffers().take(1);
  buffer[0] = std::byte{1};
}

TEST(PartialBlocksTest, WithoutMemoryABlockIsNotKept) {
  BlockBuffers buffers;
  std::vector<BlockBuffers::Buffer> taken;
  while (auto buffer = buffers.take(BlockBuffers::kKeepMax)) taken.push_back(std::move(buffer));
  PartialBlocks partials(buffers);
  const std::vector<std::byte> bytes(3 * BlockStore::kBlockSize, std::byte{7});
  EXPECT_TRUE(partials.add(kFilm, kFacts, 0, bytes).empty());
  taken.pop_back();
  // One after the other in the memory that there is; what was whole is held here.
  const auto whole = partials.add(kFilm, kFacts, 0, bytes);
  ASSERT_EQ(whole.size(), 1U);
  EXPECT_EQ(whole[0].id.index, 0U);
  EXPECT_EQ(whole[0].span()[5], std::byte{7});
}

// The one that got nothing for longest makes room.
TEST(PartialBlocksTest, TheLastMemoryIsForWhatComesNow) {
  BlockBuffers buffers;
  std::vector<BlockBuffers::Buffer> taken;
  for (std::size_t i = 1; i < BlockBuffers::kKeepMax; ++i)
    taken.push_back(buffers.take(BlockBuffers::kKeepMax));
  PartialBlocks partials(buffers);
  const std::vector<std::byte> bytes(BlockStore::kBlockSize, std::byte{7});
  EXPECT_TRUE(partials.add(kFilm, kFacts, 0, std::span(bytes).first(10)).empty());
  EXPECT_EQ(partials.add(kFilm, kFacts, BlockStore::kBlockSize, bytes).size(), 1U);
}

}  // namespace
}  // namespace stsfs::cache
