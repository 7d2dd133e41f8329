// What the server remembers, over SQLite and over a real PostgreSQL: one suite, both.

#include <signal.h>
#include <sys/stat.h>

#include <SQLiteCpp/SQLiteCpp.h>

#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "office/throttle.h"
#include "stores/device_store.h"
#include "stores/login_store.h"
#include "stores/sql.h"
#include "stores/usage_store.h"
#include "stores/user_store.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "support/postgres_server.h"
#include "support/temporary_directory.h"

namespace stsfs::vend {
namespace {

using namespace std::chrono_literals;

enum class Kind { kSqlite, kPostgres };

class Stores : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kPostgres) {
      if (testing::shared_postgres().conninfo().empty())
        GTEST_SKIP() << testing::shared_postgres().trouble();
      auto old = open();
      for (const char* table : {"DROP TABLE IF EXISTS memberships", "DROP TABLE IF EXISTS logins",
                                "DROP TABLE IF EXISTS people", "DROP TABLE IF EXISTS failures",
                                "DROP TABLE IF EXISTS devices", "DROP TABLE IF EXISTS used_space",
                                "DROP TABLE IF EXISTS meta"})
        ASSERT_TRUE(old->run(table, {}));
    }
    database_ = open();
    other_ = open();
    users_.emplace(*database_, clock_);
    logins_.emplace(*database_, clock_);
    other_logins_.emplace(*other_, clock_);
    devices_.emplace(*database_, clock_);
    throttle_.emplace(*database_, clock_);
    other_throttle_.emplace(*other_, clock_);
    ASSERT_TRUE(users_->add("alice", "hash"));
  }
  std::unique_ptr<SqlDatabase> open() {
    auto database =
        open_database(GetParam() == Kind::kPostgres ? testing::shared_postgres().conninfo()
                                                    : directory_ / "users.db");
    EXPECT_TRUE(database) << database.error().message;
    return std::move(*database);
  }
  Secret issue() { return std::move(logins_->issue("alice", 1h)->token); }
  bool valid(const Secret& token) { return logins_->use(token)->has_value(); }

  fakes::FakeClock clock_;
  testing::TemporaryDirectory directory_;
  std::unique_ptr<SqlDatabase> database_, other_;  ///< `other_`: another process on the same data.
  std::optional<UserStore> users_;
  std::optional<LoginStore> logins_, other_logins_;
  std::optional<DeviceStore> devices_;
  std::optional<Throttle> throttle_, other_throttle_;
};

// --- people ---

TEST_P(Stores, KeepUsersAcrossARestart) {
  ASSERT_TRUE(users_->set_groups("alice", {"staff", "admins", "staff"}));
  const auto again = open();
  UserStore users(*again, clock_);
  const auto user = users.find("alice");
  ASSERT_TRUE(user && *user);
  EXPECT_EQ((*user)->password_hash, "hash");
  EXPECT_TRUE((*user)->enabled);
  EXPECT_EQ((*user)->created_at, clock_.wall());
  EXPECT_EQ((*user)->groups, (std::vector<std::string>{"admins", "staff"}));
  EXPECT_FALSE(*users.find("bob"));
  ASSERT_EQ(users.list()->size(), 1u);
  EXPECT_EQ(users.list()->front().groups.size(), 2u);
  EXPECT_EQ(users.list()->front().password_hash, "") << "a list has no use for it";
}

TEST_P(Stores, TakeNoNameTwiceAndNoBadOne) {
  EXPECT_EQ(users_->add("alice", "x").error().code, Errc::kExists);
  EXPECT_EQ(users_->add("../bob", "x").error().code, Errc::kInvalid);
  EXPECT_EQ(users_->set_password("bob", "x").error().code, Errc::kNotFound);
  EXPECT_EQ(users_->set_enabled("bob", false).error().code, Errc::kNotFound);
  EXPECT_EQ(users_->set_groups("bob", {}).error().code, Errc::kNotFound);
  EXPECT_EQ(users_->set_groups("alice", {"a b"}).error().code, Errc::kInvalid);
  EXPECT_EQ(users_->remove("bob").error().code, Errc::kNotFound);
}

