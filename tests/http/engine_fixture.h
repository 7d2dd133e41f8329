#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "stsfs/base/await.h"
#include "stsfs/base/text.h"
#include "stsfs/http/engine.h"
#include "support/scripted_server.h"

namespace stsfs::http {

using std::chrono::milliseconds;
using stsfs::testing::Connection;
using stsfs::testing::ok_answer;
using stsfs::testing::ScriptedServer;

class CollectingSink final : public Sink {
 public:
  Result<void> begin(const ResponseHead& head) override {
    begun_status = head.status;
    if (refuse_begin) return fail(Errc::kChanged, "refused");
    return {};
  }
  Result<void> write(std::span<const std::byte> bytes) override {
    if (refuse_write) return fail(Errc::kNoSpace, "full");
    text.append(as_text(bytes));
    return {};
  }
  int begun_status = 0;
  bool refuse_begin = false;
  bool refuse_write = false;
  std::string text;
};

/// An engine that no proxy of the surroundings leads elsewhere.
class HttpEngine : public ::testing::Test {
 protected:
  HttpEngine() : HttpEngine(EngineOptions{.stall_timeout = milliseconds(500)}) {}
  explicit HttpEngine(const EngineOptions& options) { restart(options); }

  void restart(const EngineOptions& options) {
    for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY",
                             "ALL_PROXY", "NO_PROXY"})
      unsetenv(name);
    engine_.reset();
    engine_ = Engine::create(options, system_clock()).value();
  }
  Request get(const std::string& url, milliseconds time = milliseconds(10'000)) {
    return {.url = url, .deadline = Deadline::in(system_clock(), time)};
  }
  Result<Response> send(Request request) {
    return await<Response>(nullptr, [&](Callback<Response> done) {
      return engine_->start(std::move(request), std::move(done));
    });
  }

  std::unique_ptr<Engine> engine_;
};

/// Answers every request on a connection with `answer`.
inline auto always(std::string answer) {
  return [answer](Connection& connection) {
    while (!connection.read_head().empty() && connection.send(answer)) {
    }
  };
}

}  // namespace stsfs::http
