#include "stsfs/cache/caching_store.h"

#include <fcntl.h>

#include <filesystem>
#include <future>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/fake_executor.h"
#include "fakes/fake_object_store.h"
#include "fakes/faulty_store.h"
#include "fakes/text_sink.h"
#include "stsfs/base/await.h"
#include "support/temporary_directory.h"

namespace stsfs::cache {
namespace {

using fakes::TextSink;
using oss::Operation;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

/// Timers of no delay on the thread of the fake store, as the HTTP loop has them.
class LoopScheduler final : public Scheduler {
 public:
  explicit LoopScheduler(fakes::Executor& executor) : executor_(executor) {}
  Transfer after(std::chrono::milliseconds, UniqueFunction<void()> what) override {
    return executor_.run(std::move(what));
  }

 private:
  fakes::Executor& executor_;
};

std::string text_of(std::size_t size) {
  std::mt19937_64 numbers(size);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(numbers());
  return out;
}

class CachingStoreTest : public ::testing::Test {
 protected:
  CachingStoreTest() { start(); }

  void start() {
    store_.reset();
    auto blocks =
        BlockStore::open({.directory = directory_ / "cache", .size_max_bytes = 256 * kMiB}, clock_);
    ASSERT_TRUE(blocks) << blocks.error().message;
    blocks_ = std::move(*blocks);
    store_ = std::make_unique<CachingStore>(faulty_, scheduler_, *blocks_, "folder");
  }