TEST_P(Stores, AddNoNameThatDiffersFromAnotherInCaseOnly) {
  ASSERT_TRUE(users_->add("Bob.O_Brien@x", "x"));
  const auto refused = users_->add("ALICE", "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kExists);
  EXPECT_EQ(refused.error().message,
            "there is a user alice already, and ALICE differs from it in case only: the two would "
            "be mixed up");
  EXPECT_EQ(users_->check_new("ALICE").error().message, refused.error().message);
  EXPECT_EQ(users_->check_new("alice").error().message, "there is a user alice already");
  EXPECT_FALSE(*users_->find("ALICE")) << "nothing of it was kept";
  EXPECT_EQ(users_->add("bob.o_brien@X", "x").error().code, Errc::kExists);
  for (const char* name : {"alicia", "alice1", "alic", "bob.o-brien@x"}) {
    EXPECT_TRUE(users_->check_new(name)) << name;
    EXPECT_TRUE(users_->add(name, "x")) << name;
  }
}

TEST_P(Stores, KeepPairsOfNamesThatDifferInCaseOnly) {
  ASSERT_TRUE(users_->add("Alice", "another's", "https://issuer")) << "the issuer's to say";
  ASSERT_TRUE(users_->set_password("Alice", "new"));
  EXPECT_EQ((*users_->find("alice"))->password_hash, "hash");
  EXPECT_EQ((*users_->find("Alice"))->password_hash, "new");
  const Secret token = issue();
  ASSERT_TRUE(users_->set_enabled("Alice", false));
  EXPECT_TRUE(valid(token));
  ASSERT_TRUE(users_->remove("alice"));
  EXPECT_TRUE(*users_->find("Alice"));
  EXPECT_EQ(users_->add("alice", "x").error().code, Errc::kExists);
  ASSERT_TRUE(users_->remove("Alice"));
  EXPECT_TRUE(users_->add("alice", "x"));
}

TEST_P(Stores, AddOneOfTwoNamesThatDifferInCaseOnlyWhenBothComeAtOnce) {
  UserStore there(*other_, clock_);
  for (int i = 0; i < 10; ++i) {
    const std::string name = "carol" + std::to_string(i);
    Result<void> other_way;
    std::thread other([&] { other_way = there.add("C" + name.substr(1), "x"); });
    const auto one_way = users_->add(name, "x");
    other.join();
    EXPECT_NE(one_way.has_value(), other_way.has_value()) << name;
  }
}

TEST_P(Stores, KeepWhatLooksLikeSqlAsItIs) {
  ASSERT_TRUE(users_->add("drop", "'; DROP TABLE people; --"));
  EXPECT_EQ((*users_->find("drop"))->password_hash, "'; DROP TABLE people; --");
  EXPECT_FALSE(*users_->find("' OR '1'='1"));
}

TEST_P(Stores, HashAgainOnlyWhatIsStillTheSame) {
  const User before = **users_->find("alice");
  ASSERT_TRUE(users_->set_password("alice", "changed meanwhile"));
  ASSERT_TRUE(users_->replace_hash(before, "stale"));
  EXPECT_EQ((*users_->find("alice"))->password_hash, "changed meanwhile");
}

// --- logins ---

TEST_P(Stores, KnowATokenUntilItExpires) {
  const Secret token = issue();
  EXPECT_EQ((*logins_->use(token))->name, "alice");
  EXPECT_EQ((*logins_->use(token))->expires_at, clock_.wall() + 1h);
  EXPECT_FALSE(*logins_->use(token, LoginKind::kWeb)) << "it is for mounts";
  clock_.advance(59min);
  EXPECT_TRUE(valid(token));
  clock_.advance(2min);
  EXPECT_FALSE(valid(token));
  EXPECT_FALSE(valid(Secret(std::string_view("stsfs-guess"))));
}

TEST_P(Stores, KeepAPredecessorUntilItsSuccessorIsUsed) {
  const Secret old = issue();
  ASSERT_TRUE(valid(old));
  const auto next = logins_->succeed(old, 1h);
  ASSERT_TRUE(next);
  EXPECT_TRUE(valid(old)) << "the answer may have been lost";
  EXPECT_TRUE(valid(next->token));
  EXPECT_FALSE(valid(old));
  EXPECT_TRUE(valid(next->token));
}

TEST_P(Stores, ForgetASuccessorThatWasNeverUsedWhenAskedAgain) {
  const Secret old = issue();
  const auto lost = logins_->succeed(old, 1h);
  const auto next = logins_->succeed(old, 1h);
  EXPECT_FALSE(valid(lost->token));
  EXPECT_TRUE(valid(next->token));
}

TEST_P(Stores, EndAllThatDescendFromALoginWhenAReplacedTokenComesBack) {
  const Secret old = issue();
  const Secret other = issue();
  const auto next = logins_->succeed(old, 1h);
  ASSERT_TRUE(valid(next->token));
  std::string reused;
  EXPECT_FALSE(*logins_->use(old, LoginKind::kMount, &reused));
  EXPECT_EQ(reused, "") << "two processes of one person may race";
  EXPECT_TRUE(valid(next->token));
  clock_.advance(2min);
  EXPECT_FALSE(*logins_->use(old, LoginKind::kMount, &reused));
  EXPECT_EQ(reused, "alice");
  EXPECT_FALSE(valid(next->token)) << "one of the two is a thief";
  EXPECT_TRUE(valid(other)) << "another login has nothing to do with it";
}

TEST_P(Stores, GiveATokenThatHasEndedNoSuccessor) {
  const Secret old = issue();
  const auto next = logins_->succeed(old, 1h);
  ASSERT_TRUE(valid(next->token));
  EXPECT_EQ(logins_->succeed(old, 1h).error().code, Errc::kCredential);
  EXPECT_EQ(logins_->succeed(Secret(std::string_view("stsfs-guess")), 1h).error().code,
            Errc::kCredential);
}

TEST_P(Stores, EndAllTokensWithThePasswordOrTheUser) {
  const Secret before = issue();
  ASSERT_TRUE(users_->set_password("alice", "new"));
  EXPECT_FALSE(valid(before));
  const Secret after = issue();
  ASSERT_TRUE(users_->set_enabled("alice", false));
  EXPECT_FALSE(valid(after));
  ASSERT_TRUE(users_->set_enabled("alice", true));
  EXPECT_FALSE(valid(after)) << "it does not come back";
  const Secret last = issue();
  ASSERT_TRUE(users_->remove("alice"));
  EXPECT_FALSE(valid(last));
  EXPECT_FALSE(logins_->issue("alice", 1h)) << "nobody's token";
}

TEST_P(Stores, LetNobodyInWhoseLoginsWereEndedBeforeHeCameForIt) {
  const auto let_in = [&](const DeviceGrant& grant, const Secret* by = nullptr) {
    return devices_->decide(grant.user_code, "alice", true, by);
  };
  const auto answer = [&](const DeviceGrant& grant) {
    return devices_->poll(grant.device_code)->answer;
  };
  const auto before_password = *devices_->start("192.0.2.1", 600s, 5s);
  const auto before_disabled = *devices_->start("192.0.2.1", 600s, 5s);
  const auto before_removed = *devices_->start("192.0.2.1", 600s, 5s);
  ASSERT_TRUE(*let_in(before_password));
  ASSERT_TRUE(users_->set_password("alice", "new"));
  EXPECT_EQ(answer(before_password), DeviceAnswer::kDenied) << "with the old password";
  ASSERT_TRUE(*let_in(before_disabled));
  ASSERT_TRUE(users_->set_enabled("alice", false));
  ASSERT_TRUE(users_->set_enabled("alice", true));
  EXPECT_EQ(answer(before_disabled), DeviceAnswer::kDenied);
  ASSERT_TRUE(*let_in(before_removed));
  ASSERT_TRUE(users_->remove("alice"));
  ASSERT_TRUE(users_->add("alice", "somebody else's"));
  EXPECT_EQ(answer(before_removed), DeviceAnswer::kDenied) << "another person of the same name";

  const auto last = *devices_->start("192.0.2.1", 600s, 5s);
  const auto web = logins_->issue("alice", 10min, LoginKind::kWeb);
  ASSERT_TRUE(users_->set_password("alice", "newer"));
  EXPECT_EQ(let_in(last, &web->token).error().code, Errc::kCredential);
  EXPECT_EQ(answer(last), DeviceAnswer::kPending);
}

TEST_P(Stores, IssueNoTokenForWhatWasTrueWhenThePasswordWasChecked) {
  const std::string proven = "hash", other = "other";
  EXPECT_TRUE(logins_->issue("alice", 1h, LoginKind::kMount, &proven));
  EXPECT_EQ(logins_->issue("alice", 1h, LoginKind::kMount, &other).error().code, Errc::kBusy);
  const User before = **users_->find("alice");
  EXPECT_TRUE(*users_->replace_hash(before, "dearer"));
  EXPECT_FALSE(*users_->replace_hash(before, "stale"));
  EXPECT_EQ(logins_->issue("alice", 1h, LoginKind::kMount, &proven).error().code, Errc::kBusy);
  ASSERT_TRUE(users_->set_enabled("alice", false));
  EXPECT_EQ(logins_->issue("alice", 1h).error().code, Errc::kCredential);
  ASSERT_TRUE(users_->set_enabled("alice", true));
  EXPECT_TRUE(logins_->list("alice")->empty()) << "nothing that was refused comes back";
}

TEST_P(Stores, LetTheOldestTokenGoFirst) {
  const Secret first = issue();
  for (int i = 0; i < LoginStore::kPerUserMax - 1; ++i) {
    clock_.advance(1ms);
    issue();
  }
  EXPECT_TRUE(valid(first));
  clock_.advance(1ms);
  const Secret newest = issue();
  EXPECT_FALSE(valid(first));
  EXPECT_TRUE(valid(newest));
}

TEST_P(Stores, ListAndRevokeLogins) {
  const Secret token = issue();
  clock_.advance(1ms);
  const auto next = logins_->succeed(token, 1h);
  ASSERT_TRUE(logins_->issue("alice", 10min, LoginKind::kWeb));
  const auto list = logins_->list("");
  ASSERT_EQ(list->size(), 2u);
  EXPECT_EQ(logins_->list("bob")->size(), 0u);
  EXPECT_EQ(hash_of(next->token).find(list->front().id), 0u) << "the newest";
  ASSERT_TRUE(logins_->revoke(list->front().id));
  EXPECT_FALSE(valid(token)) << "it is the same login";
  EXPECT_EQ(logins_->revoke(list->front().id).error().code, Errc::kNotFound);
  EXPECT_EQ(logins_->revoke("%").error().code, Errc::kInvalid);
}

TEST_P(Stores, EndALoginWithAllItsTokens) {
  const Secret token = issue();
  const auto next = logins_->succeed(token, 1h);
  ASSERT_TRUE(logins_->end(next->token));
  EXPECT_FALSE(valid(token));
  EXPECT_FALSE(valid(next->token));
}

TEST_P(Stores, AgreeBetweenTwoProcesses) {
  const Secret token = issue();
  EXPECT_TRUE(*other_logins_->use(token));
  const auto next = other_logins_->succeed(token, 1h);
  EXPECT_TRUE(valid(next->token));
  EXPECT_FALSE(*other_logins_->use(token));
}

TEST_P(Stores, HandOutOneSuccessorToManyWhoAskAtOnce) {
  const Secret token = issue();
  std::vector<Result<IssuedToken>> answers(8);
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < answers.size(); ++i)
    threads.emplace_back(
        [&, i] { answers[i] = (i % 2 == 0 ? logins_ : other_logins_)->succeed(token, 1h); });
  threads.clear();
  int good = 0;
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer) << answer.error().message;
    good += valid(answer->token) ? 1 : 0;
  }
  EXPECT_EQ(good, 1);
}

