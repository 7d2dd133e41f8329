#include "reading/base_reader.h"

#include <future>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "fakes/at_once_scheduler.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_executor.h"
#include "fakes/fake_object_store.h"
#include "fakes/fake_scheduler.h"
#include "fakes/faulty_store.h"
#include "fakes/manual_gets.h"
#include "stsfs/base/crc64.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/counting_store.h"
#include "stsfs/oss/retrying_store.h"
#include "support/sanitized.h"

namespace stsfs::fs {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kKiB = 1 << 10;
constexpr std::uint64_t kMiB = 1 << 20;

std::string random_content(std::size_t size) {
  std::string out(size, '\0');
  fill_random(std::as_writable_bytes(std::span(out)));
  return out;
}

/// What became of one read.
struct Outcome {
  std::optional<Result<std::string>> result;
  bool answered() const { return result.has_value(); }
};

/// A reader whose answers come when, and as far as, the test says.
class BaseReaderTest : public ::testing::Test {
 protected:
  std::shared_ptr<BaseReader> reader(std::uint64_t size) {
    return std::make_shared<BaseReader>(around_, "key", "\"1\"", size);
  }
  std::shared_ptr<Outcome> read(BaseReader& from, std::uint64_t offset, std::uint64_t length,
                                ReadStreams::ReaderId by = ReadStreams::kNobody) {
    auto out = std::make_shared<Outcome>();
    const auto done = [out](Result<std::span<const std::byte>> got) {
      if (got)
        out->result.emplace(std::string(as_text(*got)));
      else
        out->result.emplace(fail(got.error()));
    };
    from.read({offset, length}, done, by);
    return out;
  }
  /// At 128 MB/s, so that the reader waits for each of its bytes and its window grows.
  void read_over_slow_line(BaseReader& from, std::uint64_t at, std::uint64_t to,
                           ReadStreams::ReaderId by) {
    for (; at < to; at += 128 * kKiB) {
      const auto outcome = read(from, at, 128 * kKiB, by);
      clock_.advance(std::chrono::milliseconds(1));
      for (std::size_t i = 0; i < store_.gets().size() && !outcome->answered(); ++i) {
        const auto get = store_.gets()[i];
        const ByteRange left{get->range.offset + get->given, get->range.length - get->given};
        if (get->under_way() && left.overlaps({at, 128 * kKiB})) {
          ASSERT_TRUE(store_.give(get, at + 128 * kKiB - left.offset));
        }
      }
      ASSERT_TRUE(outcome->answered() && *outcome->result);
    }
  }
  /// How much is still to come by the requests for some of `range`, in bytes.
  std::uint64_t coming(ByteRange range) const {
    std::uint64_t out = 0;
    for (const auto& get : store_.gets())
      if (get->under_way() && get->range.offset < range.end() && get->range.end() > range.offset)
        out += get->range.length - get->given;
    return out;
  }

  int free_slots() {
    int out = 0;
    while (slots_.take()) ++out;
    for (int i = 0; i < out; ++i) slots_.give_back();
    return out;
  }

