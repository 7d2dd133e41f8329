// How much is used of a folder with a quota: counted behind the requests, seldom, once for all
// replicas, with a session that may list and nothing else.

#include "office/usage_counter.h"

#include <thread>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "stsfs/base/text.h"
#include "vend_fixture.h"

namespace stsfs::vend {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kFirstPage = 1'000, kSecondPage = 24;

std::string page(std::uint64_t size, const std::string& next) {
  return "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>" +
         std::string(next.empty() ? "false" : "true") + "</IsTruncated>" +
         (next.empty() ? "" : "<NextContinuationToken>" + next + "</NextContinuationToken>") +
         "<Contents><Key>users/alice/f</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
         "<ETag>\"5B3C1A2E053D763E1B002CC607C5A0FE\"</ETag><Type>Normal</Type><Size>" +
         std::to_string(size) +
         "</Size><StorageClass>Standard</StorageClass></Contents></ListBucketResult>";
}

/// An STS and an OSS with one folder of two pages, and counters on one database.
class Usages : public ::testing::Test {
 protected:
  Usages() {
    settings_ = settings();
    folder_.usage_interval = 1h;
    folder_.quota_bytes = 10 << 20;
    first_ = counter(*database_);
  }

  std::shared_ptr<Settings> settings() {
    auto made = std::make_shared<Settings>();
    made->config.folder = folder_ = {.endpoint = "https://oss-cn-hangzhou.aliyuncs.com",
                                     .region = "cn-hangzhou",
                                     .bucket = "examplebucket",
                                     .sts_endpoint = "https://sts.test",
                                     .role_arn = "acs:ram::123456789012:role/r"};
    made->config.sts.timeout = 2s;
    const auto script = [this](const auto& asked) { return answer(asked); };
    made->engine = std::make_unique<fakes::ScriptedEngine>(script);
    made->oss_engine = std::make_unique<fakes::ScriptedEngine>(script);
    made->sts.emplace("https://sts.test",
                      std::move(*sts::Client::create(*made->engine, clock_, {"https://sts.test"})));
    return made;
  }
  std::unique_ptr<UsageCounter> counter(SqlDatabase& database) {
    return std::make_unique<UsageCounter>(database, sessions_, *audit_, metrics_, clock_,
                                          interrupt_);
  }
  Result<http::Response> answer(const fakes::ScriptedEngine::Asked& asked) {
    MutexLock lock(mutex_);
    if (asked.url.starts_with("https://sts.test")) {
      sessions_asked_.push_back(*percent_decode(asked.url));
      return http::Response{
          200,
          {},
          R"({"AssumedRoleUser":{"Arn":"acs:ram::1:role/r/usage-count"},"Credentials":{)"
          R"("AccessKeyId":"STS.1","AccessKeySecret":"s","SecurityToken":"t","Expiration":")" +
              format_iso8601(clock_.wall() + 1h) + R"("}})"};
    }
    pages_asked_.push_back(asked.url);
    while (hold_) held_.wait(mutex_);
    if (denied_) return http::Response{403, {}, "<Error><Code>AccessDenied</Code></Error>"};
    clock_.advance(page_takes_);
    const bool second = asked.url.find("continuation-token=more") != std::string::npos;
    return http::Response{
        200, {}, second ? page(kSecondPage + grown_, "") : page(kFirstPage, "more")};
  }
  std::uint64_t used(UsageCounter& counter) {
    return counter.used_bytes("alice", folder_, settings_);
  }
  /// What the counter says once its task is through; gives up at 0 after a while.
  std::uint64_t used_after_a_while(UsageCounter& counter, std::uint64_t wanted) {
    for (int i = 0; i < 2'000 && used(counter) != wanted; ++i) std::this_thread::sleep_for(5ms);
    return used(counter);
  }
  /// Until so many folders were listed, well or not.
  bool counted(std::uint64_t times) {
    const auto all = [&] {
      return metrics_.value(Count::kUsageCounted) + metrics_.value(Count::kUsageFailed);
    };
    for (int i = 0; i < 2'000 && all() < times; ++i) {
      (void)used(*first_);  // the task before may still be ending
      std::this_thread::sleep_for(5ms);
    }
    return all() == times;
  }
  std::size_t pages_asked() {
    MutexLock lock(mutex_);
    return pages_asked_.size();
  }
  void deny(bool denied) {
    MutexLock lock(mutex_);
    denied_ = denied;
  }
  void grow(std::uint64_t by) {
    MutexLock lock(mutex_);
    grown_ = by;
  }
  void hold(bool hold) {
    MutexLock lock(mutex_);
    hold_ = hold;
    held_.notify_all();
  }

  fakes::FakeClock clock_;
  testing::TemporaryDirectory directory_;
  Mutex mutex_;
  Condition held_;
  std::vector<std::string> sessions_asked_ STSFS_GUARDED_BY(mutex_), pages_asked_
      STSFS_GUARDED_BY(mutex_);
  bool denied_ STSFS_GUARDED_BY(mutex_) = false;
  bool hold_ STSFS_GUARDED_BY(mutex_) = false;
  std::uint64_t grown_ STSFS_GUARDED_BY(mutex_) = 0;
  std::chrono::seconds page_takes_ STSFS_GUARDED_BY(mutex_){0};

  std::unique_ptr<SqlDatabase> database_ = std::move(*open_database(directory_ / "users.db"));
  std::unique_ptr<AuditLog> audit_ = std::move(*AuditLog::open(directory_ / "audit.log", clock_));
  Metrics metrics_;
  Interrupt interrupt_;
  KeyRing keys_{[] {
    AccessKeys keys;
    keys.push_back({"ak", Secret(std::string_view("canary-key"))});
    return keys;
  }()};
  SessionMaker sessions_{keys_, metrics_, clock_, interrupt_};
  FolderConfig folder_;
  std::shared_ptr<const Settings> settings_;
  std::unique_ptr<UsageCounter> first_;
};