// --- devices ---

TEST_P(Stores, LetADeviceInOnceSomebodyHasConfirmed) {
  const auto grant = devices_->start("192.0.2.1", 600s, 5s);
  ASSERT_TRUE(grant);
  EXPECT_EQ(devices_->poll(grant->device_code)->answer, DeviceAnswer::kPending);
  EXPECT_EQ(devices_->poll(grant->device_code)->answer, DeviceAnswer::kSlowDown);
  clock_.advance(5s);
  EXPECT_EQ(devices_->poll(grant->device_code)->answer, DeviceAnswer::kSlowDown)
      << "5 s more, and no less";
  clock_.advance(15s);
  EXPECT_EQ(devices_->poll(grant->device_code)->answer, DeviceAnswer::kPending);
  const std::string typed =
      to_lower(grant->user_code.substr(0, 4)) + " " + grant->user_code.substr(5);
  EXPECT_EQ((*devices_->find(typed))->address, "192.0.2.1");
  EXPECT_TRUE(*devices_->decide(typed, "alice", true));
  EXPECT_FALSE(*devices_->decide(grant->user_code, "mallory", true)) << "it is decided";
  EXPECT_FALSE(*devices_->find(grant->user_code));
  const auto poll = devices_->poll(grant->device_code);
  EXPECT_EQ(poll->answer, DeviceAnswer::kApproved);
  EXPECT_EQ(poll->name, "alice");
  EXPECT_EQ(devices_->poll(grant->device_code)->answer, DeviceAnswer::kExpired)
      << "a code is good for one token";
}

