#include "stsfs/credentials/renewer.h"

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "stsfs/base/mutex.h"

namespace stsfs::credentials {
namespace {

using namespace std::chrono_literals;

/// A source in the test's hands: each fetch is counted and answered by `answer`, which may wait.
class HandSource final : public Source {
 public:
  using Answer = std::function<Result<Grant>(int fetch, const std::string& rejected)>;
  struct Log {
    Mutex mutex;
    Condition changed;
    std::vector<std::string> rejected STSFS_GUARDED_BY(mutex);

    void wait_for_fetches(std::size_t count) {
      MutexLock lock(mutex);
      while (rejected.size() < count) changed.wait(mutex);
    }
    std::vector<std::string> all() {
      MutexLock lock(mutex);
      return rejected;
    }
  };

  HandSource(std::shared_ptr<Log> log, Answer answer)
      : log_(std::move(log)), answer_(std::move(answer)) {}
  std::string describe() const override { return "the test"; }
  Result<Grant> fetch(const std::string& rejected, Deadline, Interrupt&) override {
    int number = 0;
    {
      MutexLock lock(log_->mutex);
      log_->rejected.push_back(rejected);
      number = static_cast<int>(log_->rejected.size());
      log_->changed.notify_all();
    }
    return answer_(number, rejected);
  }

 private:
  const std::shared_ptr<Log> log_;
  const Answer answer_;
};

class Renewers : public ::testing::Test {
 protected:
  Grant grant(const std::string& id, std::chrono::seconds life = 1h) const {
    return Grant{
        {id, Secret(std::string_view("s")), Secret(std::string_view("t")), clock_.wall() + life},
        std::nullopt};
  }
  static Folder folder(const std::string& prefix) {
    return {.endpoint = "https://oss", .region = "r", .bucket = "bucket", .prefix = prefix};
  }
  std::unique_ptr<Renewer> start(HandSource::Answer answer) {
    auto renewer =
        Renewer::start(std::make_unique<HandSource>(log_, std::move(answer)), {}, clock_, soon());
    EXPECT_TRUE(renewer) << renewer.error().message;
    return std::move(*renewer);
  }
  std::string id_of(Renewer& renewer) {
    auto current = renewer.current();
    return current ? (*current)->access_key_id : current.error().message;
  }
  /// Lets time pass until the thread has done something about it.
  void advance(Renewer& renewer, std::chrono::nanoseconds by) {
    clock_.advance(by);
    (void)renewer.current();  // wakes it: the test's clock wakes nobody
  }
  void wait_until(const std::function<bool()>& holds) {
    while (!holds()) std::this_thread::yield();
  }
  Deadline soon() const { return Deadline::in(clock_, 30s); }

