#include "stsfs/cache/block_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "stsfs/base/fd.h"
#include "support/sanitized.h"
#include "support/temporary_directory.h"

namespace stsfs::cache {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
using Bytes = std::vector<std::byte>;

/// What block `index` of a key holds; no two are alike.
Bytes content_of(const BlockId& id, std::size_t size = kMiB) {
  std::mt19937_64 numbers(std::hash<std::string>{}(id.key + id.etag) + id.index);
  Bytes out(size);
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    const std::uint64_t number = numbers();
    std::copy_n(reinterpret_cast<const std::byte*>(&number), 8, out.data() + at);
  }
  for (; at < size; ++at) out[at] = std::byte{7};
  return out;
}

BlockId block(std::uint64_t index, const std::string& key = "users/alice/film.mkv") {
  return {"0123456789abcdef", key, "\"5D41402ABC4B2A76B9719D911017C592\"", index};
}

class BlockStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<BlockStore> open(std::uint64_t size_max = 64 * kMiB) {
    auto store = BlockStore::open({.directory = place(), .size_max_bytes = size_max}, clock_);
    EXPECT_TRUE(store) << store.error().message;
    if (!store) return nullptr;
    (*store)->tidy();
    return std::move(*store);
  }
  std::string place() const { return directory_ / "cache"; }

  static void put(BlockStore& store, const BlockId& id, std::size_t size = kMiB) {
    store.write(id, {.object_size = 10 * kMiB, .object_crc64 = 42}, content_of(id, size));
  }
  /// What it gives for the block: nothing, or the very bytes. Anything else fails the test.
  static bool gives(BlockStore& store, const BlockId& id, std::size_t size = kMiB) {
    return gives(store, id, content_of(id, size));
  }
  static bool gives(BlockStore& store, const BlockId& id, const Bytes& content) {
    Bytes buffer(kMiB);
    const auto found = store.read(id, buffer);
    if (!found) return false;
    buffer.resize(found->size_bytes);
    // Not byte by byte: a sanitizer looks at each.
    EXPECT_TRUE(buffer.size() == content.size() &&
                std::memcmp(buffer.data(), content.data(), content.size()) == 0)
        << "block " << id.index << " holds other bytes";
    EXPECT_EQ(found->facts, (BlockFacts{10 * kMiB, 42}));
    return true;
  }
  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(place()))
      if (entry.is_regular_file() && entry.path().filename() != "ledger") out.push_back(entry);
    return out;
  }
  std::uint64_t bytes_on_disk() const {
    std::uint64_t sum = 0;
    for (const auto& file : files()) sum += std::filesystem::file_size(file);
    return sum;
  }

  testing::TemporaryDirectory directory_;
  fakes::FakeClock clock_;
};

TEST_F(BlockStoreTest, GivesWhatWasPutInAlsoAfterARestart) {
  {
    auto store = open();
    put(*store, block(3));
    put(*store, block(4), 1000);  // the last of an object is shorter
    EXPECT_TRUE(gives(*store, block(3)));
    EXPECT_EQ(store->figures().written, 2u);
  }
  auto store = open();
  EXPECT_TRUE(gives(*store, block(3)));
  EXPECT_TRUE(gives(*store, block(4), 1000));
  EXPECT_TRUE(store->has(block(3)));
  EXPECT_EQ(store->figures().used_bytes, bytes_on_disk());
}

TEST_F(BlockStoreTest, AnotherVersionKeyIndexOrFolderIsAMiss) {
  auto store = open();
  put(*store, block(3));
  BlockId other = block(3);
  other.etag = "\"other\"";
  EXPECT_FALSE(gives(*store, other));
  EXPECT_FALSE(gives(*store, block(4)));
  EXPECT_FALSE(gives(*store, block(3, "users/alice/film")));
  other = block(3);
  other.folder = "another folder";
  EXPECT_FALSE(gives(*store, other));
  EXPECT_EQ(store->figures().misses, 4u);
}

TEST_F(BlockStoreTest, TwoStoresOfOneDirectorySeeEachOthersBlocks) {
  auto one = open(), two = open();
  put(*one, block(1));
  EXPECT_TRUE(gives(*two, block(1)));
  put(*two, block(2));
  EXPECT_TRUE(gives(*one, block(2)));
  EXPECT_EQ(one->figures().used_bytes, two->figures().used_bytes);
  one->drop(block(2));
  EXPECT_FALSE(gives(*two, block(2)));
}