TEST_P(Stores, RefuseADeviceAndForgetOneThatNobodyConfirms) {
  const auto refused = devices_->start("192.0.2.1", 600s, 5s);
  EXPECT_TRUE(*devices_->decide(refused->user_code, "alice", false));
  EXPECT_EQ(devices_->poll(refused->device_code)->answer, DeviceAnswer::kDenied);
  const auto late = devices_->start("192.0.2.1", 600s, 5s);
  clock_.advance(601s);
  EXPECT_EQ(devices_->poll(late->device_code)->answer, DeviceAnswer::kExpired);
  EXPECT_FALSE(*devices_->decide(late->user_code, "alice", true));
  EXPECT_FALSE(*devices_->find("BAD-CODE"));
}

TEST_P(Stores, LetOneAddressWaitWithOnlySoManyDevices) {
  for (int i = 0; i < DeviceStore::kPendingPerAddressMax; ++i)
    ASSERT_TRUE(devices_->start("192.0.2.1", 600s, 5s));
  EXPECT_EQ(devices_->start("192.0.2.1", 600s, 5s).error().code, Errc::kThrottled);
  EXPECT_TRUE(devices_->start("192.0.2.2", 600s, 5s));
  clock_.advance(601s);
  EXPECT_TRUE(devices_->start("192.0.2.1", 600s, 5s));
}

