#include "stsfs/oss/retrying_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <thread>

#include "fakes/fake_clock.h"
#include "fakes/fake_object_store.h"
#include "fakes/fake_scheduler.h"
#include "fakes/faulty_store.h"
#include "fakes/text_sink.h"
#include "stsfs/base/await.h"

namespace stsfs::oss {
namespace {

using fakes::Calls;
using fakes::TextSink;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

const Error kReset{Errc::kUnavailable, "connection reset", {}};
const Error kBusyServer{Errc::kThrottled, "503 ServiceUnavailable", {}};

class RetryingStoreTest : public ::testing::Test {
 protected:
  Deadline deadline(milliseconds left = seconds(30)) const { return Deadline::in(clock_, left); }

  /// Starts a call, lets the clock go on until it is answered.
  template <class T, class Start>
  Result<T> finish(Start start) {
    std::optional<Result<T>> result;
    const Transfer transfer = start([&](Result<T> given) { result.emplace(std::move(given)); });
    while (!result && scheduler_.run_next()) {
    }
    EXPECT_TRUE(result) << "nobody answers";
    if (!result) return fail(Errc::kIo, "nobody answers");
    return std::move(*result);
  }
  Result<ObjectMeta> head(milliseconds left = seconds(30)) {
    return finish<ObjectMeta>([&](Callback<ObjectMeta> done) {
      return store_.start_head("k", deadline(left), std::move(done));
    });
  }
  Result<Written> put(const std::string& content, PutOptions options = {}) {
    return finish<Written>([&](Callback<Written> done) {
      return store_.start_put("k", http::memory_body(content), options, deadline(),
                              std::move(done));
    });
  }
  static PutOptions new_file(const std::string& id) {
    PutOptions options;
    options.forbid_overwrite = true;
    if (!id.empty()) options.headers.user[kWriteIdName] = id;
    return options;
  }

