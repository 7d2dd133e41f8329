// Two servers with one database behind a load balancer: whichever answers, it is the same. On both
// databases.

#include <gtest/gtest.h>

#include "support/postgres_server.h"
#include "vend_fixture.h"

namespace stsfs::vend {
namespace {

class Replicas : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam() && testing::shared_postgres().conninfo().empty())
      GTEST_SKIP() << testing::shared_postgres().trouble();
    const std::string where =
        GetParam() ? testing::shared_postgres().conninfo() : directory_ / "users.db";
    audit_ = std::move(*AuditLog::open(directory_ / "audit.log", system_clock()));
    for (int i = 0; i < 2; ++i) {
      databases_[i] = std::move(*open_database(where));
      replicas_[i] = std::make_unique<Replica>(
          *databases_[i], *audit_,
          [](const auto&) {
            return http::Response{
                200,
                {},
                R"({"Credentials":{"AccessKeyId":"STS.1","AccessKeySecret":"s","SecurityToken":"t",)"
                R"("Expiration":")" +
                    format_iso8601(system_clock().wall() + std::chrono::hours(1)) + R"("}})"};
          },
          "", "[limits]\nlockout_failures = 4\n");
    }
    UserStore users(*databases_[0], system_clock());
    ASSERT_TRUE(users.add("alice", *hash_password(Secret(std::string_view("password")), kCheap)));
  }
  void TearDown() override {
    if (databases_[0]) (void)UserStore(*databases_[0], system_clock()).remove("alice");
    if (databases_[0]) (void)Throttle(*databases_[0], system_clock()).unlock("user:alice");
  }
  Replica& a() { return *replicas_[0]; }
  Replica& b() { return *replicas_[1]; }
  std::string login() { return Replica::token_of(a().try_login("alice", "password")); }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<SqlDatabase> databases_[2];
  std::unique_ptr<Replica> replicas_[2];
};

TEST_P(Replicas, TakeALoginOfEachOther) {
  const std::string token = login();
  EXPECT_EQ(b().get("/v1/credentials", token).status, 200);
  EXPECT_EQ(Replica::json_of(b().get("/v1/whoami", token))["user"], "alice");
}

TEST_P(Replicas, RotateATokenTogether) {
  const std::string old = login();
  const std::string next = Replica::token_of(b().post("/v1/token", old));
  ASSERT_FALSE(next.empty());
  EXPECT_EQ(a().get("/v1/credentials", old).status, 200) << "not used yet";
  EXPECT_EQ(a().get("/v1/credentials", next).status, 200);
  EXPECT_EQ(b().get("/v1/credentials", old).status, 401);
}

TEST_P(Replicas, LockANameTogether) {
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ((i % 2 == 0 ? a() : b()).try_login("alice", "wrong").status, 401);
  EXPECT_EQ(a().try_login("alice", "password").status, 429);
  EXPECT_EQ(b().try_login("alice", "password").status, 429);
  EXPECT_EQ(b().post("/v1/admin/users/alice/unlock", kAdminToken).status, 204);
  EXPECT_EQ(a().try_login("alice", "password").status, 200);
}

TEST_P(Replicas, RevokeTogether) {
  const std::string token = login();
  EXPECT_EQ(a().get("/v1/credentials", token).status, 200);
  EXPECT_EQ(b().get("/v1/credentials", token).status, 200);
  EXPECT_EQ(b().post("/v1/logout", token).status, 204);
  EXPECT_EQ(a().get("/v1/credentials", token).status, 401) << "at once, cached session or not";
}

TEST_P(Replicas, LetADeviceInThatAskedTheOther) {
  const auto code = Replica::json_of(a().post("/v1/device/code", {}, "{}"));
  DeviceStore devices(*databases_[1], system_clock());
  ASSERT_TRUE(*devices.decide(code["user_code"], "alice", true));
  const auto answer =
      b().post("/v1/device/token", {}, nlohmann::json{{"device_code", code["device_code"]}}.dump());
  EXPECT_EQ(answer.status, 200) << answer.body;
}

INSTANTIATE_TEST_SUITE_P(Both, Replicas, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "Postgres" : "Sqlite"; });

}  // namespace
}  // namespace stsfs::vend