// --- failures ---

TEST_P(Stores, LetSomeFailuresPassAndThenPauseLongerEachTime) {
  const auto attempt = [&](const char* who = "alice") {
    return throttle_->attempt({{who, {}}})->wait;
  };
  for (int i = 0; i < 5; ++i) ASSERT_EQ(attempt(), 0s) << i;
  EXPECT_EQ(attempt(), 1s);
  EXPECT_EQ(attempt(), 1s) << "a refused attempt does not count";
  EXPECT_EQ(other_throttle_->attempt({{"alice", {}}})->wait, 1s) << "for the other process as well";
  clock_.advance(1s);
  EXPECT_EQ(attempt(), 0s);
  EXPECT_EQ(attempt(), 2s);
  for (int i = 0; i < 20; ++i) {
    clock_.advance(60s);
    EXPECT_EQ(attempt(), 0s);
  }
  EXPECT_EQ(attempt(), 60s);
  EXPECT_EQ(attempt("bob"), 0s);
  clock_.advance(16min);
  EXPECT_EQ(attempt(), 0s) << "long ago";
}

TEST_P(Stores, CountNothingWhenOneOfTwoMustWait) {
  for (int i = 0; i < 5; ++i) ASSERT_EQ(throttle_->attempt({{"alice", {}}})->wait, 0s);
  for (int i = 0; i < 9; ++i)
    EXPECT_EQ(throttle_->attempt({{"address", {}}, {"alice", {}}})->wait, 1s);
  EXPECT_EQ(throttle_->attempt({{"address", {}}})->wait, 0s);
}