  std::string put(const std::string& key, const std::string& content) {
    bucket_.put(key, content);
    return bucket_.meta(key)->etag;
  }
  Result<std::string> get(const std::string& key, const std::string& etag, ByteRange range) {
    TextSink sink;
    auto got = await_transfer(key, etag, range, sink);
    if (!got) return fail(std::move(got.error()));
    EXPECT_EQ(sink.meta.etag, etag);
    if (const auto meta = bucket_.meta(key)) {
      EXPECT_EQ(sink.meta.size_bytes, meta->size_bytes);
    }
    return sink.text;
  }
  Result<void> await_transfer(const std::string& key, const std::string& etag, ByteRange range,
                              oss::ReadSink& sink) {
    return await<void>(nullptr, [&](Callback<void> done) {
      return store_->start_get(key, etag, range, sink, Deadline::in(clock_, std::chrono::hours(1)),
                               std::move(done));
    });
  }
  /// Blocks are written behind the reader's back.
  void wait_until_written(std::uint64_t count) {
    for (int i = 0; i < 5000 && blocks_->figures().written < count; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_EQ(blocks_->figures().written, count);
  }
  std::uint64_t gets() const { return faulty_.started(Operation::kGet); }

  testing::TemporaryDirectory directory_;
  fakes::FakeClock clock_;
  fakes::LoopExecutor executor_;
  LoopScheduler scheduler_{executor_};
  fakes::FakeObjectStore bucket_{clock_, executor_};
  fakes::FaultyStore faulty_{bucket_};
  std::unique_ptr<BlockStore> blocks_;
  std::unique_ptr<CachingStore> store_;
};

TEST_F(CachingStoreTest, TheSecondReadOfAVersionAsksNobody) {
  const std::string content = text_of(5 * kMiB + 1234);
  const std::string etag = put("film", content);
  EXPECT_EQ(*get("film", etag, {0, content.size()}), content);
  wait_until_written(6);
  EXPECT_EQ(gets(), 1u);
  EXPECT_EQ(*get("film", etag, {0, content.size()}), content);
  EXPECT_EQ(*get("film", etag, {kMiB - 5, 10}), content.substr(kMiB - 5, 10));
  start();  // a restart finds them
  EXPECT_TRUE(store_->has_start("film", etag));
  EXPECT_EQ(*get("film", etag, {0, content.size()}), content);
  EXPECT_EQ(*get("film", etag, {5 * kMiB, 5000}), content.substr(5 * kMiB));  // cut at the end
  EXPECT_EQ(gets(), 1u);
}

TEST_F(CachingStoreTest, AnotherVersionIsFetched) {
  const std::string old_etag = put("film", text_of(kMiB));
  ASSERT_TRUE(get("film", old_etag, {0, kMiB}));
  wait_until_written(1);
  const std::string content = text_of(kMiB + 1);
  const std::string etag = put("film", content);
  EXPECT_FALSE(store_->has_start("film", etag));
  EXPECT_EQ(*get("film", etag, {0, kMiB + 1}), content);
  EXPECT_EQ(gets(), 2u);
}

TEST_F(CachingStoreTest, WithoutAVersionNothingIsKeptOrGiven) {
  const std::string content = text_of(kMiB);
  put("film", content);
  for (int i = 0; i < 2; ++i) {
    TextSink sink;
    ASSERT_TRUE(await_transfer("film", "", {0, kMiB}, sink));
    EXPECT_EQ(sink.text, content);
  }
  EXPECT_EQ(gets(), 2u);
}

TEST_F(CachingStoreTest, OnlyTheHolesAreAskedFor) {
  const std::string content = text_of(6 * kMiB);
  const std::string etag = put("film", content);
  ASSERT_TRUE(get("film", etag, {kMiB, kMiB}));
  ASSERT_TRUE(get("film", etag, {4 * kMiB, kMiB}));
  wait_until_written(2);
  EXPECT_EQ(*get("film", etag, {100, 6 * kMiB - 200}), content.substr(100, 6 * kMiB - 200));
  EXPECT_EQ(gets(), 2u + 3u);  // before, between and behind
  EXPECT_EQ(*get("film", etag, {2 * kMiB, 2 * kMiB}), content.substr(2 * kMiB, 2 * kMiB));
}

// Readers cut an object where it suits them, not where blocks end.
TEST_F(CachingStoreTest, BlocksArePutTogetherFromSeveralAnswers) {
  const std::string content = text_of(3 * kMiB);
  const std::string etag = put("film", content);
  ASSERT_TRUE(get("film", etag, {0, kMiB + 131072}));
  ASSERT_TRUE(get("film", etag, {2 * kMiB + 5, kMiB - 5}));
  ASSERT_TRUE(get("film", etag, {kMiB + 131072, kMiB + 5 - 131072}));
  wait_until_written(3);
  EXPECT_EQ(*get("film", etag, {0, 3 * kMiB}), content);
  EXPECT_EQ(gets(), 3u);
}

TEST_F(CachingStoreTest, ADamagedBlockIsFetchedAgain) {
  const std::string content = text_of(3 * kMiB);
  const std::string etag = put("film", content);
  ASSERT_TRUE(get("film", etag, {0, 3 * kMiB}));
  wait_until_written(3);
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory_ / "cache"))
    if (file.is_regular_file() && file.path().filename() != "ledger")
      std::filesystem::resize_file(file, 100'000);
  EXPECT_EQ(*get("film", etag, {0, 3 * kMiB}), content);
  EXPECT_EQ(blocks_->figures().damaged, 3u);
  wait_until_written(6);
  const std::uint64_t before = gets();
  EXPECT_EQ(*get("film", etag, {0, 3 * kMiB}), content);
  EXPECT_EQ(gets(), before);
}

/// Finds at the end that the bytes were wrong.
class DoubtingSink final : public oss::ReadSink {
 public:
  explicit DoubtingSink(std::uint64_t size) : left_(size) {}
  Result<void> begin(const oss::ObjectMeta&) override { return {}; }
  Result<void> write(std::span<const std::byte> bytes) override {
    left_ -= bytes.size();
    if (left_ == 0) return fail(Errc::kCorrupt, "the CRC-64 differs");
    return {};
  }

