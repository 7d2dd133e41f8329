// Requests that wait for a credential and are called off meanwhile, with the real engine and the
// real renewer. Nothing is sent: there is never a credential to sign with.
#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "stsfs/base/random.h"
#include "stsfs/credentials/renewer.h"
#include "stsfs/http/engine.h"
#include "stsfs/oss/oss_store.h"

#include <gtest/gtest.h>

namespace stsfs::oss {
namespace {

using namespace std::chrono_literals;

/// A credential that is dead as soon as it is there, and none after it.
class DyingSource final : public credentials::Source {
  std::string describe() const override { return "the test"; }
  Result<credentials::Grant> fetch(const std::string&, Deadline, Interrupt&) override {
    if (fetched_) return fail(Errc::kUnavailable, "away");
    fetched_ = true;
    return credentials::Grant{{"STS.x", Secret(std::string_view("s")),
                               Secret(std::string_view("t")), system_clock().wall() + 50ms},
                              std::nullopt};
  }
  bool fetched_ = false;
};

class LateCredentials : public ::testing::Test {
 protected:
  LateCredentials() {
    engine_ = *http::Engine::create({}, system_clock());
    renewer_ = *credentials::Renewer::start(std::make_unique<DyingSource>(), {}, system_clock(),
                                            Deadline::in(system_clock(), 10s));
    store_ = *OssStore::create(
        *engine_, *renewer_, system_clock(),
        {.endpoint = "http://127.0.0.1:1", .region = "cn-hangzhou", .bucket = "examplebucket"});
    while (renewer_->current()) std::this_thread::sleep_for(5ms);
  }
  std::unique_ptr<http::Engine> engine_;
  std::unique_ptr<credentials::Renewer> renewer_;
  std::unique_ptr<OssStore> store_;
};

TEST_F(LateCredentials, AreWaitedForUntilTheDeadlineAndThenSaidToBe) {
  std::promise<Error> said;
  auto call = store_->start_head("k", Deadline::in(system_clock(), 30ms), [&](auto result) {
    said.set_value(result ? Error{} : result.error());
  });
  const Error error = said.get_future().get();
  EXPECT_EQ(error.code, Errc::kCredential);
  EXPECT_NE(error.message.find("expired at"), std::string::npos) << error.message;
}

// The loop called a request off at the moment in which the desk answered it: each waited for the
// other, and the mount hung.
TEST_F(LateCredentials, MayBeCalledOffByTheLoopAtTheMomentOfTheAnswer) {
  constexpr int kCalls = 400;
  std::vector<Transfer> calls(kCalls), timers(kCalls);
  std::atomic<int> called_off{0};
  for (int i = 0; i < kCalls; ++i) {
    const auto life = 5ms + std::chrono::milliseconds(random_below(10));
    calls[i] = store_->start_head("k", Deadline::in(system_clock(), life), [](auto) {});
    timers[i] = engine_->after(life, [&, i] {
      calls[i].cancel();
      ++called_off;
    });
  }
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (called_off < kCalls && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(1ms);
  ASSERT_EQ(called_off, kCalls) << "the loop hangs";
}

}  // namespace
}  // namespace stsfs::oss