  static const std::string& content() {
    static const std::string out = random_content(40 * kMiB);
    return out;
  }
  const std::string& content_ = content();
  fakes::FakeClock clock_;
  fakes::FakeScheduler scheduler_{clock_};
  fakes::ManualGets store_{content_};
  std::shared_ptr<cache::BlockPool> pool_ = cache::BlockPool::create(0, clock_).value();
  PrefetchSlots slots_{32};
  Readers readers_;
  ReadSurroundings around_{store_, scheduler_, clock_, pool_, slots_, readers_, seconds(30)};
};

TEST_F(BaseReaderTest, AReadIsAnsweredWhenItsBytesHaveComeNotWhenTheRequestHasEnded) {
  const auto base = reader(content_.size());
  const auto first = read(*base, 0, 4'096);
  const auto second = read(*base, 4'096, 4'096);
  ASSERT_FALSE(store_.gets().empty());
  const auto get = store_.gets()[0];
  EXPECT_EQ(get->etag, "\"1\"");
  EXPECT_GT(get->range.length, kMiB);
  ASSERT_TRUE(store_.give(get, 4'000));
  EXPECT_FALSE(first->answered());
  ASSERT_TRUE(store_.give(get, 100));
  ASSERT_TRUE(first->answered());
  EXPECT_EQ(**first->result, content_.substr(0, 4'096));
  EXPECT_FALSE(second->answered());
  ASSERT_TRUE(store_.give(get, 5'000));
  EXPECT_EQ(**second->result, content_.substr(4'096, 4'096));
  EXPECT_TRUE(get->under_way());
  base->stop();
}

TEST_F(BaseReaderTest, ASequentialReadGetsEveryByteAndAsksForNoneTwice) {
  const auto base = reader(content_.size());
  std::string got;
  for (std::uint64_t at = 0; at < content_.size(); at += 128 * kKiB) {
    const auto outcome = read(*base, at, 128 * kKiB);
    store_.give_everything();
    ASSERT_TRUE(outcome->answered() && *outcome->result);
    got += **outcome->result;
  }
  EXPECT_TRUE(got == content_);
  std::uint64_t asked = 0;
  for (const auto& get : store_.gets()) asked += get->range.length;
  EXPECT_EQ(asked, content_.size());
  EXPECT_LT(store_.gets().size(), 42U);
  base->stop();
}

// Whoever keeps what passes keeps it only when its request has ended well.
TEST_F(BaseReaderTest, ClosingWithTheLastByteLetsItsRequestEnd) {
  const auto base = reader(content_.size());
  base->read({0, kMiB}, [&](Result<std::span<const std::byte>>) {});
  const auto get = store_.gets().at(0);
  bool closed = false;
  base->read({0, get->range.length}, [&](Result<std::span<const std::byte>> got) {
    EXPECT_TRUE(got);
    base->close();
    closed = true;
  });
  EXPECT_TRUE(store_.give(get, get->range.length));
  EXPECT_TRUE(closed);
  EXPECT_TRUE(get->ended);
  EXPECT_FALSE(get->cancelled);
  for (const auto& other : store_.gets()) EXPECT_FALSE(other->under_way());
  EXPECT_EQ(pool_->figures().used_bytes, 0U);
  EXPECT_EQ(free_slots(), 32);
}

TEST_F(BaseReaderTest, WhatWasReadGoesBackToThePool) {
  const auto base = reader(content_.size());
  for (std::uint64_t at = 0; at < content_.size(); at += 128 * kKiB) {
    read(*base, at, 128 * kKiB);
    store_.give_everything();
  }
  EXPECT_LE(pool_->figures().highest_bytes, 10 * kMiB);
  base->stop();
  EXPECT_EQ(pool_->figures().used_bytes, 0U);
}

TEST_F(BaseReaderTest, AReadMayLieAcrossRequestsAndBlocks) {
  const auto base = reader(content_.size());
  read(*base, 0, 128 * kKiB);
  read(*base, 128 * kKiB, 128 * kKiB);  // the window opens: more requests
  const auto across = read(*base, kMiB + 100 * kKiB, 100 * kKiB);
  ASSERT_GE(store_.gets().size(), 2U);
  store_.give_all(store_.gets()[1]);
  EXPECT_FALSE(across->answered());
  store_.give_all(store_.gets()[0]);
  ASSERT_TRUE(across->answered());
  EXPECT_EQ(**across->result, content_.substr(kMiB + 100 * kKiB, 100 * kKiB));
  base->stop();
}

TEST_F(BaseReaderTest, AVersionThatIsGoneFailsAndIsNotAskedForAhead) {
  const auto base = reader(content_.size());
  const auto outcome = read(*base, 0, 128 * kKiB);
  store_.fail_get(store_.gets()[0], Error{Errc::kChanged, "412", {}});
  ASSERT_TRUE(outcome->answered());
  EXPECT_EQ(outcome->result->error().code, Errc::kChanged);
  read(*base, 128 * kKiB, 128 * kKiB);
  EXPECT_EQ(store_.under_way(), 1U);
  base->stop();
}

TEST_F(BaseReaderTest, BytesThatDoNotHaveTheObjectsChecksumAreNotAllHandedOut) {
  const std::uint64_t size = 3 * kMiB;
  store_.meta().size_bytes = size;
  store_.meta().crc64 = crc64(0, as_bytes(content_).first(size)) ^ 1;
  const auto base = reader(size);
  bool failed = false;
  for (std::uint64_t at = 0; at < size; at += 128 * kKiB) {
    const auto outcome = read(*base, at, 128 * kKiB);
    store_.give_everything();
    ASSERT_TRUE(outcome->answered());
    if (*outcome->result) continue;
    EXPECT_EQ(outcome->result->error().code, Errc::kCorrupt);
    failed = true;
    break;
  }
  EXPECT_TRUE(failed);
  base->stop();
}

TEST_F(BaseReaderTest, TheRightChecksumPasses) {
  const std::uint64_t size = 3 * kMiB + 17;
  store_.meta().size_bytes = size;
  store_.meta().crc64 = crc64(0, as_bytes(content_).first(size));
  const auto base = reader(size);
  for (std::uint64_t at = 0; at < size; at += 128 * kKiB) {
    const auto outcome = read(*base, at, std::min(128 * kKiB, size - at));
    store_.give_everything();
    ASSERT_TRUE(outcome->answered() && *outcome->result);
  }
  base->stop();
}

TEST_F(BaseReaderTest, ASeekCallsOffWhatIsFarFromItsEnd) {
  const auto base = reader(content_.size());
  read_over_slow_line(*base, 0, 8 * kMiB, 1);
  ASSERT_GT(coming({8 * kMiB, 24 * kMiB}), 12 * kMiB);
  const auto elsewhere = read(*base, 32 * kMiB, 4'096, 1);
  EXPECT_LE(coming({8 * kMiB, 24 * kMiB}), 8 * kMiB);  // the piece it was in, and 4 MiB
  // Nothing more is asked for there, and whoever comes back gets what he asks for.
  const std::size_t asked = store_.gets().size();
  store_.give_everything();
  EXPECT_TRUE(elsewhere->answered() && *elsewhere->result);
  for (std::size_t i = asked; i < store_.gets().size(); ++i)
    EXPECT_GE(store_.gets()[i]->range.offset, 32 * kMiB);
  EXPECT_EQ(free_slots(), 32);
  std::string got;
  for (std::uint64_t at = 8 * kMiB; at < 32 * kMiB; at += 128 * kKiB) {
    const auto outcome = read(*base, at, 128 * kKiB, 1);
    store_.give_everything();
    ASSERT_TRUE(outcome->answered() && *outcome->result);
    got += **outcome->result;
  }
  EXPECT_TRUE(got == content_.substr(8 * kMiB, 24 * kMiB));
  base->stop();
  EXPECT_EQ(free_slots(), 32);
}

TEST_F(BaseReaderTest, ASeekOverWhatWasAskedForCallsOffWhatLiesBetween) {
  const auto base = reader(content_.size());
  read_over_slow_line(*base, 0, 8 * kMiB, 1);
  ASSERT_GT(coming({8 * kMiB, 10 * kMiB}), 8 * kMiB);
  read(*base, 23 * kMiB, 4'096, 1);
  EXPECT_LE(coming({8 * kMiB, 10 * kMiB}), 4 * kMiB);
  base->stop();
}

TEST_F(BaseReaderTest, WhereAnotherHandleReadsASeekCallsNothingOff) {
  const auto base = reader(content_.size());
  read_over_slow_line(*base, 0, 8 * kMiB, 1);
  read(*base, 8 * kMiB, 4'096, 2);
  const std::uint64_t before = coming({8 * kMiB, 24 * kMiB});
  read(*base, 32 * kMiB, 4'096, 1);
  EXPECT_GE(coming({8 * kMiB, 24 * kMiB}), before);
  // Until it goes, too.
  base->leave(2);
  EXPECT_LE(coming({8 * kMiB, 24 * kMiB}), 8 * kMiB);
  base->stop();
}

TEST_F(BaseReaderTest, OneWhoComesBackIsWaitedForTheNextTime) {
  const auto base = reader(content_.size());
  read_over_slow_line(*base, 0, 2 * kMiB, 1);
  read(*base, 36 * kMiB, 4'096, 1);
  read_over_slow_line(*base, 2 * kMiB, 10 * kMiB, 1);
  const std::uint64_t before = coming({10 * kMiB, 24 * kMiB});
  ASSERT_GT(before, 12 * kMiB);
  for (std::uint64_t i = 1; i <= 4; ++i) read(*base, 36 * kMiB + i * 4'096, 4'096, 1);
  EXPECT_EQ(coming({10 * kMiB, 24 * kMiB}), before);
  base->stop();
}

TEST_F(BaseReaderTest, StoppingEndsRequestsAndWaitingReads) {
  const auto base = reader(content_.size());
  const auto outcome = read(*base, 0, 128 * kKiB);
  base->stop();
  ASSERT_TRUE(outcome->answered());
  EXPECT_EQ(outcome->result->error().code, Errc::kInterrupted);
  EXPECT_EQ(store_.under_way(), 0U);
  EXPECT_EQ(pool_->figures().pinned_bytes, 0U);
  const auto late = read(*base, 0, 10);
  EXPECT_EQ(late->result->error().code, Errc::kInterrupted);
}

// A commit replaces the reader of a content; what it still brings keeps it.
TEST_F(BaseReaderTest, AReaderThatOnlyItsRequestHoldsIsStoppedWithTheOthers) {
  auto base = reader(content_.size());
  readers_.add(base);
  const auto outcome = read(*base, 0, 128 * kKiB);
  const std::weak_ptr<BaseReader> weak = base;
  base.reset();
  ASSERT_FALSE(weak.expired());
  readers_.stop_all();
  EXPECT_TRUE(outcome->answered());
  EXPECT_TRUE(weak.expired());
  EXPECT_EQ(store_.under_way(), 0U);
}

TEST_F(BaseReaderTest, AReadThatGetsNoBytesFailsInTime) {
  const auto base = reader(content_.size());
  const auto early = read(*base, 0, 128 * kKiB);
  scheduler_.advance(seconds(20));
  const auto late = read(*base, 30 * kMiB, 4'096);
  scheduler_.advance(seconds(11));
  ASSERT_TRUE(early->answered());
  EXPECT_EQ(early->result->error().code, Errc::kTimedOut);
  EXPECT_FALSE(late->answered());
  scheduler_.advance(seconds(20));
  EXPECT_TRUE(late->answered());
  base->stop();
}

TEST_F(BaseReaderTest, WhoJoinsARequestThatFailsHasTimeForAnother) {
  const auto base = reader(content_.size());
  const auto early = read(*base, 0, 128 * kKiB);
  clock_.advance(seconds(10));
  const auto late = read(*base, 256 * kKiB, 128 * kKiB);
  const auto get = store_.gets()[0];
  store_.fail_get(get, Error{Errc::kUnavailable, "the line is down", {}});
  ASSERT_TRUE(early->answered());
  EXPECT_EQ(early->result->error().code, Errc::kUnavailable);
  EXPECT_FALSE(late->answered());
  store_.give_everything();
  ASSERT_TRUE(late->answered());
  EXPECT_EQ(**late->result, content_.substr(256 * kKiB, 128 * kKiB));
  base->stop();
}

TEST_F(BaseReaderTest, StartingConfirmsTheVersionWithTheFirstRequest) {
  const auto base = reader(content_.size());
  std::optional<Result<oss::ObjectMeta>> confirmed;
  base->start(Deadline::in(clock_, seconds(30)),
              [&](Result<oss::ObjectMeta> meta) { confirmed.emplace(std::move(meta)); });
  ASSERT_EQ(store_.gets().size(), 1U);
  EXPECT_FALSE(confirmed);
  ASSERT_TRUE(store_.give(store_.gets()[0], 1'000));
  ASSERT_TRUE(confirmed && *confirmed);
  EXPECT_EQ((*confirmed)->etag, "\"1\"");
  const auto outcome = read(*base, 0, 4'096);
  EXPECT_EQ(store_.gets().size(), 1U);
  store_.give_everything();
  EXPECT_EQ(**outcome->result, content_.substr(0, 4'096));
  base->stop();
}

TEST_F(BaseReaderTest, AStartThatFindsAnotherVersionSaysSo) {
  const auto base = reader(content_.size());
  std::optional<Result<oss::ObjectMeta>> confirmed;
  base->start(Deadline::in(clock_, seconds(30)),
              [&](Result<oss::ObjectMeta> meta) { confirmed.emplace(std::move(meta)); });
  store_.fail_get(store_.gets()[0], Error{Errc::kChanged, "412", {}});
  ASSERT_TRUE(confirmed);
  EXPECT_EQ(confirmed->error().code, Errc::kChanged);
}

TEST_F(BaseReaderTest, AStartThatIsStoppedIsTold) {
  const auto base = reader(content_.size());
  std::optional<Result<oss::ObjectMeta>> confirmed;
  base->start(Deadline::in(clock_, seconds(30)),
              [&](Result<oss::ObjectMeta> meta) { confirmed.emplace(std::move(meta)); });
  base->stop();
  ASSERT_TRUE(confirmed);
  EXPECT_EQ(confirmed->error().code, Errc::kInterrupted);
}

TEST_F(BaseReaderTest, WithoutRoomAReadWaitsAndGetsItWhenItsTurnComes) {
  const auto holder = pool_->add_holder();
  const std::vector<cache::BlockPool::Wish> everything(64);
  auto all = pool_->take(holder, everything, cache::BlockPool::Purpose::kDemand);
  ASSERT_TRUE(all);
  const auto base = reader(content_.size());
  const auto outcome = read(*base, 5 * kMiB, 4'096);
  EXPECT_TRUE(store_.gets().empty());
  all->clear();
  ASSERT_EQ(store_.gets().size(), 1U);
  store_.give_everything();
  EXPECT_EQ(**outcome->result, content_.substr(5 * kMiB, 4'096));
  base->stop();
}

TEST_F(BaseReaderTest, WhatMadeRoomForOthersIsFetchedAgain) {
  const auto base = reader(content_.size());
  read(*base, 5 * kMiB, 4'096);
  store_.give_everything();
  const auto holder = pool_->add_holder();
  const std::vector<cache::BlockPool::Wish> everything(64);
  ASSERT_TRUE(pool_->take(holder, everything, cache::BlockPool::Purpose::kDemand));
  const auto again = read(*base, 5 * kMiB, 4'096);
  EXPECT_FALSE(again->answered());
  store_.give_everything();
  EXPECT_EQ(**again->result, content_.substr(5 * kMiB, 4'096));
  base->stop();
}

// --- over a bucket, with a network that fails ---

class ReaderOverBucket : public ::testing::Test {
 protected:
  Result<std::string> read(BaseReader& from, std::uint64_t offset, std::uint64_t length) {
    auto promise = std::make_shared<std::promise<Result<std::string>>>();
    from.read({offset, length}, [promise](Result<std::span<const std::byte>> got) {
      if (got)
        promise->set_value(std::string(as_text(*got)));
      else
        promise->set_value(fail(got.error()));
    });
    return promise->get_future().get();
  }
  std::shared_ptr<BaseReader> put(const std::string& key, const std::string& content) {
    bucket_.put(key, content);
    return std::make_shared<BaseReader>(around_, key, bucket_.meta(key)->etag, content.size());
  }

  fakes::FakeClock clock_;
  fakes::FakeScheduler scheduler_{clock_};
  fakes::LoopExecutor loop_;
  fakes::FakeObjectStore bucket_{clock_, loop_, {.chunk_size_bytes = 16 * 1024}};
  fakes::FaultyStore faulty_{bucket_, &scheduler_};
  std::shared_ptr<cache::BlockPool> pool_ = cache::BlockPool::create(0, clock_).value();
  PrefetchSlots slots_{32};
  Readers readers_;
  oss::CountingStore counting_{faulty_};
  ReadSurroundings around_{counting_, scheduler_, clock_, pool_, slots_, readers_, seconds(30)};
};

TEST_F(ReaderOverBucket, ABodyThatBreaksOffGoesOnWhereItBroke) {
  fakes::AtOnceScheduler at_once;
  oss::RetryingStore retrying(faulty_, at_once, clock_);
  const std::string content = random_content(3 * kMiB);
  bucket_.put("file", content);
  for (int i = 1; i <= 3; ++i)
    faulty_.break_off({.operation = oss::Operation::kGet, .from = static_cast<std::uint64_t>(i)},
                      300'000, Error{Errc::kUnavailable, "reset", {}});
  const ReadSurroundings around{retrying, scheduler_, clock_, pool_, slots_, readers_, seconds(30)};
  const auto base =
      std::make_shared<BaseReader>(around, "file", bucket_.meta("file")->etag, content.size());
  std::string got;
  for (std::uint64_t at = 0; at < content.size(); at += 128 * kKiB)
    got += read(*base, at, 128 * kKiB).value();
  EXPECT_TRUE(got == content);
  base->stop();
}

// A foreign client writes between any two requests: what comes is the old version or an error.
TEST_F(ReaderOverBucket, AVersionIsNeverMixedWithAnother) {
  const std::string old_content(8 * kMiB, 'o'), new_content(8 * kMiB, 'n');
  for (std::uint64_t change = 1; change <= 5; ++change) {
    const auto base = put("file", old_content);
    faulty_.heal();
    faulty_.before({.operation = oss::Operation::kGet, .from = change},
                   [&] { bucket_.put("file", new_content); });
    for (std::uint64_t at = 0; at < old_content.size(); at += 128 * kKiB) {
      const auto got = read(*base, at, 128 * kKiB);
      const bool old = got && got->find('n') == std::string::npos;
      ASSERT_TRUE(old || (!got && got.error().code == Errc::kChanged));
    }
    base->stop();
  }
}

// 64 readers at once on 64 MiB: everybody gets every byte, and what makes room for others is seldom
// what is about to be read.
TEST_F(ReaderOverBucket, ManyReadersShareASmallBudget) {
  const std::string content = random_content((kIsSanitized ? 3 : 6) * kMiB);
  std::vector<std::shared_ptr<BaseReader>> readers;
  for (int i = 0; i < 64; ++i) readers.push_back(put("file", content));
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> threads;
    for (const auto& base : readers)
      threads.emplace_back([&, base] {
        bool all = true;
        for (std::uint64_t at = 0; at < content.size(); at += 512 * kKiB) {
          const auto got = read(*base, at, 512 * kKiB);
          all = all && got && std::string_view(content).substr(at, 512 * kKiB) == *got;
        }
        if (all) ++right;
      });
  }
  EXPECT_EQ(right, 64);
  // Some 1.1 times what was read.
  EXPECT_LT(counting_.counters().bytes_read, 2 * readers.size() * content.size());
  EXPECT_LE(pool_->figures().highest_bytes, cache::BlockPool::kBudgetMin);
  for (const auto& base : readers) base->stop();
  EXPECT_EQ(pool_->figures().pinned_bytes, 0U);
}

TEST_F(ReaderOverBucket, AnObjectThatIsReadHereAndThereIsSoonHere) {
  const std::string content = random_content(30 * kMiB);
  const auto base = put("file", content);
  faulty_.before({.operation = oss::Operation::kGet, .count = fakes::Calls::kAll},
                 [&] { clock_.advance(std::chrono::milliseconds(20)); });
  std::mt19937_64 random(1);
  for (int i = 0; i < 1'000; ++i) {
    const std::uint64_t at = random() % (content.size() / 4'096) * 4'096;
    const auto got = read(*base, at, 4'096);
    ASSERT_TRUE(got && std::string_view(content).substr(at, 4'096) == *got);
  }
  // Some 60 jumps until that shows, then its 30 blocks: around what is here of them already.
  EXPECT_LE(faulty_.started(oss::Operation::kGet), 200U);
  base->stop();
  EXPECT_EQ(pool_->figures().pinned_bytes, 0U);
}

TEST_F(ReaderOverBucket, RandomReadsFromSeveralThreadsAreRight) {
  const std::string content = random_content(30 * kMiB);
  const auto base = put("file", content);
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t seed = 1; seed <= 4; ++seed)
      threads.emplace_back([&, seed] {
        std::mt19937_64 random(seed);
        std::uint64_t at = 0;
        for (int i = 0; i < 300; ++i) {
          if (random() % 4 == 0) at = random() % (content.size() - 300'000);
          const std::uint64_t length = 1 + random() % 200'000;
          const std::uint64_t end = std::min<std::uint64_t>(at + length, content.size());
          const auto got = read(*base, at, end - at);
          if (!got || std::string_view(content).substr(at, end - at) != *got) ++wrong;
          at = end == content.size() ? 0 : end;
        }
      });
  }
  EXPECT_EQ(wrong, 0);
  base->stop();
}

}  // namespace
}  // namespace stsfs::fs