  fakes::FakeClock clock_;
  std::shared_ptr<HandSource::Log> log_ = std::make_shared<HandSource::Log>();
};

using Answers = std::vector<std::future<std::string>>;

Callback<CredentialSnapshot> into(std::promise<std::string>& promise) {
  return [&promise](Result<CredentialSnapshot> result) {
    promise.set_value(result ? (*result)->access_key_id : name_of(result.error().code));
  };
}

TEST_F(Renewers, FailToStartWithTheReason) {
  auto renewer = Renewer::start(
      std::make_unique<HandSource>(
          log_, [](int, auto&) -> Result<Grant> { return fail(Errc::kCredential, "who?"); }),
      {}, clock_, soon());
  ASSERT_FALSE(renewer);
  EXPECT_EQ(renewer.error().message, "who?");
}

TEST_F(Renewers, RefuseAFirstCredentialThatIsDeadAlready) {
  auto renewer =
      Renewer::start(std::make_unique<HandSource>(
                         log_, [&](int, auto&) -> Result<Grant> { return grant("k", -1s); }),
                     {}, clock_, soon());
  ASSERT_FALSE(renewer);
  EXPECT_EQ(renewer.error().code, Errc::kCredential);
}

TEST_F(Renewers, RenewByThemselvesAtHalfLife) {
  auto renewer = start([&](int fetch, auto&) { return grant("k" + std::to_string(fetch)); });
  EXPECT_EQ(id_of(*renewer), "k1");
  advance(*renewer, 23min);
  EXPECT_EQ(id_of(*renewer), "k1");
  advance(*renewer, 7min + 1s);
  wait_until([&] { return id_of(*renewer) == "k2"; });
  EXPECT_EQ(log_->all(), (std::vector<std::string>{"", ""}));
  EXPECT_EQ(renewer->status().renewals, 2u);
}

TEST_F(Renewers, GoOnWithThePresentOneWhileTheSourceIsAway) {
  std::atomic<bool> away = false;
  auto renewer = start([&](int fetch, auto&) -> Result<Grant> {
    if (away) return fail(Errc::kUnavailable, "no route to the server");
    return grant("k" + std::to_string(fetch));
  });
  away = true;
  advance(*renewer, 31min);
  wait_until([&] { return renewer->status().failures > 0; });
  EXPECT_EQ(id_of(*renewer), "k1");
  EXPECT_EQ(renewer->status().last_error, "no route to the server");
  clock_.advance(30min);
  const auto dead = renewer->current();
  ASSERT_FALSE(dead);
  EXPECT_EQ(dead.error().code, Errc::kCredential);
  EXPECT_NE(dead.error().message.find("no route to the server"), std::string::npos);
  away = false;
  wait_until([&] {
    advance(*renewer, 10s);
    return renewer->current().has_value();
  });
  EXPECT_EQ(renewer->status().last_error, "");
}

TEST_F(Renewers, AskOnceForTenThousandThatWait) {
  std::promise<void> go;
  auto gate = go.get_future().share();
  auto renewer = start([&](int fetch, auto&) {
    if (fetch > 1) gate.wait();
    return grant("k" + std::to_string(fetch));
  });
  clock_.advance(1min);
  constexpr int kWaiting = 10'000;
  std::vector<std::promise<std::string>> promises(kWaiting);
  std::vector<Transfer> transfers;
  for (auto& promise : promises) transfers.push_back(renewer->replace("k1", soon(), into(promise)));
  log_->wait_for_fetches(2);
  go.set_value();
  for (auto& promise : promises) ASSERT_EQ(promise.get_future().get(), "k2");
  EXPECT_EQ(log_->all(), (std::vector<std::string>{"", "k1"}));
  EXPECT_EQ(renewer->status().replacements, 1u);
}

TEST_F(Renewers, ReplaceAtOnceWhatHasASuccessorAlready) {
  auto renewer = start([&](int, auto&) { return grant("k1"); });
  std::promise<std::string> promise;
  auto transfer = renewer->replace("k0", soon(), into(promise));
  EXPECT_EQ(promise.get_future().get(), "k1");
  EXPECT_EQ(log_->all().size(), 1u);
}

TEST_F(Renewers, SayWhenTheSameKeyComesBack) {
  auto renewer = start([&](int, auto&) { return grant("k1"); });
  clock_.advance(1min);
  std::promise<std::string> promise;
  auto transfer = renewer->replace("k1", soon(), into(promise));
  EXPECT_EQ(promise.get_future().get(), "Credential");
}

TEST_F(Renewers, DoNotTakeAFetchThatBeganBeforeTheRefusalForItsAnswer) {
  std::promise<void> go;
  auto gate = go.get_future().share();
  auto renewer = start([&](int fetch, const std::string& rejected) {
    if (fetch == 2) gate.wait();  // a renewal that brings what the server has in its cache
    return grant(rejected.empty() ? "k1" : "k2");
  });
  advance(*renewer, 31min);
  log_->wait_for_fetches(2);
  std::promise<std::string> promise;
  auto transfer = renewer->replace("k1", soon(), into(promise));
  go.set_value();
  EXPECT_EQ(promise.get_future().get(), "k2");
  EXPECT_EQ(log_->all().back(), "k1");
}

TEST_F(Renewers, FailThoseWhoWaitAtOnceWhenLoggingInAgainIsTheOnlyWay) {
  auto renewer = start([&](int fetch, auto&) -> Result<Grant> {
    if (fetch > 1) return fail(Errc::kCredential, "log in again");
    return grant("k1");
  });
  clock_.advance(1min);
  std::promise<std::string> first;
  auto one = renewer->replace("k1", soon(), into(first));
  EXPECT_EQ(first.get_future().get(), "Credential");
  std::promise<std::string> second;
  auto two = renewer->replace("k1", soon(), into(second));
  EXPECT_EQ(second.get_future().get(), "Credential");
  EXPECT_EQ(log_->all().size(), 2u) << "the second was not worth another request so soon";
}

// A certificate that is no good (kInvalid) or half an answer (kProtocol) is nothing about the file
// that somebody reads or writes; and when the source refuses us (kDenied), OSS has not: a removal
// that waits in the journal would be given up.
TEST_F(Renewers, TellWhoWaitsThatThereIsNoCredentialWhateverIsWrongWithTheSource) {
  for (const Errc wrong : {Errc::kInvalid, Errc::kProtocol, Errc::kDenied}) {
    auto renewer = start([&](int, const std::string& rejected) -> Result<Grant> {
      if (!rejected.empty()) return fail(wrong, "the server's certificate is another");
      return grant("k1");
    });
    clock_.advance(1min);
    for (int i = 0; i < 2; ++i) {  // while it is asked, and when it is known
      std::promise<std::string> promise;
      auto transfer = renewer->replace("k1", soon(), into(promise));
      EXPECT_EQ(promise.get_future().get(), "Credential");
    }
  }
}

TEST_F(Renewers, LetNobodyWaitPastHisDeadline) {
  auto renewer =
      Renewer::start(std::make_unique<HandSource>(
                         log_,
                         [&](int fetch, auto&) -> Result<Grant> {
                           if (fetch > 1) return fail(Errc::kUnavailable, "away");
                           return Grant{{"k1", Secret(std::string_view("s")),
                                         Secret(std::string_view("t")), system_clock().wall() + 1h},
                                        std::nullopt};
                         }),
                     {}, system_clock(), Deadline::in(system_clock(), 10s));
  ASSERT_TRUE(renewer);
  std::promise<std::string> promise;
  auto transfer = (*renewer)->replace("k1", Deadline::in(system_clock(), 30ms), into(promise));
  EXPECT_EQ(promise.get_future().get(), "Credential");
}

/// What an answer that has been given at once says; "waits" when there is none yet.
std::string so_far(std::promise<std::string>& promise) {
  auto answer = promise.get_future();
  return answer.wait_for(0s) == std::future_status::ready ? answer.get() : "waits";
}

/// A source that is away from the second fetch on, until the test says otherwise.
class RenewersWhoseSourceIsAway : public Renewers {
 protected:
  RenewersWhoseSourceIsAway() {
    renewer_ = start([this](int fetch, auto&) -> Result<Grant> {
      if (fetch > 1 && away_) return fail(Errc::kUnavailable, "no route to the server");
      if (gated_) gate_.wait();
      return grant("k" + std::to_string(fetch));
    });
  }
  ~RenewersWhoseSourceIsAway() override { open_gate(); }
  void open_gate() {
    if (gated_.exchange(false)) go_.set_value();
  }
  void fail_once_more_after(std::chrono::nanoseconds time) {
    const auto failures = renewer_->status().failures;
    advance(*renewer_, time);
    wait_until([&] { return renewer_->status().failures > failures; });
  }