TEST_F(Usages, AreTheSizesOfAllPagesBelowThePrefix) {
  EXPECT_EQ(used_after_a_while(*first_, 1'024), 1'024u);
  MutexLock lock(mutex_);
  ASSERT_EQ(pages_asked_.size(), 2u);
  EXPECT_NE(pages_asked_[0].find("prefix=users%2Falice%2F"), std::string::npos) << pages_asked_[0];
}

TEST_F(Usages, AreCountedWithASessionThatMayListThePrefixAndNothingElse) {
  folder_.source_addresses = {"192.0.2.0/24"};  // of the person, not ours
  folder_.extras.versions = true;
  EXPECT_EQ(used_after_a_while(*first_, 1'024), 1'024u);
  MutexLock lock(mutex_);
  ASSERT_EQ(sessions_asked_.size(), 1u);
  const std::string& asked = sessions_asked_[0];
  EXPECT_NE(asked.find("RoleSessionName=usage-count"), std::string::npos) << asked;
  EXPECT_NE(asked.find(R"("Action":["oss:ListObjects"])"), std::string::npos) << asked;
  EXPECT_NE(asked.find(R"("oss:Prefix":["users/alice/*"])"), std::string::npos) << asked;
  for (const char* more : {"GetObject", "PutObject", "ListObjectVersions", "SourceIp"})
    EXPECT_EQ(asked.find(more), std::string::npos) << asked;
}

TEST_F(Usages, AreCountedOnceInAnIntervalHoweverManyAsk) {
  EXPECT_EQ(used_after_a_while(*first_, 1'024), 1'024u);
  grow(1'000);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(used(*first_), 1'024u);
  clock_.advance(59min);
  EXPECT_EQ(used(*first_), 1'024u);
  EXPECT_EQ(pages_asked(), 2u);
  clock_.advance(2min);
  EXPECT_EQ(used(*first_), 1'024u) << "nobody waits for a figure that is only old";
  EXPECT_EQ(used_after_a_while(*first_, 2'024), 2'024u);
  EXPECT_EQ(pages_asked(), 4u);
}

TEST_F(Usages, AreKnownAfterARestartAndToOtherReplicas) {
  EXPECT_EQ(used_after_a_while(*first_, 1'024), 1'024u);
  first_.reset();  // waits for what it has to write down
  const auto other_database = std::move(*open_database(directory_ / "users.db"));
  const auto other = counter(*other_database);
  EXPECT_EQ(used_after_a_while(*other, 1'024), 1'024u);
  EXPECT_EQ(pages_asked(), 2u) << "the other one counted";
}

TEST_F(Usages, AreNotCountedByTwoReplicasAtOnce) {
  hold(true);
  std::jthread slow([&] { (void)used(*first_); });
  for (int i = 0; i < 2'000 && pages_asked() == 0; ++i) std::this_thread::sleep_for(5ms);
  const auto other_database = std::move(*open_database(directory_ / "users.db"));
  const auto other = counter(*other_database);
  EXPECT_EQ(used(*other), 0u) << "nothing is known yet";
  EXPECT_EQ(pages_asked(), 1u);
  hold(false);
  slow.join();
  EXPECT_EQ(used_after_a_while(*first_, 1'024), 1'024u);
  EXPECT_TRUE(counted(1));
  first_.reset();
  clock_.advance(1min);  // what was unknown is looked for again soon
  EXPECT_EQ(used_after_a_while(*other, 1'024), 1'024u);
  EXPECT_EQ(pages_asked(), 2u);
}

TEST_F(Usages, KeepTheOldFigureWhileCountingFailsAndTryAgainSoon) {
  EXPECT_EQ(used_after_a_while(*first_, 1'024), 1'024u);
  deny(true);
  clock_.advance(61min);
  EXPECT_EQ(used(*first_), 1'024u);
  ASSERT_TRUE(counted(2));
  EXPECT_EQ(used(*first_), 1'024u);
  EXPECT_NE(read_file(directory_ / "audit.log")->find("AccessDenied"), std::string::npos);
  deny(false);
  grow(1'000);
  // Written down after it is counted: the next turn is five minutes after the failure.
  for (int i = 0; i < 2'000 && used(*first_) != 2'024; ++i) {
    clock_.advance(1s);
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(used(*first_), 2'024u);
}

TEST_F(Usages, AreNotAskedForWithoutAQuotaOrWhenSwitchedOff) {
  folder_.quota_bytes = 0;
  EXPECT_EQ(used(*first_), 0u);
  folder_.quota_bytes = 1;
  folder_.usage_interval = 0s;
  EXPECT_EQ(used(*first_), 0u);
  first_.reset();
  EXPECT_EQ(pages_asked(), 0u);
}

TEST_F(Usages, OfALargeFolderAreCountedOverSeveralSessions) {
  folder_.duration = 2s;
  {
    MutexLock lock(mutex_);
    page_takes_ = 1s;
  }
  EXPECT_EQ(used_after_a_while(*first_, 1'024), 1'024u);
  MutexLock lock(mutex_);
  EXPECT_EQ(sessions_asked_.size(), 2u) << "the first was half over after its page";
  EXPECT_EQ(pages_asked_.size(), 2u) << "it went on where it was";
}

// --- through the server ---

class VendUsage : public VendServer {
 protected:
  Result<http::Response> answer(const fakes::ScriptedEngine::Asked& asked) override {
    if (asked.url.find("list-type=2") != std::string::npos)
      return http::Response{200, {}, page(5'000, "")};
    return VendServer::answer(asked);
  }
};

TEST_F(VendUsage, StandsInTheAnswerAndIsShownToAnAdministrator) {
  start({}, "quota = \"1M\"\n");
  const auto asked = [&] { return Replica::json_of(replica_->get("/v1/credentials", login())); };
  auto json = asked();
  for (int i = 0; i < 200 && json["UsedBytes"] != 5'000; ++i) json = asked();
  EXPECT_EQ(json["QuotaBytes"], 1'048'576);
  EXPECT_EQ(json["UsedBytes"], 5'000);
  const auto folders = [&] {
    return Replica::json_of(replica_->get("/v1/admin/usage", kAdminToken))["folders"];
  };
  for (int i = 0; i < 2'000 && folders().empty(); ++i) std::this_thread::sleep_for(5ms);
  ASSERT_EQ(folders().size(), 1u);
  EXPECT_EQ(folders()[0]["folder"], "examplebucket/users/alice/");
  EXPECT_EQ(folders()[0]["used_bytes"], 5'000);
  EXPECT_EQ(folders()[0]["objects"], 1);
  EXPECT_EQ(replica_->get("/v1/admin/usage", "wrong").status, 401);
}

}  // namespace
}  // namespace stsfs::vend
