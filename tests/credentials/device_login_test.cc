#include "stsfs/credentials/device_login.h"

#include <deque>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/scripted_engine.h"

namespace stsfs::credentials {
namespace {

using namespace std::chrono_literals;
using fakes::ScriptedEngine;
using std::chrono::milliseconds;

http::Response says(const std::string& error) {
  return {400, {}, R"({"error":")" + error + R"(","StatusCode":400,"ErrorCode":"X"})"};
}
http::Response token() {
  return {200, {}, R"({"token":"tok","expires_at":"2026-02-02T03:04:05Z"})"};
}

/// A server that gives `answers` in turn, and then its last one for ever; time that passes only in
/// pauses, which are written down.
class DeviceLogins : public ::testing::Test {
 protected:
  Result<LoginToken> log_in(std::deque<Result<http::Response>> answers,
                            const std::string& more = {}) {
    answers_ = std::move(answers);
    more_ = more;
    auto client = VendingClient::create(engine_, clock_, {.url = "https://vend.example.com"});
    auto code = (*client)->start_device_login(soon(), interrupt_);
    if (!code) return fail(code.error());
    EXPECT_EQ(code->user_code, "WDJB-MJHT");
    EXPECT_EQ(code->verification_uri, "https://vend.example.com/device");
    return wait_for_device_login(
        **client, *code, clock_,
        [this](milliseconds time) -> Result<void> {
          pauses_.push_back(time);
          clock_.advance(time);
          return {};
        },
        interrupt_);
  }
  Deadline soon() const { return Deadline::in(clock_, 10s); }
  std::size_t polls() const { return engine_.asked().size() - 1; }

  fakes::FakeClock clock_;
  Interrupt interrupt_;
  std::deque<Result<http::Response>> answers_;
  std::string more_;
  std::vector<milliseconds> pauses_;
  ScriptedEngine engine_{[this](const ScriptedEngine::Asked& asked) -> Result<http::Response> {
    if (asked.url.ends_with("/v1/device/code"))
      return http::Response{200,
                            {},
                            R"({"device_code":"dev","user_code":"WDJB-MJHT",)"
                            R"("verification_uri":"https://vend.example.com/device",)"
                            R"("expires_in":600)" +
                                more_ + "}"};
    EXPECT_EQ(asked.url, "https://vend.example.com/v1/device/token");
    EXPECT_NE(asked.body.find(R"("device_code":"dev")"), std::string::npos);
    auto next = answers_.front();
    if (answers_.size() > 1) answers_.pop_front();
    return next;
  }};
};

TEST_F(DeviceLogins, WaitUntilSomebodyHasConfirmed) {
  const auto got = log_in({says("authorization_pending"), says("authorization_pending"), token()},
                          R"(,"interval":2)");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->token.reveal(), "tok");
  EXPECT_EQ(pauses_, (std::vector<milliseconds>{2s, 2s, 2s})) << "also before the first question";
}

TEST_F(DeviceLogins, AskEveryFiveSecondsWhenTheServerDoesNotSay) {
  ASSERT_TRUE(log_in({token()}));
  EXPECT_EQ(pauses_, (std::vector<milliseconds>{5s}));
}

TEST_F(DeviceLogins, SlowDownByFiveSecondsForGood) {
  ASSERT_TRUE(log_in({says("slow_down"), says("authorization_pending"), says("slow_down"), token()},
                     R"(,"interval":1)"));
  EXPECT_EQ(pauses_, (std::vector<milliseconds>{1s, 6s, 6s, 11s}));
}

TEST_F(DeviceLogins, EndWhenSomebodySaysNo) {
  const auto got = log_in({says("access_denied")});
  EXPECT_EQ(got.error().code, Errc::kDenied);
  EXPECT_EQ(polls(), 1u);
}

TEST_F(DeviceLogins, EndWhenTheServerSaysThatTheCodeExpired) {
  const auto got = log_in({says("authorization_pending"), says("expired_token")});
  EXPECT_EQ(got.error().code, Errc::kTimedOut);
  EXPECT_NE(got.error().message.find("log in again"), std::string::npos);
}

TEST_F(DeviceLogins, EndWithTheCodesLifeAlsoWithoutTheServer) {
  const auto got = log_in({says("authorization_pending")}, R"(,"interval":60)");
  EXPECT_EQ(got.error().code, Errc::kTimedOut);
  EXPECT_EQ(polls(), 9u);
}

TEST_F(DeviceLogins, GoOnWithLongerPausesWhileTheServerIsAway) {
  const auto away = [] { return Result<http::Response>(fail(Errc::kUnavailable, "reset")); };
  ASSERT_TRUE(log_in({away(), away(), away(), says("authorization_pending"), token()}));
  EXPECT_EQ(pauses_, (std::vector<milliseconds>{5s, 10s, 15s, 25s, 5s}));
}

TEST_F(DeviceLogins, DoNotGoOnWhenTheServerRefusesForGood) {
  EXPECT_EQ(log_in({http::Response{404, {}, ""}}).error().code, Errc::kProtocol);
  EXPECT_EQ(polls(), 1u);
}

TEST_F(DeviceLogins, RefuseACodeThatMakesNoSense) {
  EXPECT_EQ(log_in({token()}, R"(,"interval":"soon")").error().code, Errc::kProtocol);
}

TEST_F(DeviceLogins, AnEndedLoginIsRevokedAndAnUnknownOneIsGoneAlready) {
  answers_ = {http::Response{}};
  int status = 204;
  ScriptedEngine engine([&](const ScriptedEngine::Asked& asked) -> Result<http::Response> {
    EXPECT_EQ(asked.url, "https://vend.example.com/v1/logout");
    EXPECT_EQ(asked.header("Authorization"), "Bearer tok");
    return http::Response{status, {}, ""};
  });
  auto client = VendingClient::create(engine, clock_, {.url = "https://vend.example.com"});
  const Secret login(std::string_view("tok"));
  EXPECT_TRUE((*client)->logout(login, soon(), interrupt_));
  status = 401;
  EXPECT_TRUE((*client)->logout(login, soon(), interrupt_));
  status = 503;
  EXPECT_EQ((*client)->logout(login, soon(), interrupt_).error().code, Errc::kUnavailable);
}

TEST_F(DeviceLogins, AnIdentityIsReadWhole) {
  ScriptedEngine engine([&](const ScriptedEngine::Asked&) -> Result<http::Response> {
    return http::Response{200,
                          {},
                          R"({"user":"alice","groups":["a","b"],"bucket":"examplebucket",)"
                          R"("prefix":"users/alice/","permissions":"rw",)"
                          R"("token_expires_at":"2026-02-02T03:04:05Z"})"};
  });
  auto client = VendingClient::create(engine, clock_, {.url = "https://vend.example.com"});
  const auto who = (*client)->whoami(Secret(std::string_view("tok")), soon(), interrupt_);
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->user, "alice");
  EXPECT_EQ(who->groups, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(who->prefix, "users/alice/");
  EXPECT_TRUE(who->token_expires_at);
}

}  // namespace
}  // namespace stsfs::credentials