TEST_P(Stores, ForgetFailuresWithASuccess) {
  for (int i = 0; i < 5; ++i)
    ASSERT_EQ(throttle_->attempt({{"alice", {}}, {"address", {}}})->wait, 0s);
  ASSERT_TRUE(throttle_->passed("alice", "address"));
  EXPECT_EQ(throttle_->attempt({{"alice", {}}})->wait, 0s);
  EXPECT_EQ(throttle_->attempt({{"address", {}}})->wait, 0s) << "one was taken back";
  EXPECT_EQ(throttle_->attempt({{"address", {}}})->wait, 1s) << "and no more than one";
}

TEST_P(Stores, LockANameUntilAnAdministratorUnlocksIt) {
  const Counted alice{"alice", {.lock_after = 7}};
  for (int i = 0; i < 7; ++i) {
    EXPECT_FALSE(throttle_->attempt({alice})->locked);
    clock_.advance(60s);
  }
  clock_.advance(24h);
  const auto verdict = other_throttle_->attempt({alice});
  EXPECT_TRUE(verdict->locked);
  EXPECT_GT(verdict->wait, 0s);
  ASSERT_TRUE(throttle_->unlock("alice"));
  EXPECT_EQ(throttle_->attempt({alice})->wait, 0s);
  EXPECT_EQ(throttle_->unlock("nobody").error().code, Errc::kNotFound);
}

// --- what is used of quotas ---

TEST_P(Stores, GiveTheTurnToCountAFolderToOneOfAll) {
  UsageStore here(*database_, clock_), there(*other_, clock_);
  const auto first = here.begin("b/alice/", 1h);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_TRUE(first->mine);
  EXPECT_FALSE(first->known);
  clock_.advance(10min);
  const auto second = there.begin("b/alice/", 1h);
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->mine);
  EXPECT_EQ(second->wait, 50min);
  EXPECT_TRUE(there.begin("b/bob/", 1h)->mine) << "each folder has a turn of its own";
  EXPECT_TRUE(here.list()->empty()) << "nothing has been counted";

  ASSERT_TRUE(here.put("b/alice/", 5'000'000'000'000, 7));
  const auto third = there.begin("b/alice/", 1h);
  ASSERT_TRUE(third && third->known);
  EXPECT_EQ(third->known->bytes, 5'000'000'000'000u);
  EXPECT_EQ(third->known->objects, 7u);
  EXPECT_EQ(third->known->counted_at, clock_.wall());
  ASSERT_EQ(there.list()->size(), 1u);
  EXPECT_EQ(there.list()->front().folder, "b/alice/");
  clock_.advance(50min);
  EXPECT_TRUE(there.begin("b/alice/", 1h)->mine);
  EXPECT_FALSE(here.begin("b/alice/", 1h)->mine);
}

TEST_P(Stores, GiveTheNextTurnToCountSoonAfterAFailure) {
  UsageStore store(*database_, clock_);
  ASSERT_TRUE(store.begin("b/alice/", 1h)->mine);
  ASSERT_TRUE(store.failed("b/alice/", 5min));
  EXPECT_EQ(store.begin("b/alice/", 1h)->wait, 5min);
  ASSERT_TRUE(store.failed("b/alice/", 2h)) << "never later than it would have been";
  clock_.advance(5min);
  EXPECT_TRUE(store.begin("b/alice/", 1h)->mine);
  clock_.set_wall(clock_.wall() - 24h);
  EXPECT_TRUE(store.begin("b/alice/", 1h)->mine) << "a clock that was set back does not stop it";
}

INSTANTIATE_TEST_SUITE_P(Both, Stores, ::testing::Values(Kind::kSqlite, Kind::kPostgres),
                         [](const auto& which) {
                           return which.param == Kind::kSqlite ? "Sqlite" : "Postgres";
                         });

// --- what only one of them has ---