TEST_F(BlockStoreTest, TheLeastRecentlyUsedGoWhenTheLimitIsReached) {
  auto store = open(8 * (kMiB + 4096));
  for (std::uint64_t i = 0; i < 8; ++i) {
    put(*store, block(i));
    clock_.advance(std::chrono::minutes(2));
  }
  EXPECT_TRUE(gives(*store, block(0)));  // used again
  put(*store, block(8));
  EXPECT_TRUE(gives(*store, block(0)));
  EXPECT_FALSE(gives(*store, block(1)));
  EXPECT_TRUE(gives(*store, block(8)));
  EXPECT_GE(store->figures().evicted, 1u);
}

TEST_F(BlockStoreTest, NeverHoldsMoreThanItsLimit) {
  const std::uint64_t limit = 10 * kMiB;
  auto one = open(limit), two = open(limit);
  for (std::uint64_t i = 0; i < 60; ++i) {
    put(i % 3 == 0 ? *two : *one, block(i));
    ASSERT_LE(bytes_on_disk(), limit) << i;
    ASSERT_EQ(one->figures().used_bytes, bytes_on_disk()) << i;
  }
  EXPECT_GT(bytes_on_disk(), limit / 2);
}

TEST_F(BlockStoreTest, ASmallerLimitHoldsFromTheNextStart) {
  { put(*open(), block(0)); }
  { put(*open(), block(1)); }
  EXPECT_GT(bytes_on_disk(), 2 * kMiB);
  open(kMiB + 4096);
  EXPECT_LE(bytes_on_disk(), kMiB + 4096);
}

TEST_F(BlockStoreTest, WhatIsLargerThanTheLimitIsNotKept) {
  auto store = open(1000);
  put(*store, block(0));
  EXPECT_TRUE(files().empty());
}

