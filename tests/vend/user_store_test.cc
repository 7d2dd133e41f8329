#include "user_store.h"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "stsfs/base/fd.h"
#include "support/temporary_directory.h"

namespace stsfs::vend {
namespace {

using namespace std::chrono_literals;

class UserStores : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = open();
    ASSERT_TRUE(store_->add("alice", "hash"));
  }
  std::unique_ptr<UserStore> open() {
    auto store = UserStore::open(directory_ / "users.db", clock_);
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }
  Secret issue() { return std::move(store_->issue("alice", 1h)->token); }
  bool valid(const Secret& token) { return store_->use(token)->has_value(); }

  fakes::FakeClock clock_;
  testing::TemporaryDirectory directory_;
  std::unique_ptr<UserStore> store_;
};

TEST_F(UserStores, KeepUsersAcrossARestart) {
  store_.reset();
  store_ = open();
  const auto user = store_->find("alice");
  ASSERT_TRUE(user && *user);
  EXPECT_EQ((*user)->password_hash, "hash");
  EXPECT_TRUE((*user)->enabled);
  EXPECT_FALSE(*store_->find("bob"));
  EXPECT_EQ(store_->list()->size(), 1u);
}

TEST_F(UserStores, TakeNoNameTwiceAndNoBadOne) {
  EXPECT_EQ(store_->add("alice", "x").error().code, Errc::kExists);
  EXPECT_EQ(store_->add("../bob", "x").error().code, Errc::kInvalid);
  EXPECT_EQ(store_->set_password("bob", "x").error().code, Errc::kNotFound);
  EXPECT_EQ(store_->set_enabled("bob", false).error().code, Errc::kNotFound);
}

TEST_F(UserStores, KnowATokenUntilItExpires) {
  const Secret token = issue();
  EXPECT_EQ(*store_->use(token), "alice");
  clock_.advance(59min);
  EXPECT_TRUE(valid(token));
  clock_.advance(2min);
  EXPECT_FALSE(valid(token));
  EXPECT_FALSE(valid(Secret(std::string_view("stsfs-guess"))));
}

TEST_F(UserStores, KeepNoTokenInClear) {
  const Secret token = issue();
  store_.reset();
  for (const char* name : {"users.db", "users.db-wal"}) {
    const auto bytes = read_file(directory_ / name, 16 << 20);
    if (bytes) {
      EXPECT_EQ(bytes->find(token.reveal()), std::string::npos) << name;
    }
  }
}

TEST_F(UserStores, KeepAPredecessorUntilItsSuccessorIsUsed) {
  const Secret old = issue();
  ASSERT_TRUE(valid(old));
  const auto next = store_->succeed(old, "alice", 1h);
  ASSERT_TRUE(next);
  EXPECT_TRUE(valid(old)) << "the answer may have been lost";
  EXPECT_TRUE(valid(next->token));
  EXPECT_FALSE(valid(old));
  EXPECT_TRUE(valid(next->token));
}

TEST_F(UserStores, ForgetASuccessorThatWasNeverUsedWhenAskedAgain) {
  const Secret old = issue();
  const auto lost = store_->succeed(old, "alice", 1h);
  const auto next = store_->succeed(old, "alice", 1h);
  EXPECT_FALSE(valid(lost->token));
  EXPECT_TRUE(valid(next->token));
}

TEST_F(UserStores, EndAllTokensWithThePasswordOrTheUser) {
  const Secret before = issue();
  ASSERT_TRUE(store_->set_password("alice", "new"));
  EXPECT_FALSE(valid(before));
  const Secret after = issue();
  ASSERT_TRUE(store_->set_enabled("alice", false));
  EXPECT_FALSE(valid(after));
  ASSERT_TRUE(store_->set_enabled("alice", true));
  EXPECT_FALSE(valid(after)) << "enabling brings back no login";
}

TEST_F(UserStores, SeeAtOnceWhatAnotherProcessDoes) {
  const Secret token = issue();
  ASSERT_TRUE(valid(token));
  ASSERT_TRUE(open()->set_enabled("alice", false));
  EXPECT_FALSE(valid(token));
}

TEST_F(UserStores, BoundTheTokensOfAUser) {
  const Secret first = issue();
  for (std::size_t i = 0; i < UserStore::kTokensPerUserMax; ++i) {
    clock_.advance(1s);
    issue();
  }
  EXPECT_FALSE(valid(first));
}

TEST_F(UserStores, AreForTheirOwnerOnly) {
  struct stat status {};
  ASSERT_EQ(stat((directory_ / "users.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  store_.reset();
  ASSERT_EQ(chmod((directory_ / "users.db").c_str(), 0644), 0);
  EXPECT_EQ(UserStore::open(directory_ / "users.db", clock_).error().code, Errc::kDenied);
}

TEST_F(UserStores, SayWhenTheFileIsNoDatabase) {
  ASSERT_TRUE(write_file_atomically(directory_ / "other.db", std::string(4096, 'x')));
  EXPECT_EQ(UserStore::open(directory_ / "other.db", clock_).error().code, Errc::kIo);
}

}  // namespace
}  // namespace stsfs::vend
