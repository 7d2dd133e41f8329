#include "store/storage.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "store/content.h"
#include "stsfs/base/crc64.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

constexpr std::size_t kMiB = 1 << 20;

/// Not zeros, and another text for every seed.
std::string noise(std::size_t size, unsigned seed = 1) {
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  return out;
}

std::uint64_t bytes_on_disk(const Storage& storage) {
  std::uint64_t out = 0;
  for (std::uint32_t file = 0; file < 4; ++file) {
    struct stat status {};
    fstat(storage.fd({file}), &status);
    out += static_cast<std::uint64_t>(status.st_blocks) * 512;
  }
  return out;
}

Content write(const std::shared_ptr<Storage>& storage, const std::string& bytes,
              std::size_t at_once = 100'000, std::uint64_t expected = 0) {
  ContentWriter writer(storage);
  writer.expect(expected);
  for (std::size_t at = 0; at < bytes.size(); at += at_once)
    EXPECT_TRUE(writer.write(std::string_view(bytes).substr(at, at_once)));
  return writer.finish();
}

std::string text_of(const Content& content) {
  std::string out(content.size(), 'x');
  const auto got = content.read(0, {reinterpret_cast<std::byte*>(out.data()), out.size()}).value();
  return out.substr(0, got);
}

TEST(Storage, GivesBackWhatGoesAndTakesNothingForZeros) {
  const auto storage = Storage::in_memory().value();
  {
    const Content zeros = write(storage, std::string(32 * kMiB, '\0'));
    EXPECT_EQ(bytes_on_disk(*storage), 0U);
    const Content full = write(storage, noise(3 * kMiB));
    EXPECT_GE(bytes_on_disk(*storage), 3 * kMiB);
    EXPECT_TRUE(text_of(zeros) == std::string(32 * kMiB, 0));
  }
  EXPECT_EQ(bytes_on_disk(*storage), 0U);
}

TEST(Storage, HoldsNoMoreThanItMay) {
  const auto storage = Storage::in_memory(2 * kMiB).value();
  {
    const Content first = write(storage, noise(kMiB));
    ContentWriter second(storage);
    const auto refused = second.write(noise(kMiB + 1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kNoSpace);
  }
  ContentWriter again(storage);
  EXPECT_TRUE(again.write(noise(2 * kMiB)));
}

TEST(ContentWriter, GivesBackWhatIsNotFinished) {
  const auto storage = Storage::in_memory().value();
  {
    ContentWriter writer(storage);
    ASSERT_TRUE(writer.write(noise(5 * kMiB)));
    EXPECT_GE(bytes_on_disk(*storage), 5 * kMiB);
  }
  EXPECT_EQ(bytes_on_disk(*storage), 0U);
}

TEST(ContentWriter, KeepsAnAnnouncedBodyInOnePiece) {
  const auto storage = Storage::in_memory().value();
  const std::string bytes = noise(9 * kMiB);
  const Content content = write(storage, bytes, 70'000, bytes.size());
  EXPECT_NE(content.only_segment(), nullptr);
  EXPECT_TRUE(text_of(content) == bytes);
}

class AnySize : public ::testing::TestWithParam<std::size_t> {};

TEST_P(AnySize, ComesBackByteForByteWithItsChecksums) {
  const auto storage = Storage::in_memory().value();
  std::string bytes = noise(GetParam());
  // A hole in the middle, not on a page.
  if (bytes.size() > 600'000) bytes.replace(100'001, 400'000, std::string(400'000, '\0'));
  for (const std::size_t at_once : {std::size_t{7'777}, std::size_t{1} << 22}) {
    const Content content = write(storage, bytes, at_once);
    EXPECT_EQ(content.size(), bytes.size());
    EXPECT_TRUE(text_of(content) == bytes);
    EXPECT_EQ(content.crc64(), crc64(0, as_bytes(bytes)));
  }
}
INSTANTIATE_TEST_SUITE_P(Content, AnySize,
                         ::testing::Values(0, 1, 65'535, 65'536, 65'537, kMiB - 1, kMiB, kMiB + 1,
                                           3 * kMiB + 5));

TEST(Content, IsCutAndJoinedWithoutCopying) {
  const auto storage = Storage::in_memory().value();
  const std::string a = noise(2 * kMiB, 3);
  const std::string b = noise(10, 4);
  Content both = write(storage, a);
  both.append(write(storage, b));
  EXPECT_EQ(both.crc64(), crc64(0, as_bytes(a + b)));
  const auto taken = bytes_on_disk(*storage);
  const Content slice = both.slice({2 * kMiB - 4, 9}).with_crc64().value();
  EXPECT_EQ(text_of(slice), a.substr(2 * kMiB - 4) + b.substr(0, 5));
  EXPECT_EQ(slice.crc64(), crc64(0, as_bytes(text_of(slice))));
  EXPECT_EQ(bytes_on_disk(*storage), taken);
}

}  // namespace
}  // namespace stsfs::sim