 private:
  std::uint64_t left_;
};

TEST_F(CachingStoreTest, WhatTheReaderFoundWrongGoesAndIsNotKeptAgain) {
  const std::string etag = put("film", text_of(3 * kMiB));
  for (int from_disk = 0; from_disk < 2; ++from_disk) {
    if (from_disk == 1) {
      start();  // a mount that did not see it wrong
      ASSERT_TRUE(get("film", etag, {0, 3 * kMiB}));
      wait_until_written(3);
    }
    DoubtingSink sink(3 * kMiB);
    const auto wrong = await_transfer("film", etag, {0, 3 * kMiB}, sink);
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Errc::kCorrupt);
    for (int i = 0; i < 5000 && blocks_->figures().used_bytes > 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_FALSE(store_->has_start("film", etag));
    ASSERT_TRUE(get("film", etag, {kMiB, kMiB}));
    ASSERT_TRUE(get("film", etag, {0, kMiB}));
    const std::uint64_t before = gets();
    ASSERT_TRUE(get("film", etag, {0, 2 * kMiB}));
    EXPECT_EQ(gets(), before + 1);
  }
}

TEST_F(CachingStoreTest, FailuresOfTheServerPassAndWhatCameBeforeThemIsKept) {
  const std::string content = text_of(3 * kMiB);
  const std::string etag = put("film", content);
  faulty_.break_off({.operation = Operation::kGet}, 2 * kMiB + 77,
                    Error{Errc::kUnavailable, "reset", {}});
  const auto broken = get("film", etag, {0, 3 * kMiB - 1});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Errc::kUnavailable);
  wait_until_written(2);
  bucket_.erase("film");
  const auto gone = get("film", etag, {0, kMiB});
  ASSERT_TRUE(gone);  // of a version that is gone the disk still has the bytes
  EXPECT_EQ(get("film", etag, {2 * kMiB, 10}).error().code, Errc::kNotFound);
}

TEST_F(CachingStoreTest, ARangeBehindTheEndIsForTheServerToRefuse) {
  const std::string etag = put("film", text_of(1000));
  ASSERT_TRUE(get("film", etag, {0, 1000}));
  wait_until_written(1);
  EXPECT_EQ(get("film", etag, {2000, 10}).error().code, Errc::kRange);
}

/// Fails after so many bytes.
class NarrowSink final : public oss::ReadSink {
 public:
  Result<void> begin(const oss::ObjectMeta&) override { return {}; }
  Result<void> write(std::span<const std::byte> bytes) override {
    taken += bytes.size();
    if (taken > kMiB) return fail(Errc::kNoSpace, "the sink is full");
    return {};
  }
  std::uint64_t taken = 0;
};

TEST_F(CachingStoreTest, ASinkThatFailsEndsTheRead) {
  const std::string etag = put("film", text_of(4 * kMiB));
  ASSERT_TRUE(get("film", etag, {0, 4 * kMiB}));
  wait_until_written(4);
  NarrowSink sink;
  const auto failed = await_transfer("film", etag, {0, 4 * kMiB}, sink);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::kNoSpace);
}

/// Drops its own read with the first bytes, as a reader does that seeks.
class DroppingSink final : public oss::ReadSink {
 public:
  Result<void> begin(const oss::ObjectMeta&) override { return {}; }
  Result<void> write(std::span<const std::byte>) override {
    ++pieces;
    handed_over.get_future().get();
    transfer.cancel();
    dropped.set_value();
    return {};
  }
  Transfer transfer;
  std::promise<void> handed_over, dropped;
  int pieces = 0;
};

TEST_F(CachingStoreTest, ASinkMayDropItsOwnRead) {
  const std::string etag = put("film", text_of(4 * kMiB));
  ASSERT_TRUE(get("film", etag, {0, 4 * kMiB}));
  wait_until_written(4);
  for (const ByteRange range : {ByteRange{0, 4 * kMiB}, ByteRange{3 * kMiB, kMiB}}) {
    DroppingSink sink;
    sink.transfer =
        store_->start_get("film", etag, range, sink, Deadline::in(clock_, std::chrono::hours(1)),
                          [](Result<void>) { ADD_FAILURE() << "it was dropped"; });
    sink.handed_over.set_value();
    sink.dropped.get_future().get();
    EXPECT_TRUE(get("film", etag, range));  // behind what was still under way
    EXPECT_EQ(sink.pieces, 1);
  }
}

// When dropping has returned, neither sink nor completion is touched: both are gone here.
TEST_F(CachingStoreTest, ADroppedReadTouchesNothingAnyMore) {
  const std::string etag = put("film", text_of(4 * kMiB));
  ASSERT_TRUE(get("film", etag, {0, 2 * kMiB}));
  wait_until_written(2);
  std::mt19937 numbers(5);
  for (int i = 0; i < 300; ++i) {
    auto sink = std::make_unique<TextSink>();
    auto touched = std::make_unique<bool>(false);
    Transfer transfer = store_->start_get(
        "film", etag, {0, 4 * kMiB}, *sink, Deadline::in(clock_, std::chrono::hours(1)),
        [touched = touched.get()](Result<void>) { *touched = true; });
    std::this_thread::sleep_for(std::chrono::microseconds(numbers() % 1500));
    transfer.cancel();
    sink.reset();
    touched.reset();
  }
}

}  // namespace
}  // namespace stsfs::cache
