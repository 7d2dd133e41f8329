#include "office/credential_cache.h"

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"

namespace stsfs::vend {
namespace {

using namespace std::chrono_literals;

class Caches : public ::testing::Test {
 protected:
  CredentialCache::Make counting() {
    return [this](const std::string& user) -> Result<sts::Session> {
      const int number = ++made_;
      if (down_) return fail(Errc::kUnavailable, "STS is away");
      return a_session("STS." + user + std::to_string(number));
    };
  }
  /// Answers when the gate opens.
  CredentialCache::Make behind(std::shared_future<void> gate, std::atomic<int>& made,
                               const std::string& id) {
    return [this, gate = std::move(gate), &made, id](const std::string&) -> Result<sts::Session> {
      ++made;
      gate.wait();
      return a_session(id);
    };
  }
  sts::Session a_session(const std::string& id) const {
    sts::Session out;
    out.access_key_id = id;
    out.expiration = clock_.wall() + 1h;
    return out;
  }
  std::string get(const std::string& user = "alice", const std::string& rejected = {}) {
    auto session = cache_.get(user, rejected, counting(), Deadline::in(clock_, 10s));
    return session ? (*session)->access_key_id : session.error().message;
  }
  fakes::FakeClock clock_;
  CredentialCache cache_{clock_};
  std::atomic<int> made_ = 0;
  std::atomic<bool> down_ = false;
};

TEST_F(Caches, HandOutTheSameUntilHalfOfItsLifeIsLeft) {
  EXPECT_EQ(get(), "STS.alice1");
  clock_.advance(29min);
  EXPECT_EQ(get(), "STS.alice1");
  clock_.advance(2min);
  EXPECT_EQ(get(), "STS.alice2");
  EXPECT_EQ(get("bob"), "STS.bob3") << "each user has his own";
}

TEST_F(Caches, ServeTheLivingOneWhileStsIsAwayAndThenSaySo) {
  EXPECT_EQ(get(), "STS.alice1");
  down_ = true;
  clock_.advance(40min);
  EXPECT_EQ(get(), "STS.alice1");
  EXPECT_EQ(get(), "STS.alice1");
  EXPECT_EQ(made_, 2) << "STS is left alone for a moment";
  clock_.advance(21min);
  EXPECT_EQ(get(), "STS is away");
  down_ = false;
  clock_.advance(2s);
  EXPECT_EQ(get(), "STS.alice4");
}

TEST_F(Caches, DropARejectedOneButNotTooOften) {
  EXPECT_EQ(get(), "STS.alice1");
  EXPECT_EQ(get("alice", "STS.other"), "STS.alice1");
  EXPECT_EQ(get("alice", "STS.alice1"), "STS.alice2");
  EXPECT_EQ(get("alice", "STS.alice2"), "STS.alice2") << "at most once in ten seconds";
  clock_.advance(10s);
  EXPECT_EQ(get("alice", "STS.alice2"), "STS.alice3");
}

TEST_F(Caches, MakeOneForManyAtOnce) {
  std::promise<void> go;
  auto gate = go.get_future().share();
  std::atomic<int> made = 0;
  const auto slow = behind(gate, made, "STS.one");
  std::vector<std::future<std::string>> all;
  for (int i = 0; i < 16; ++i)
    all.push_back(std::async(std::launch::async, [&] {
      return (*cache_.get("alice", {}, slow, Deadline::in(clock_, 10s)))->access_key_id;
    }));
  while (made == 0) std::this_thread::yield();
  go.set_value();
  for (auto& one : all) EXPECT_EQ(one.get(), "STS.one");
  EXPECT_EQ(made, 1);
}

TEST_F(Caches, LendAnStsThatDoesNotAnswerFewThreads) {
  EXPECT_EQ(get("carol"), "STS.carol1");
  clock_.advance(31min);
  down_ = true;
  EXPECT_EQ(get("bob"), "STS is away");
  down_ = false;
  std::promise<void> go;
  auto gate = go.get_future().share();
  std::atomic<int> made = 0;
  const auto silent = behind(gate, made, "STS.late");
  const auto ask = [&](const std::string& user) {
    return cache_.get(user, {}, silent, Deadline::in(clock_, 10s));
  };
  std::vector<std::future<bool>> all;
  for (int i = 0; i < CredentialCache::kThreadsForSilentSts; ++i)
    all.push_back(std::async(std::launch::async,
                             [&, i] { return ask("user" + std::to_string(i)).has_value(); }));
  while (made < CredentialCache::kThreadsForSilentSts) std::this_thread::yield();
  EXPECT_EQ((*ask("carol"))->access_key_id, "STS.carol1") << "hers lives, and she waits for nobody";
  EXPECT_EQ(ask("dave").error().code, Errc::kUnavailable);
  EXPECT_EQ(ask("user0").error().code, Errc::kUnavailable) << "not for who makes it either";
  EXPECT_EQ(made, CredentialCache::kThreadsForSilentSts);
  go.set_value();
  for (auto& one : all) EXPECT_TRUE(one.get());
  EXPECT_EQ((*ask("dave"))->access_key_id, "STS.late") << "it answers again";
}

TEST_F(Caches, RefuseASessionThatIsDeadOnArrival) {
  const auto dead = [&](const std::string&) -> Result<sts::Session> {
    sts::Session session;
    session.access_key_id = "STS.dead";
    session.expiration = clock_.wall() - 1s;
    return session;
  };
  EXPECT_EQ(cache_.get("alice", {}, dead, Deadline::in(clock_, 1s)).error().code, Errc::kClockSkew);
}

}  // namespace
}  // namespace stsfs::vend