  fakes::FakeClock clock_;
  fakes::FakeScheduler scheduler_{clock_};
  fakes::InlineExecutor executor_;
  fakes::FakeObjectStore fake_{clock_, executor_};
  fakes::FaultyStore faulty_{fake_, &scheduler_};
  RetryingStore store_{faulty_, scheduler_, clock_};
};

TEST_F(RetryingStoreTest, TriesAgainWhatPasses) {
  fake_.put("k", "x");
  faulty_.fail({.operation = Operation::kHead, .count = 3}, kReset);
  EXPECT_TRUE(head());
  EXPECT_EQ(faulty_.started(Operation::kHead), 4u);
}

TEST_F(RetryingStoreTest, DoesNotTryAgainWhatWillStay) {
  for (const Errc code : {Errc::kNotFound, Errc::kDenied, Errc::kCredential, Errc::kTimedOut,
                          Errc::kProtocol, Errc::kInvalid, Errc::kInterrupted}) {
    faulty_.heal();
    faulty_.fail({.operation = Operation::kHead}, Error{code, "as it was said", {}});
    const auto before = faulty_.started();
    const auto result = head();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, code);
    EXPECT_EQ(result.error().message, "as it was said");
    EXPECT_EQ(faulty_.started(), before + 1);
  }
}

TEST_F(RetryingStoreTest, PausesLongerEachTimeUpToABound) {
  faulty_.fail({.operation = Operation::kHead, .count = Calls::kAll}, kReset);
  bool ended = false;
  const Transfer transfer = store_.start_head("k", deadline(std::chrono::hours(1)),
                                              [&](const Result<ObjectMeta>&) { ended = true; });
  milliseconds bound(100);
  int pauses = 0;
  while (!ended) {
    ASSERT_TRUE(scheduler_.next_in());
    EXPECT_LE(*scheduler_.next_in(), bound);
    scheduler_.run_next();
    bound = std::min(bound * 2, milliseconds(5'000));
    ++pauses;
  }
  EXPECT_EQ(pauses, RetryOptions().attempts_max - 1);
}

TEST_F(RetryingStoreTest, GivesAThrottlingServerASecond) {
  faulty_.fail({.operation = Operation::kHead}, kBusyServer);
  const Transfer transfer = store_.start_head("k", deadline(), [](const Result<ObjectMeta>&) {});
  EXPECT_GE(*scheduler_.next_in(), seconds(1));
}

TEST_F(RetryingStoreTest, WaitsAsLongAsTheServerAsks) {
  faulty_.fail({.operation = Operation::kHead}, Error{Errc::kThrottled, "busy", seconds(7)});
  const Transfer transfer = store_.start_head("k", deadline(), [](const Result<ObjectMeta>&) {});
  EXPECT_GE(*scheduler_.next_in(), seconds(7));
}

TEST_F(RetryingStoreTest, EndsBeforeTheDeadlineAndSaysHowItWent) {
  faulty_.fail({.operation = Operation::kHead, .count = Calls::kAll}, kBusyServer);
  const SteadyTime before = clock_.steady();
  const auto result = head(seconds(10));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kThrottled);
  EXPECT_LE(clock_.steady() - before, seconds(10));
  EXPECT_THAT(result.error().message, HasSubstr("gave up after "));
  EXPECT_THAT(result.error().message, HasSubstr("503 ServiceUnavailable"));
}

TEST_F(RetryingStoreTest, CallsItATimeOutWhenTheDeadlineHasPassed) {
  faulty_.fail({.operation = Operation::kHead}, kReset);
  faulty_.before({.operation = Operation::kHead}, [&] { clock_.advance(seconds(31)); });
  const auto result = head();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kTimedOut);
  EXPECT_THAT(result.error().message, HasSubstr("connection reset"));
}

TEST_F(RetryingStoreTest, ReadsOnWhereTheBodyBrokeOff) {
  fake_.put("k", "0123456789");
  faulty_.break_off({.operation = Operation::kGet}, 4, kReset);
  TextSink sink;
  EXPECT_TRUE(finish<void>([&](Callback<void> done) {
    return store_.start_get("k", "", {0, 100}, sink, deadline(), std::move(done));
  }));
  EXPECT_EQ(sink.text, "0123456789");
  EXPECT_EQ(sink.begins, 1);
}

TEST_F(RetryingStoreTest, NeverReadsOnInAnotherVersion) {
  fake_.put("k", "0123456789");
  faulty_.break_off({.operation = Operation::kGet}, 4, kReset);
  faulty_.before({.operation = Operation::kGet, .from = 2}, [&] { fake_.put("k", "abcdefghij"); });
  TextSink sink;
  const auto result = finish<void>([&](Callback<void> done) {
    return store_.start_get("k", "", {0, 10}, sink, deadline(), std::move(done));
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kChanged);
  EXPECT_EQ(sink.text, "0123");
}

TEST_F(RetryingStoreTest, AReadThatAdvancesMayBreakOffOftenerThanAttemptsGo) {
  fake_.put("k", std::string(100, 'x'));
  faulty_.break_off({.operation = Operation::kGet, .count = 50}, 1, kReset);
  TextSink sink;
  EXPECT_TRUE(finish<void>([&](Callback<void> done) {
    return store_.start_get("k", "", {0, 100}, sink, deadline(seconds(600)), std::move(done));
  }));
  EXPECT_EQ(sink.text.size(), 100u);
}

TEST_F(RetryingStoreTest, PassesOnWhatASinkSays) {
  class RefusingSink final : public ReadSink {
    Result<void> begin(const ObjectMeta&) override { return {}; }
    Result<void> write(std::span<const std::byte>) override {
      return fail(Errc::kUnavailable, "the reader went away");
    }
  };
  fake_.put("k", "0123456789");
  RefusingSink sink;
  const auto result = finish<void>([&](Callback<void> done) {
    return store_.start_get("k", "", {0, 10}, sink, deadline(), std::move(done));
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "the reader went away");
  EXPECT_EQ(faulty_.started(Operation::kGet), 1u);
}

TEST_F(RetryingStoreTest, SendsDamagedBytesAgain) {
  faulty_.fail({.operation = Operation::kPut}, Error{Errc::kCorrupt, "CRC-64", {}});
  EXPECT_TRUE(put("content"));
  EXPECT_EQ(fake_.content("k"), "content");
}

TEST_F(RetryingStoreTest, KnowsItsOwnWriteWhenTheAnswerWasLost) {
  faulty_.lose_answer({.operation = Operation::kPut}, kReset);
  const auto written = put("ours", new_file("id-1"));
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->etag, fake_.meta("k")->etag);
}

TEST_F(RetryingStoreTest, DoesNotTakeAnothersFileForItsOwn) {
  faulty_.fail({.operation = Operation::kPut}, kReset);
  faulty_.before({.operation = Operation::kPut, .from = 2}, [&] { fake_.put("k", "theirs"); });
  const auto written = put("ours", new_file("id-1"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::kExists);
  EXPECT_EQ(fake_.content("k"), "theirs");
}

TEST_F(RetryingStoreTest, WithoutAnIdALostAnswerStaysInDoubt) {
  faulty_.lose_answer({.operation = Operation::kPut}, kReset);
  EXPECT_EQ(put("ours", new_file("")).error().code, Errc::kExists);
}

TEST_F(RetryingStoreTest, TellsWhenItsOwnWriteArrivedDamaged) {
  faulty_.fail({.operation = Operation::kPut}, Error{Errc::kCorrupt, "CRC-64", {}});
  faulty_.before({.operation = Operation::kPut, .from = 2}, [&] {
    fake_.put("k", "oursX", {{kWriteIdName, "id-1"}});  // what the first attempt left
  });
  const auto written = put("ours", new_file("id-1"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::kCorrupt);
}

// libcurl may have sent it before, on a connection that ended.
TEST_F(RetryingStoreTest, AFirstAttemptThatMeetsItsOwnFileMadeIt) {
  fake_.put("k", "theirs");
  EXPECT_EQ(put("ours", new_file("id-1")).error().code, Errc::kExists);
  fake_.put("k", "ours", {{kWriteIdName, "id-1"}});
  EXPECT_TRUE(put("ours", new_file("id-1")));
}

TEST_F(RetryingStoreTest, AFirstRenameOfWhatIsNotThereIsNone) {
  fakes::FakeObjectStore fake(clock_, executor_, {.hierarchical_namespace = true});
  RetryingStore store(fake, scheduler_, clock_);
  fake.put("e/f", "x");
  const auto renamed = finish<void>([&](Callback<void> done) {
    return store.start_rename("d/", "e/", deadline(), std::move(done));
  });
  EXPECT_EQ(renamed.error().code, Errc::kNotFound);
}

class RetryingUpload : public RetryingStoreTest {
 protected:
  void SetUp() override {
    id_ = *finish<std::string>([&](Callback<std::string> done) {
      return store_.start_initiate("k", options_, deadline(), std::move(done));
    });
    part_ = *finish<Part>([&](Callback<Part> done) {
      return store_.start_upload_part("k", id_, 1, http::memory_body("part"), deadline(),
                                      std::move(done));
    });
  }
  Result<Written> complete() {
    return finish<Written>([&](Callback<Written> done) {
      return store_.start_complete("k", id_, {part_}, options_, deadline(), std::move(done));
    });
  }
  PutOptions options_ = new_file("id-1");
  std::string id_;
  Part part_;
};

TEST_F(RetryingUpload, KnowsItsOwnObjectWhenTheAnswerOfCompleteWasLost) {
  faulty_.lose_answer({.operation = Operation::kComplete}, kReset);
  const auto written = complete();
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(fake_.content("k"), "part");
  EXPECT_EQ(written->etag, fake_.meta("k")->etag);
}

TEST_F(RetryingUpload, KnowsItBySizeAndChecksumWhereThereIsNoId) {
  options_ = {};
  faulty_.lose_answer({.operation = Operation::kComplete}, kReset);
  EXPECT_TRUE(complete());
}

TEST_F(RetryingUpload, IsNotDeceivedByAnotherObjectOfThatSize) {
  options_ = {};
  faulty_.lose_answer({.operation = Operation::kComplete}, kReset);
  faulty_.before({.operation = Operation::kHead}, [&] { fake_.put("k", "tarp"); });
  EXPECT_EQ(complete().error().code, Errc::kNotFound);
}

TEST_F(RetryingUpload, SaysThatAnUploadIsUnknownWhenItNeverWas) {
  id_ = "no such upload";
  EXPECT_EQ(complete().error().code, Errc::kNotFound);
}

TEST_F(RetryingStoreTest, KnowsItsOwnChangeOfMetadata) {
  // Where a copy onto itself gives a new ETag, the second attempt meets kChanged.
  fakes::FakeObjectStore fake(clock_, executor_, {.copy_keeps_etag = false});
  fakes::FaultyStore faulty(fake, &scheduler_);
  RetryingStore store(faulty, scheduler_, clock_);
  fake.put("k", "x");
  faulty.lose_answer({.operation = Operation::kCopy}, kReset);
  CopyOptions options{
      .source_key = "k", .source_etag = fake.meta("k")->etag, .replace_metadata = true, .put = {}};
  options.put.headers.user = {{kWriteIdName, "id-2"}, {"mode", "33188"}};
  EXPECT_TRUE(finish<Written>([&](Callback<Written> done) {
    return store.start_copy("k", options, deadline(), std::move(done));
  }));
}

TEST_F(RetryingStoreTest, KnowsItsOwnRenameByWhatIsWhere) {
  fakes::FakeObjectStore fake(clock_, executor_, {.hierarchical_namespace = true});
  fakes::FaultyStore faulty(fake, &scheduler_);
  RetryingStore store(faulty, scheduler_, clock_);
  const auto rename = [&](const char* from, const char* to) {
    faulty.lose_answer({.operation = Operation::kRename}, kReset);
    return finish<void>([&](Callback<void> done) {
      return store.start_rename(from, to, deadline(), std::move(done));
    });
  };
  fake.put("d/f", "x");
  EXPECT_TRUE(rename("d/", "e/"));
  EXPECT_EQ(fake.keys(), (std::vector<std::string>{"e/", "e/f"}));
  EXPECT_EQ(rename("none/", "n/").error().code, Errc::kNotFound);
}

TEST_F(RetryingStoreTest, KnowsItsOwnLinkEvenADanglingOne) {
  faulty_.lose_answer({.operation = Operation::kPutSymlink}, kReset);
  EXPECT_TRUE(finish<Written>([&](Callback<Written> done) {
    return store_.start_put_symlink("k", "nowhere", new_file("id-3"), deadline(), std::move(done));
  }));
}

// --- another client writes between two tries ---

class ForeignWriteBetweenTries : public RetryingStoreTest {
 protected:
  ForeignWriteBetweenTries() {
    fake_.put("k", "before");
    expected_.replaces = fake_.meta("k")->etag;
    expected_.headers.user[kWriteIdName] = "id-1";
    fake_.put("source", "copied");
  }
  /// `operation` fails three times, then somebody writes `theirs` there.
  void meets(Operation operation, const std::string& theirs) {
    faulty_.fail({.operation = operation, .count = 3}, kBusyServer);
    faulty_.before({.operation = Operation::kBrief, .from = 3}, [this, theirs] {
      clock_.advance(seconds(5));
      fake_.put("k", theirs);
    });
  }
  Result<Written> copy(bool replace_metadata) {
    return finish<Written>([&](Callback<Written> done) {
      return store_.start_copy(
          "k", {.source_key = "source", .replace_metadata = replace_metadata, .put = expected_},
          deadline(), std::move(done));
    });
  }
  Result<Written> link() {
    return finish<Written>([&](Callback<Written> done) {
      return store_.start_put_symlink("k", "source", expected_, deadline(), std::move(done));
    });
  }
  Result<Written> upload() {
    const auto id = *finish<std::string>([&](Callback<std::string> done) {
      return store_.start_initiate("k", expected_, deadline(), std::move(done));
    });
    const auto part = *finish<Part>([&](Callback<Part> done) {
      return store_.start_upload_part("k", id, 1, http::memory_body("part"), deadline(),
                                      std::move(done));
    });
    return finish<Written>([&](Callback<Written> done) {
      return store_.start_complete("k", id, {part}, expected_, deadline(), std::move(done));
    });
  }
  Result<void> erase(const std::string& etag) {
    return finish<void>([&](Callback<void> done) {
      return store_.start_delete("k", etag, deadline(), std::move(done));
    });
  }
  Result<std::vector<std::string>> erase_many(std::vector<Doomed> doomed) {
    return finish<std::vector<std::string>>([&](Callback<std::vector<std::string>> done) {
      return store_.start_delete_many(doomed, deadline(), std::move(done));
    });
  }
  struct Write {
    Operation operation;
    std::function<Result<Written>()> run;
  };
  const std::vector<Write> writes_{
      {Operation::kPut, [this] { return put("ours", expected_); }},
      {Operation::kCopy, [this] { return copy(false); }},
      {Operation::kCopy, [this] { return copy(true); }},
      {Operation::kPutSymlink, [this] { return link(); }},
      {Operation::kComplete, [this] { return upload(); }},
  };
  PutOptions expected_;
};

TEST_F(ForeignWriteBetweenTries, IsNotReplaced) {
  for (const Write& write : writes_) {
    SCOPED_TRACE(name_of(write.operation));
    faulty_.heal();
    fake_.put("k", "before");
    meets(write.operation, "theirs");
    EXPECT_EQ(write.run().error().code, Errc::kChanged);
    EXPECT_EQ(fake_.content("k"), "theirs");
  }
}

TEST_F(ForeignWriteBetweenTries, AsADeleteIsNotUndone) {
  for (const Write& write : writes_) {
    SCOPED_TRACE(name_of(write.operation));
    faulty_.heal();
    fake_.put("k", "before");
    faulty_.fail({.operation = write.operation}, kReset);
    faulty_.before({.operation = Operation::kBrief}, [&] { fake_.erase("k"); });
    EXPECT_EQ(write.run().error().code, Errc::kChanged);
    EXPECT_FALSE(fake_.meta("k"));
  }
}

TEST_F(ForeignWriteBetweenTries, DoesNotHinderWhereThereIsNone) {
  for (const Write& write : writes_) {
    SCOPED_TRACE(name_of(write.operation));
    faulty_.heal();
    fake_.put("k", "before");
    faulty_.fail({.operation = write.operation, .count = 3}, kReset);
    const auto looks = faulty_.started(Operation::kBrief);
    const auto written = write.run();
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(faulty_.started(Operation::kBrief), looks + 3);
  }
}

TEST_F(ForeignWriteBetweenTries, IsNotLookedForWhenNothingFails) {
  for (const Write& write : writes_) {
    fake_.put("k", "before");
    EXPECT_TRUE(write.run());
  }
  EXPECT_TRUE(erase(""));
  EXPECT_TRUE(erase_many({{"k", ""}, {"source", ""}}));
  EXPECT_EQ(faulty_.started(Operation::kBrief) + faulty_.started(Operation::kHead), 0u);
}

TEST_F(ForeignWriteBetweenTries, IsToldFromOurOwnWhoseAnswerWasLost) {
  for (const Write& write : writes_) {
    if (&write == &writes_[1]) continue;  // a copy of the metadata has the number of its source
    SCOPED_TRACE(name_of(write.operation));
    faulty_.heal();
    fake_.put("k", "before");
    faulty_.lose_answer({.operation = write.operation}, kReset);
    const auto before = faulty_.started(write.operation);
    const auto written = write.run();
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(faulty_.started(write.operation), before + 1);
  }
}

TEST_F(ForeignWriteBetweenTries, IsNoMatterWhereTheServerItselfCompares) {
  faulty_.fail({.operation = Operation::kCopy, .count = 2}, kReset);
  faulty_.before({.operation = Operation::kCopy, .from = 3}, [&] { fake_.put("k", "theirs"); });
  const auto copied = finish<Written>([&](Callback<Written> done) {
    return store_.start_copy("k",
                             {.source_key = "k",
                              .source_etag = expected_.replaces,
                              .replace_metadata = true,
                              .put = expected_},
                             deadline(), std::move(done));
  });
  EXPECT_EQ(copied.error().code, Errc::kChanged);
  EXPECT_EQ(fake_.content("k"), "theirs");
  EXPECT_EQ(faulty_.started(Operation::kBrief), 0u);
}

TEST_F(ForeignWriteBetweenTries, MaySendADamagedObjectOfOursAgain) {
  faulty_.fail({.operation = Operation::kPut}, Error{Errc::kCorrupt, "CRC-64", {}});
  faulty_.before({.operation = Operation::kBrief}, [&] {
    fake_.put("k", "oursX", {{kWriteIdName, "id-1"}});
  });
  EXPECT_TRUE(put("ours", expected_));
  EXPECT_EQ(fake_.content("k"), "ours");
}

TEST_F(ForeignWriteBetweenTries, IsLookedForAgainWhereALookFails) {
  faulty_.fail({.operation = Operation::kPut}, kReset);
  faulty_.fail({.operation = Operation::kBrief, .count = 2}, kBusyServer);
  EXPECT_TRUE(put("ours", expected_));
  EXPECT_EQ(faulty_.started(Operation::kBrief), 3u);
  EXPECT_EQ(faulty_.started(Operation::kPut), 2u);
}

TEST_F(ForeignWriteBetweenTries, IsNotRiskedWhereNobodyMayLook) {
  faulty_.fail({.operation = Operation::kPut}, kReset);
  faulty_.fail({.operation = Operation::kBrief}, Error{Errc::kDenied, "403", {}});
  EXPECT_EQ(put("ours", expected_).error().code, Errc::kDenied);
  EXPECT_EQ(fake_.content("k"), "before");
}

TEST_F(ForeignWriteBetweenTries, IsNotDeleted) {
  for (const std::string& etag : {std::string(), expected_.replaces}) {
    faulty_.heal();
    fake_.put("k", "before");
    clock_.advance(seconds(10));
    meets(Operation::kDelete, "theirs");
    EXPECT_EQ(erase(etag).error().code, Errc::kChanged);
    EXPECT_EQ(fake_.content("k"), "theirs");
  }
}

TEST_F(ForeignWriteBetweenTries, IsNotDeletedThoughItsBytesAreTheSame) {
  clock_.advance(seconds(10));
  meets(Operation::kDelete, "before");
  EXPECT_EQ(erase(expected_.replaces).error().code, Errc::kChanged);
  EXPECT_TRUE(fake_.meta("k"));
}

TEST_F(ForeignWriteBetweenTries, DoesNotHinderADeleteWhereThereIsNone) {
  faulty_.fail({.operation = Operation::kDelete, .count = 2}, kReset);
  EXPECT_TRUE(erase(expected_.replaces));
  EXPECT_FALSE(fake_.meta("k"));
}

TEST_F(ForeignWriteBetweenTries, IsNotLookedForTwiceAfterADelete) {
  faulty_.lose_answer({.operation = Operation::kDelete}, kReset);
  EXPECT_TRUE(erase(expected_.replaces));
  EXPECT_EQ(faulty_.started(Operation::kDelete), 1u);
}

TEST_F(ForeignWriteBetweenTries, StaysWhereManyAreDeleted) {
  fake_.put("other", "x");
  clock_.advance(seconds(10));
  faulty_.fail({.operation = Operation::kDeleteMany, .count = 2}, kReset);
  faulty_.before({.operation = Operation::kBrief}, [&] { fake_.put("k", "theirs"); });
  const auto left = erase_many(
      {{"k", expected_.replaces}, {"other", ""}, {"source", fake_.meta("source")->etag}});
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_TRUE(left->empty());
  EXPECT_EQ(fake_.keys(), std::vector<std::string>{"k"});
  EXPECT_EQ(fake_.content("k"), "theirs");
  faulty_.fail({.operation = Operation::kDeleteMany}, kReset);
  EXPECT_TRUE(erase_many({{"k", expected_.replaces}}));
  EXPECT_EQ(fake_.content("k"), "theirs");
}

TEST_F(RetryingStoreTest, DroppedInAPauseItNeverGoesOn) {
  faulty_.fail({.operation = Operation::kHead}, kReset);
  {
    const Transfer transfer =
        store_.start_head("k", deadline(), [](const Result<ObjectMeta>&) { FAIL(); });
    EXPECT_EQ(scheduler_.pending(), 1u);
  }
  EXPECT_EQ(scheduler_.pending(), 0u);
  EXPECT_EQ(faulty_.started(Operation::kHead), 1u);
}

/// Pauses on the loop's own thread, without end: every attempt fails, nothing ever waits long.
class ImpatientScheduler final : public Scheduler {
 public:
  explicit ImpatientScheduler(fakes::Executor& loop) : loop_(loop) {}
  Transfer after(milliseconds, UniqueFunction<void()> what) override {
    return loop_.run(std::move(what));
  }

 private:
  fakes::Executor& loop_;
};

TEST(RetryingStore, CanBeDroppedAtAnyInstant) {
  const fakes::FakeClock clock;
  fakes::LoopExecutor loop(11);
  fakes::FakeObjectStore fake(clock, loop);
  fakes::FaultyStore faulty(fake);
  faulty.fail({.operation = Operation::kHead, .count = Calls::kAll}, kReset);
  ImpatientScheduler scheduler(loop);
  RetryingStore store(faulty, scheduler, clock, {.attempts_max = 1'000'000});
  for (int round = 0; round < 300; ++round) {
    auto alive = std::make_unique<int>(0);
    Transfer transfer = store.start_head("k", Deadline::in(clock, seconds(30)),
                                         [&](const Result<ObjectMeta>&) { ++*alive; });
    for (int i = 0; i < round; ++i) std::this_thread::yield();
    transfer.cancel();
    alive.reset();  // a sanitizer sees a callback that comes later
  }
}

}  // namespace
}  // namespace stsfs::oss
