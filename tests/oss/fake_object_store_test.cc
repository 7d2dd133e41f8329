#include "fakes/fake_object_store.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/fake_scheduler.h"
#include "fakes/faulty_store.h"
#include "fakes/text_sink.h"
#include "stsfs/base/await.h"
#include "stsfs/oss/counting_store.h"

namespace stsfs::oss {
namespace {

using fakes::FakeClock;
using fakes::FakeObjectStore;
using fakes::FakeScheduler;
using fakes::FaultyStore;
using fakes::TextSink;

class FaultyStoreTest : public ::testing::Test {
 protected:
  Deadline deadline() const { return Deadline::in(clock_, std::chrono::seconds(30)); }
  Result<Written> put(ObjectStore& store, const std::string& key, const std::string& content) {
    return await<Written>(nullptr, [&](Callback<Written> done) {
      return store.start_put(key, http::memory_body(content), {}, deadline(), std::move(done));
    });
  }

  FakeClock clock_;
  FakeScheduler scheduler_{clock_};
  fakes::InlineExecutor executor_;
  FakeObjectStore fake_{clock_, executor_};
  FaultyStore faulty_{fake_, &scheduler_};
};

TEST_F(FaultyStoreTest, FailsTheCallItWasToldTo) {
  faulty_.fail({.operation = Operation::kPut, .from = 2}, Error{Errc::kUnavailable, "reset", {}});
  EXPECT_TRUE(put(faulty_, "a", "1"));
  const auto second = put(faulty_, "b", "2");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kUnavailable);
  EXPECT_TRUE(put(faulty_, "c", "3"));
  EXPECT_EQ(fake_.keys(), (std::vector<std::string>{"a", "c"}));
}

TEST_F(FaultyStoreTest, AppliesACallWhoseAnswerIsLost) {
  faulty_.lose_answer({.operation = Operation::kPut}, Error{Errc::kUnavailable, "reset", {}});
  EXPECT_FALSE(put(faulty_, "a", "1"));
  EXPECT_EQ(fake_.content("a"), "1");
}

TEST_F(FaultyStoreTest, LetsAForeignWriterInBetween) {
  faulty_.before({.operation = Operation::kPut, .from = 2}, [&] { fake_.put("a", "theirs"); });
  EXPECT_TRUE(put(faulty_, "b", "ours"));
  EXPECT_FALSE(fake_.content("a"));
  EXPECT_TRUE(put(faulty_, "c", "ours"));
  EXPECT_EQ(fake_.content("a"), "theirs");
}

TEST_F(FaultyStoreTest, BreaksABodyOff) {
  fake_.put("a", "0123456789");
  faulty_.break_off({.operation = Operation::kGet}, 4, Error{Errc::kUnavailable, "reset", {}});
  TextSink sink;
  const auto got = await<void>(nullptr, [&](Callback<void> done) {
    return faulty_.start_get("a", "", {0, 10}, sink, deadline(), std::move(done));
  });
  EXPECT_FALSE(got);
  EXPECT_EQ(sink.text, "0123");
}

TEST_F(FaultyStoreTest, DelaysACallUntilTheClockHasMoved) {
  faulty_.delay({.operation = Operation::kPut}, std::chrono::milliseconds(500));
  bool done = false;
  const Transfer transfer = faulty_.start_put("a", http::memory_body("1"), {}, deadline(),
                                              [&](Result<Written>) { done = true; });
  EXPECT_FALSE(fake_.content("a"));
  scheduler_.advance(std::chrono::milliseconds(499));
  EXPECT_FALSE(done);
  scheduler_.advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(done);
  EXPECT_EQ(fake_.content("a"), "1");
}

TEST_F(FaultyStoreTest, ForgetsADelayedCallThatIsDropped) {
  faulty_.delay({.operation = Operation::kPut}, std::chrono::milliseconds(500));
  {
    const Transfer transfer = faulty_.start_put("a", http::memory_body("1"), {}, deadline(),
                                                [&](Result<Written>) { FAIL(); });
  }
  scheduler_.advance(std::chrono::seconds(1));
  EXPECT_FALSE(fake_.content("a"));
}

TEST_F(FaultyStoreTest, EndsWithTheNetworkAndComesBackWithIt) {
  faulty_.fail_everything(Error{Errc::kUnavailable, "unreachable", {}});
  EXPECT_FALSE(put(faulty_, "a", "1"));
  faulty_.heal();
  EXPECT_TRUE(put(faulty_, "a", "1"));
}

TEST(CountingStore, CountsCallsOutcomesAndBytes) {
  const FakeClock clock;
  fakes::InlineExecutor executor;
  FakeObjectStore fake(clock, executor);
  FaultyStore faulty(fake);
  CountingStore counting(faulty);
  const Deadline deadline = Deadline::in(clock, std::chrono::seconds(1));
  const Transfer put = counting.start_put("a", http::memory_body("12345"), {}, deadline,
                                          [](Result<Written> written) { ASSERT_TRUE(written); });
  TextSink sink;
  const Transfer get = counting.start_get("a", "", {1, 3}, sink, deadline,
                                          [](Result<void> done) { ASSERT_TRUE(done); });
  const Transfer head =
      counting.start_head("b", deadline, [](Result<ObjectMeta> missing) { ASSERT_FALSE(missing); });
  faulty.fail({.operation = Operation::kHead}, Error{Errc::kUnavailable, "reset", {}});
  const Transfer reset =
      counting.start_head("b", deadline, [](Result<ObjectMeta> failed) { ASSERT_FALSE(failed); });
  const StoreCounters counters = counting.counters();
  EXPECT_EQ(counters.of(Operation::kPut).succeeded, 1u);
  EXPECT_EQ(counters.of(Operation::kGet).succeeded, 1u);
  EXPECT_EQ(counters.of(Operation::kHead).succeeded, 1u) << "that it is not there is an answer";
  EXPECT_EQ(counters.of(Operation::kHead).failed, 1u);
  EXPECT_EQ(counters.started(), 4u);
  EXPECT_EQ(counters.failed(), 1u);
  EXPECT_EQ(counters.bytes_written, 5u);
  EXPECT_EQ(counters.bytes_read, 3u);
}

TEST(FakeObjectStore, GivesEveryWaiterItsAnswerWhenTheLoopIsShaken) {
  const FakeClock clock;
  fakes::LoopExecutor loop(7);
  FakeObjectStore fake(clock, loop);
  const Deadline deadline = Deadline::in(clock, std::chrono::seconds(1));
  std::vector<std::shared_ptr<Waiter<Written>>> waiters;
  std::vector<Transfer> transfers;
  for (int i = 0; i < 100; ++i) {
    waiters.push_back(std::make_shared<Waiter<Written>>());
    transfers.push_back(fake.start_put("key" + std::to_string(i), http::memory_body("x"), {},
                                       deadline, waiters.back()->callback()));
  }
  for (const auto& waiter : waiters) EXPECT_TRUE(waiter->wait(nullptr));
  EXPECT_EQ(fake.keys().size(), 100u);
}

TEST(FakeObjectStore, NeverCallsBackOnceATransferIsDropped) {
  const FakeClock clock;
  for (int round = 0; round < 200; ++round) {
    fakes::LoopExecutor loop;
    FakeObjectStore fake(clock, loop);
    auto alive = std::make_unique<int>(1);
    Transfer transfer = fake.start_head("a", Deadline::in(clock, std::chrono::seconds(1)),
                                        [&](Result<ObjectMeta>) { ++*alive; });
    transfer.cancel();
    alive.reset();  // a sanitizer sees a callback that comes later
  }
}

}  // namespace
}  // namespace stsfs::oss