  std::atomic<bool> away_ = true, gated_ = false;
  std::promise<void> go_;
  std::shared_future<void> gate_ = go_.get_future().share();
  std::unique_ptr<Renewer> renewer_;
};

TEST_F(RenewersWhoseSourceIsAway, LetNobodyWaitADeadlineOnceThatHasLongBeenOfNoUse) {
  fail_once_more_after(61min);
  std::promise<std::string> early, late;
  auto one = renewer_->replace({}, soon(), into(early));
  fail_once_more_after(31s);
  EXPECT_EQ(early.get_future().get(), "Credential") << "who waited is told too";
  auto two = renewer_->replace({}, soon(), into(late));
  EXPECT_EQ(so_far(late), "Credential");
  EXPECT_EQ(log_->all().size(), 3u) << "and nobody was asked for it";
}

TEST_F(RenewersWhoseSourceIsAway, GoOnByThemselvesSoonAfterItIsBack) {
  fail_once_more_after(61min);
  for (int i = 0; i < 12; ++i) fail_once_more_after(61s);  // far into the longest pauses
  std::promise<std::string> promise, later;
  auto one = renewer_->replace({}, soon(), into(promise));
  EXPECT_EQ(so_far(promise), "Credential");
  away_ = false;
  advance(*renewer_, 6s);  // nobody waits, and yet: somebody needs it
  wait_until([&] { return renewer_->current().has_value(); });
  auto two = renewer_->replace({}, soon(), into(later));
  EXPECT_EQ(so_far(later), id_of(*renewer_));
}

// A credentials URI gives what there is, and waits for nothing.
TEST_F(RenewersWhoseSourceIsAway, TryAgainSoonForWhoOnlyAsksForThePresentOne) {
  fail_once_more_after(61min);
  for (int i = 0; i < 12; ++i) fail_once_more_after(61s);
  away_ = false;
  EXPECT_FALSE(renewer_->current());
  advance(*renewer_, 6s);
  wait_until([&] { return renewer_->current().has_value(); });
}

TEST_F(RenewersWhoseSourceIsAway, GoOnTryingForASuccessorOfAKeyThatIsRefused) {
  clock_.advance(1min);
  std::promise<std::string> early, late;
  auto one = renewer_->replace("k1", soon(), into(early));
  wait_until([&] { return renewer_->status().failures == 1; });
  fail_once_more_after(31s);
  EXPECT_EQ(early.get_future().get(), "Credential");
  auto two = renewer_->replace("k1", soon(), into(late));
  EXPECT_EQ(so_far(late), "Credential");
  away_ = false;
  advance(*renewer_, 6s);
  wait_until([&] { return id_of(*renewer_) != "k1"; });
}

/// The same, with waiting given up already and an attempt under way that the test lets succeed.
class RenewersInAnAttempt : public RenewersWhoseSourceIsAway {
 protected:
  RenewersInAnAttempt() {
    fail_once_more_after(61min);
    fail_once_more_after(31s);
    away_ = false;
    gated_ = true;
    const auto fetches = log_->all().size();
    advance(*renewer_, 61s);
    log_->wait_for_fetches(fetches + 1);
  }
};

TEST_F(RenewersInAnAttempt, LetWhoNeedsOneWaitForItBriefly) {
  std::promise<std::string> promise;
  auto transfer = renewer_->replace({}, soon(), into(promise));
  open_gate();
  EXPECT_EQ(promise.get_future().get(), "k4");
}

TEST_F(RenewersInAnAttempt, LetNobodyWaitWhenItHasAnsweredNobodyForLong) {
  clock_.advance(2s);
  std::promise<std::string> promise;
  auto transfer = renewer_->replace({}, soon(), into(promise));
  EXPECT_EQ(so_far(promise), "Credential");
}

TEST_F(Renewers, ForgetAWaitThatIsDropped) {
  std::promise<void> go;
  auto gate = go.get_future().share();
  auto renewer = start([&](int fetch, auto&) {
    if (fetch > 1) gate.wait();
    return grant("k" + std::to_string(fetch));
  });
  clock_.advance(1min);
  {
    auto transfer = renewer->replace("k1", soon(), [](auto) { ADD_FAILURE() << "called back"; });
    log_->wait_for_fetches(2);
  }
  go.set_value();
  wait_until([&] { return id_of(*renewer) == "k2"; });
}

TEST_F(Renewers, InterruptThoseWhoWaitWhenTheyGo) {
  auto renewer = start([&](int fetch, auto&) -> Result<Grant> {
    if (fetch > 1) return fail(Errc::kUnavailable, "away");
    return grant("k1");
  });
  clock_.advance(1min);
  std::promise<std::string> promise;
  auto transfer = renewer->replace("k1", soon(), into(promise));
  renewer.reset();
  EXPECT_EQ(promise.get_future().get(), "Interrupted");
}

TEST_F(Renewers, DoNotFollowToAnotherFolder) {
  auto renewer = start([&](int fetch, auto&) {
    Grant out = grant("k" + std::to_string(fetch));
    out.folder = folder(fetch == 1 ? "users/alice/" : "users/bob/");
    return out;
  });
  EXPECT_EQ(renewer->folder()->prefix, "users/alice/");
  advance(*renewer, 31min);
  wait_until([&] { return renewer->status().failures > 0; });
  EXPECT_EQ(id_of(*renewer), "k1");
  EXPECT_NE(renewer->status().last_error.find("another folder"), std::string::npos);
}

TEST_F(Renewers, PassOnChangedPermissions) {
  auto renewer = start([&](int fetch, auto&) {
    Grant out = grant("k" + std::to_string(fetch));
    out.folder = folder("users/alice/");
    if (fetch > 1) out.folder->permissions = Permissions::kReadOnly;
    return out;
  });
  std::promise<Permissions> told;
  renewer->on_folder([&](const Folder& now) { told.set_value(now.permissions); });
  advance(*renewer, 31min);
  EXPECT_EQ(told.get_future().get(), Permissions::kReadOnly);
}

TEST_F(Renewers, SurviveAStepOfTheWallClock) {
  auto renewer = start([&](int fetch, auto&) {
    Grant out = grant("k" + std::to_string(fetch));
    out.server_time = clock_.wall();
    return out;
  });
  clock_.set_wall(clock_.wall() + 3h);
  EXPECT_EQ(id_of(*renewer), "k1");
  clock_.set_wall(clock_.wall() - 6h);
  clock_.advance(61min);
  wait_until([&] { return id_of(*renewer) != "k1" && renewer->current().has_value(); });
}

TEST_F(Renewers, JudgeALifeByTheServersClock) {
  const WallTime server_now = clock_.wall() + 2h;  // ours is two hours slow
  auto renewer = start([&](int fetch, auto&) {
    Grant out = grant("k" + std::to_string(fetch));
    out.server_time = server_now;
    out.credential.expiration = server_now + (fetch == 1 ? 60s : 3600s);
    return out;
  });
  EXPECT_EQ(id_of(*renewer), "k1");
  advance(*renewer, 31s);
  wait_until([&] { return id_of(*renewer) == "k2"; });
}

TEST_F(Renewers, CountWhatWentOnWithASuccessor) {
  auto renewer = start([&](int fetch, auto&) { return grant("k" + std::to_string(fetch)); });
  clock_.advance(1min);
  std::vector<std::promise<std::string>> promises(3);
  std::vector<Transfer> transfers;
  for (auto& promise : promises) transfers.push_back(renewer->replace("k1", soon(), into(promise)));
  for (auto& promise : promises) EXPECT_EQ(promise.get_future().get(), "k2");
  EXPECT_EQ(renewer->status().replays, 3u);
  EXPECT_EQ(renewer->status().replacements, 1u);
}

// Also who comes just when the successor arrives: a good credential is there, and each fetch is one
// call of AssumeRole.
TEST_F(Renewers, LetNobodyWaitForTheSuccessorOfTheSuccessor) {
  auto renewer = start([&](int fetch, auto&) { return grant("k" + std::to_string(fetch)); });
  for (int round = 1; round <= 300; ++round) {
    const std::string refused = "k" + std::to_string(round);
    const std::string next = "k" + std::to_string(round + 1);
    clock_.advance(1min);
    std::vector<std::promise<std::string>> promises(4);
    std::vector<Transfer> transfers(promises.size());
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < promises.size(); ++i)
      threads.emplace_back(
          [&, i] { transfers[i] = renewer->replace(refused, soon(), into(promises[i])); });
    for (auto& promise : promises) ASSERT_EQ(promise.get_future().get(), next);
    threads.clear();
  }
  EXPECT_EQ(log_->all().size(), 301U);
}

TEST_F(Renewers, ShowWhoseTheCredentialIs) {
  auto renewer = start([&](int fetch, auto&) {
    Grant out = grant("k" + std::to_string(fetch));
    out.identity = "alice";
    return out;
  });
  EXPECT_EQ(renewer->status().identity, "alice");
}

TEST_F(Renewers, WaitAsLongAsTheSourceAsksForButNotPastAnExpiryUnnoticed) {
  auto renewer = start([&](int fetch, auto&) -> Result<Grant> {
    if (fetch > 1) return fail(Error{Errc::kThrottled, "later", 120s});
    return grant("k1");
  });
  advance(*renewer, 31min);
  log_->wait_for_fetches(2);
  wait_until([&] { return renewer->status().failures == 1; });
  advance(*renewer, 119s);
  EXPECT_EQ(log_->all().size(), 2u);
  EXPECT_EQ(id_of(*renewer), "k1") << "and the present one is used";
  advance(*renewer, 2s);
  log_->wait_for_fetches(3);
}

TEST_F(Renewers, DoNotSleepThroughALongPauseOnceSomebodyWaits) {
  std::atomic<bool> away = false;
  auto renewer = start([&](int fetch, auto&) -> Result<Grant> {
    if (away) return fail(Errc::kUnavailable, "no route to the server");
    return grant("k" + std::to_string(fetch));
  });
  away = true;
  clock_.advance(30min);
  for (std::uint64_t i = 1; i <= 12; ++i) {  // far into the longest pauses
    advance(*renewer, 61s);
    wait_until([&] { return renewer->status().failures >= i; });
  }
  advance(*renewer, 30min);
  wait_until([&] { return renewer->status().failures > 12; });
  away = false;
  std::promise<std::string> promise;
  auto transfer = renewer->replace({}, Deadline::in(clock_, 30s), into(promise));
  advance(*renewer, 5s);
  auto answer = promise.get_future();
  ASSERT_EQ(answer.wait_for(20s), std::future_status::ready);
  EXPECT_NE(answer.get(), "Credential");
}

TEST_F(Renewers, KnowAfterASuspendThatTheCredentialIsDead) {
  std::promise<void> go;
  auto gate = go.get_future().share();
  auto renewer = start([&](int fetch, auto&) {
    if (fetch > 1) gate.wait();
    return grant("k" + std::to_string(fetch));
  });
  clock_.advance(8h);  // the boot clock goes on while the machine sleeps
  EXPECT_FALSE(renewer->current()) << "nothing is signed with a dead one";
  std::promise<std::string> promise;
  auto transfer = renewer->replace({}, soon(), into(promise));
  go.set_value();
  EXPECT_EQ(promise.get_future().get(), "k2");
}

TEST_F(Renewers, RenewWhenAPersonAsks) {
  auto renewer = start([&](int fetch, auto&) { return grant("k" + std::to_string(fetch)); });
  renewer->renew_now();
  wait_until([&] { return id_of(*renewer) == "k2"; });
}

}  // namespace
}  // namespace stsfs::credentials