TEST(Sqlite, KeepsNoTokenInClearAndNothingThatOthersCanRead) {
  const testing::TemporaryDirectory directory;
  const fakes::FakeClock clock;
  auto database = *open_database(directory / "users.db");
  ASSERT_TRUE(UserStore(*database, clock).add("alice", "hash"));
  const auto issued = LoginStore(*database, clock).issue("alice", 1h);
  database.reset();
  for (const char* name : {"users.db", "users.db-wal"}) {
    const auto bytes = read_file(directory / name, 16 << 20);
    if (!bytes) continue;
    EXPECT_EQ(bytes->find(issued->token.reveal()), std::string::npos) << name;
  }
  struct stat status {};
  ASSERT_EQ(stat((directory / "users.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(chmod((directory / "users.db").c_str(), 0644), 0);
  EXPECT_EQ(open_database(directory / "users.db").error().code, Errc::kDenied);
}

TEST(Sqlite, TakesOverTheFirstSchema) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory / "users.db";
  const Secret token(std::string_view("stsfs-old"));
  {
    SQLite::Database old(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    old.exec(
        "CREATE TABLE users (name TEXT PRIMARY KEY, password TEXT NOT NULL, enabled INTEGER NOT "
        "NULL DEFAULT 1, "
        "created_at INTEGER NOT NULL);"
        "CREATE TABLE tokens (hash BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES users(name) ON "
        "DELETE CASCADE, "
        "issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, predecessor BLOB, used INTEGER "
        "NOT NULL DEFAULT 0);"
        "INSERT INTO users VALUES('alice','hash',1,1767000000);"
        "INSERT INTO tokens VALUES(x'" +
        hash_of(token) +
        "','alice',1767000000,1777000000,NULL,1);"
        "PRAGMA user_version=1;");
  }
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  const fakes::FakeClock clock;
  for (int i = 0; i < 2; ++i) {
    auto database = open_database(path);
    ASSERT_TRUE(database) << database.error().message;
    const auto user = UserStore(**database, clock).find("alice");
    ASSERT_TRUE(user && *user);
    EXPECT_EQ((*user)->password_hash, "hash");
    const auto login = LoginStore(**database, clock).use(token);
    ASSERT_TRUE(login) << login.error().message;
    ASSERT_TRUE(*login);
    EXPECT_EQ((*login)->name, "alice");
  }
}

TEST(Postgres, ComesBackAfterACrashOfTheDatabase) {
  testing::PostgresServer server;
  if (server.conninfo().empty()) GTEST_SKIP() << server.trouble();
  const fakes::FakeClock clock;
  auto database = open_database(server.conninfo());
  ASSERT_TRUE(database) << database.error().message;
  UserStore users(**database, clock);
  ASSERT_TRUE(users.add("alice", "hash"));
  server.kill_now();
  // The process behind our connection outlives the server for a moment.
  const auto start = std::chrono::steady_clock::now();
  auto found = users.find("alice");
  while (found && std::chrono::steady_clock::now() - start < 10s) found = users.find("alice");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::kUnavailable) << found.error().message;
  ASSERT_TRUE(server.start());
  EXPECT_TRUE(*users.find("alice"));
  EXPECT_TRUE(users.set_enabled("alice", false));
}

TEST(Postgres, IsNotWaitedForWhenItTakesWhatItIsSentAndSaysNothing) {
  testing::PostgresServer server;
  if (server.conninfo().empty()) GTEST_SKIP() << server.trouble();
  auto database = open_database(server.conninfo());
  ASSERT_TRUE(database) << database.error().message;
  const auto backend = [&] {
    const auto answer = (*database)->run("SELECT pg_backend_pid()", {});
    return answer ? static_cast<pid_t>(answer->number(0, 0)) : -1;
  };
  const pid_t silent = backend();
  ASSERT_GT(silent, 0);
  ASSERT_EQ(kill(silent, SIGSTOP), 0);
  // What changes nothing is asked once more, of a connection that answers.
  const pid_t another = backend();
  EXPECT_GT(another, 0);
  EXPECT_NE(another, silent);
  kill(silent, SIGCONT);
}

}  // namespace
}  // namespace stsfs::vend