TEST_F(BlockStoreTest, OnlyItsUserMayLookInside) {
  auto store = open();
  put(*store, block(0));
  ASSERT_EQ(files().size(), 1u);
  struct stat status {};
  ASSERT_EQ(stat(files()[0].c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(place().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(BlockStoreTest, ADirectoryThatOthersMayWriteToIsRefused) {
  ASSERT_EQ(mkdir(place().c_str(), 0700), 0);
  ASSERT_EQ(chmod(place().c_str(), 0770), 0);
  const auto store = BlockStore::open({.directory = place(), .size_max_bytes = kMiB}, clock_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::kDenied);
  EXPECT_NE(store.error().message.find("remedy: chmod 700 " + place()), std::string::npos)
      << store.error().message;
}

// Any bit of a file may be wrong, and any tail of it missing: it is never given, and goes.
TEST_F(BlockStoreTest, ADamagedBlockIsNeverGiven) {
  auto store = open();
  std::mt19937 numbers(20261126);
  const std::size_t size = 5000;
  for (int round = 0; round < 100; ++round) {
    put(*store, block(0), size);
    ASSERT_EQ(files().size(), 1u);
    const std::string path = files()[0];
    if (round % 10 == 9) {
      ASSERT_EQ(truncate(path.c_str(), numbers() % (4096 + size)), 0);
    } else {
      // Mostly where something stands: head and identity, or the bytes.
      const std::uint64_t at = round % 2 == 0 ? numbers() % 200 : 4096 + numbers() % size;
      const UniqueFd fd(::open(path.c_str(), O_RDWR));
      Bytes byte(1);
      ASSERT_TRUE(pread_full(fd.get(), byte, at));
      byte[0] ^= std::byte{1} << (numbers() % 8);
      ASSERT_TRUE(pwrite_full(fd.get(), byte, at));
    }
    if (!gives(*store, block(0), size)) continue;  // checks the bytes where it gives some
    store->drop(block(0));                         // the bit lay between head and bytes
  }
  EXPECT_GE(store->figures().damaged, 80u);
  put(*store, block(0), size);
  EXPECT_TRUE(gives(*store, block(0), size));
}

TEST_F(BlockStoreTest, WhatIsNoBlockIsNoHarm) {
  auto store = open();
  put(*store, block(0));
  const std::string path = files()[0];
  std::filesystem::remove(path);
  ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  EXPECT_FALSE(gives(*store, block(0)));
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/etc/passwd", path);
  EXPECT_FALSE(gives(*store, block(0)));
}

TEST_F(BlockStoreTest, ADirectoryThatGoesAwayIsMissesNotErrors) {
  auto store = open();
  put(*store, block(0));
  std::filesystem::remove_all(place());
  EXPECT_FALSE(gives(*store, block(0)));
  put(*store, block(1));
  EXPECT_FALSE(gives(*store, block(1)));
  EXPECT_EQ(store->figures().refused, 1u);
}

TEST_F(BlockStoreTest, WhatAKilledWriterLeftIsSwept) {
  auto store = open();
  put(*store, block(0));
  const std::string abandoned = files()[0].string() + ".1234.1";
  std::ofstream(abandoned) << "half a block";
  const timespec long_ago{1'000'000'000, 0};
  const std::array<timespec, 2> times{long_ago, long_ago};
  ASSERT_EQ(utimensat(AT_FDCWD, abandoned.c_str(), times.data(), 0), 0);
  open();
  EXPECT_FALSE(std::filesystem::exists(abandoned));
  EXPECT_TRUE(gives(*store, block(0)));
}

// As a full or broken disk, or somebody else, may leave it.
TEST_F(BlockStoreTest, ALedgerThatLosesItsBytesIsNoHarm) {
  auto store = open(8 * (kMiB + 4096));
  for (std::uint64_t i = 0; i < 4; ++i) put(*store, block(i));
  ASSERT_EQ(truncate((place() + "/ledger").c_str(), 0), 0);
  for (std::uint64_t i = 4; i < 12; ++i) put(*store, block(i));
  EXPECT_TRUE(gives(*store, block(11)));
  store->tidy();
  EXPECT_EQ(store->figures().used_bytes, bytes_on_disk());
}

// Another process may be stopped, or wait for its disk, in the middle of it.
TEST_F(BlockStoreTest, NobodyWaitsForAnotherProcessThatMakesRoom) {
  auto store = open(4 * (kMiB + 4096));
  for (std::uint64_t i = 0; i < 4; ++i) put(*store, block(i));
  UniqueFd other(::open((place() + "/ledger").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(flock(other.get(), LOCK_EX), 0);
  auto wrote = std::async(std::launch::async, [&] {
    put(*store, block(4));
    store->tidy();
  });
  EXPECT_EQ(wrote.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  other.reset();
  wrote.wait();
  EXPECT_TRUE(gives(*store, block(3)));
  EXPECT_FALSE(gives(*store, block(4)));
  EXPECT_EQ(store->figures().refused, 1u);
  put(*store, block(4));
  EXPECT_TRUE(gives(*store, block(4)));
}

/// Writes blocks for ever, until it is killed.
[[noreturn]] void write_for_ever(const std::string& place, std::uint64_t seed,
                                 const std::vector<Bytes>& contents) {
  const Clock& clock = system_clock();
  auto store = BlockStore::open({.directory = place, .size_max_bytes = 12 * kMiB}, clock);
  if (!store) _exit(1);
  std::mt19937_64 numbers(seed);
  for (;;) {
    const BlockId id = block(numbers() % contents.size());
    if (numbers() % 8 == 0) (*store)->drop(id);
    (*store)->write(id, {10 * kMiB, 42}, contents[id.index]);
  }
}

// Two writers, killed at any moment, again and again: never a wrong byte, and the limit holds once
// somebody counted.
TEST_F(BlockStoreTest, AKillAtAnyInstantLeavesNoTornBlock) {
  const int rounds = std::getenv("STSFS_TEST_FULL") != nullptr ? 100 : kIsSanitized ? 10 : 25;
  // Made once: the writers are to be killed while they write.
  std::vector<Bytes> contents;
  for (std::uint64_t i = 0; i < 20; ++i) contents.push_back(content_of(block(i)));
  std::mt19937_64 numbers(7);
  int given = 0;
  for (int round = 0; round < rounds; ++round) {
    std::array<pid_t, 2> writers{};
    for (pid_t& writer : writers) {
      const std::uint64_t seed = numbers();
      writer = fork();
      if (writer == 0) write_for_ever(place(), seed, contents);
    }
    for (const pid_t writer : writers) {
      std::this_thread::sleep_for(std::chrono::microseconds(2'000 + numbers() % 30'000));
      kill(writer, SIGKILL);
      waitpid(writer, nullptr, 0);
    }
    auto store = open(12 * kMiB);
    for (std::uint64_t i = 0; i < 20; ++i) given += gives(*store, block(i), contents[i]) ? 1 : 0;
    EXPECT_EQ(store->figures().damaged, 0u);
    EXPECT_LE(store->figures().used_bytes, 12 * kMiB);
  }
  EXPECT_GT(given, rounds);
}

/// A filesystem of 8 MiB, where this may mount one.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {
    mkdir(path_.c_str(), 0700);
    is_there_ = mount("small", path_.c_str(), "tmpfs", 0, "size=8m,mode=0700") == 0;
  }
  ~SmallDisk() {
    if (is_there_) umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  explicit operator bool() const { return is_there_; }

 private:
  const std::string path_;
  bool is_there_ = false;
};

TEST_F(BlockStoreTest, OnADiskThatOthersNeedItGivesWay) {
  {
    auto store = open();
    for (std::uint64_t i = 0; i < 8; ++i) put(*store, block(i));
  }
  auto store = BlockStore::open(
      {.directory = place(), .size_max_bytes = 64 * kMiB, .reserve_bytes = std::uint64_t{1} << 60},
      clock_);
  ASSERT_TRUE(store);
  for (std::uint64_t i = 8; i < 12; ++i) {
    put(**store, block(i));
    EXPECT_FALSE(gives(**store, block(i)));
  }
  EXPECT_EQ((*store)->figures().evicted, 1u);  // not at once: a little every few seconds
  clock_.advance(std::chrono::minutes(1));
  put(**store, block(12));
  EXPECT_EQ((*store)->figures().evicted, 2u);
  EXPECT_EQ((*store)->figures().refused, 5u);
}

TEST_F(BlockStoreTest, AFullDiskMakesItSmaller) {
  const SmallDisk disk(place());
  if (!disk) return;  // mounting it takes root; the test before shows the same without
  auto store = open(64 * kMiB);
  for (std::uint64_t i = 0; i < 30; ++i) {
    put(*store, block(i));
    clock_.advance(std::chrono::seconds(6));
  }
  EXPECT_GE(store->figures().refused, 1u);
  EXPECT_GE(store->figures().evicted, 1u);
  EXPECT_TRUE(gives(*store, block(29)) || gives(*store, block(28)));
  // Somebody else fills the disk: it gives way, down to nothing.
  const UniqueFd hog(::open((place() + "/hog").c_str(), O_WRONLY | O_CREAT, 0600));
  for (std::uint64_t at = 0; pwrite_full(hog.get(), Bytes(4096), at); at += 4096) {
  }
  const std::uint64_t before = store->figures().used_bytes;
  put(*store, block(40));
  EXPECT_FALSE(gives(*store, block(40)));
  EXPECT_LT(store->figures().used_bytes, before);
}

TEST_F(BlockStoreTest, OpensOnAFullDiskAndKeepsBlocksWhenThereIsRoomAgain) {
  const SmallDisk disk(place());
  if (!disk) return;
  const std::string hog = place() + "/hog";
  const UniqueFd filled(::open(hog.c_str(), O_WRONLY | O_CREAT, 0600));
  for (std::uint64_t at = 0; pwrite_full(filled.get(), Bytes(4096), at); at += 4096) {
  }
  auto store = open();
  put(*store, block(0));
  EXPECT_FALSE(gives(*store, block(0)));
  EXPECT_EQ(store->figures().refused, 1u);
  ASSERT_EQ(ftruncate(filled.get(), 0), 0);
  put(*store, block(0));
  EXPECT_TRUE(gives(*store, block(0)));
  EXPECT_EQ(store->figures().used_bytes, bytes_on_disk());
}

}  // namespace
}  // namespace stsfs::cache
