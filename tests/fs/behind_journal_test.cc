#include "pending/behind_journal.h"

#include <cstdint>
#include <future>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/fake_scheduler.h"

namespace stsfs::fs {
namespace {

/// Tries everything that is noted, each time that it is called.
class Tasks : private BehindJournal {
 public:
  explicit Tasks(Scheduler& scheduler)
      : BehindJournal(scheduler, std::chrono::seconds(1), std::chrono::seconds(60)) {}
  ~Tasks() override { stop(); }
  using BehindJournal::stop;

  void fail_from_now_on(bool fails) {
    MutexLock lock(mutex_);
    fails_ = fails;
  }
  void do_nothing_more() {
    MutexLock lock(mutex_);
    is_idle_ = true;
  }
  /// Notes one; what it gives comes when it has been tried.
  std::future<Result<void>> add(std::uint64_t id) {
    auto promise = std::make_shared<std::promise<Result<void>>>();
    Callback<void> done = [promise](Result<void> result) { promise->set_value(std::move(result)); };
    auto out = promise->get_future();
    {
      MutexLock lock(mutex_);
      noted_.insert(id);
      if (wait_for({id}, done)) return out;
    }
    done(fail(Errc::kUnavailable, "nobody does it"));
    return out;
  }
  std::size_t noted() {
    MutexLock lock(mutex_);
    return noted_.size();
  }

 private:
  using Ids = std::set<std::uint64_t>;

  Pause work(bool) override {
    bool failed = false;
    {
      MutexLock lock(mutex_);
      if (is_idle_) return std::nullopt;
      failed = fails_ && !noted_.empty();
      for (const std::uint64_t id : std::exchange(noted_, fails_ ? noted_ : Ids())) {
        settling_.taken(id);
        if (fails_)
          settling_.failed(id, Error{Errc::kIo, "not this time", {}});
        else
          settling_.ended(id);
      }
    }
    tell_settled();
    return pause_after(failed);
  }

  Ids noted_ STSFS_GUARDED_BY(mutex_);
  bool fails_ STSFS_GUARDED_BY(mutex_) = false;
  bool is_idle_ STSFS_GUARDED_BY(mutex_) = false;
};

class BehindJournalTest : public ::testing::Test {
 protected:
  fakes::FakeClock clock_;
  fakes::FakeScheduler scheduler_{clock_};
  Tasks tasks_{scheduler_};
};

TEST_F(BehindJournalTest, DoesAtOnceWhatSomebodyWaitsFor) {
  EXPECT_TRUE(tasks_.add(1).get());
  EXPECT_TRUE(tasks_.add(2).get());
  EXPECT_EQ(tasks_.noted(), 0U);
}

TEST_F(BehindJournalTest, TriesAgainAfterAPauseWhatFailed) {
  tasks_.fail_from_now_on(true);
  EXPECT_EQ(tasks_.add(1).get().error().code, Errc::kIo);
  tasks_.fail_from_now_on(false);
  while (tasks_.noted() > 0)
    if (!scheduler_.run_next()) std::this_thread::yield();
}

TEST_F(BehindJournalTest, TellsWhoStillWaitsWhenItStops) {
  tasks_.do_nothing_more();
  auto waits = tasks_.add(1);
  tasks_.stop();
  EXPECT_EQ(waits.get().error().code, Errc::kInterrupted);
  EXPECT_EQ(tasks_.add(2).get().error().code, Errc::kUnavailable);
}

}  // namespace
}  // namespace stsfs::fs
