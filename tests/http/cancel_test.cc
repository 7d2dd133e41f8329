#include "stsfs/http/engine.h"

#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <thread>

#include "engine_fixture.h"

namespace stsfs::http {
namespace {

auto silent() {
  return [](Connection& connection) { connection.wait_closed(milliseconds(10'000)); };
}

class HttpCancel : public HttpEngine {};

TEST_F(HttpCancel, NeverCallsBackAfterACancel) {
  std::latch asked(1);
  ScriptedServer server([&](Connection& connection) {
    connection.read_head();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
    asked.count_down();
    while (connection.send(std::string(1024, 'x'))) {
    }
  });
  std::atomic<bool> done_ran = false;
  auto sink = std::make_unique<CollectingSink>();
  Request request = get(server.url());
  request.sink = sink.get();
  Transfer transfer =
      engine_->start(std::move(request), [&](Result<Response>) { done_ran = true; });
  asked.wait();
  transfer.cancel();
  sink.reset();  // a late write would be a use after free
  ASSERT_TRUE(send(get("http://127.0.0.1:1/")).error().code == Errc::kUnavailable);
  EXPECT_FALSE(done_ran);
}

TEST_F(HttpCancel, MayBeCancelledFromAnotherTransfersCallback) {
  ScriptedServer silent(
      [](Connection& connection) { connection.wait_closed(milliseconds(10'000)); });
  ScriptedServer server(always(ok_answer("")));
  Transfer victim =
      engine_->start(get(silent.url()), [](Result<Response>) { FAIL() << "was cancelled"; });
  std::promise<void> cancelled;
  Transfer first = engine_->start(get(server.url()), [&](Result<Response>) {
    victim.cancel();
    cancelled.set_value();
  });
  cancelled.get_future().get();
  EXPECT_TRUE(send(get(server.url())));
}

TEST_F(HttpCancel, MayBeCancelledFromItsOwnSink) {
  struct CancellingSink final : Sink {
    Result<void> begin(const ResponseHead&) override { return {}; }
    Result<void> write(std::span<const std::byte>) override {
      transfer.cancel();
      cancelled.set_value();
      return {};
    }
    Transfer transfer;
    std::promise<void> cancelled;
  };
  std::promise<void> go;
  ScriptedServer server([&](Connection& connection) {
    connection.read_head();
    go.get_future().wait();
    connection.send(ok_answer("x"));
    connection.wait_closed(milliseconds(10'000));
  });
  CancellingSink sink;
  Request request = get(server.url());
  request.sink = &sink;
  sink.transfer =
      engine_->start(std::move(request), [](Result<Response>) { FAIL() << "was cancelled"; });
  go.set_value();
  sink.cancelled.get_future().get();
}

TEST_F(HttpCancel, EndsWhatIsUnderWayWhenItGoes) {
  ScriptedServer silent(
      [](Connection& connection) { connection.wait_closed(milliseconds(10'000)); });
  std::promise<Errc> ended;
  Transfer transfer = engine_->start(get(silent.url()),
                                     [&](Result<Response> r) { ended.set_value(r.error().code); });
  while (engine_->counters().in_flight == 0) std::this_thread::yield();
  engine_.reset();
  EXPECT_EQ(ended.get_future().get(), Errc::kInterrupted);
}

TEST_F(HttpCancel, CallsLater) {
  std::promise<void> called;
  Transfer timer = engine_->after(milliseconds(10), [&] { called.set_value(); });
  called.get_future().get();
  Transfer never = engine_->after(milliseconds(60'000), [] { FAIL() << "was dropped"; });
}

TEST_F(HttpCancel, MayComeBeforeAnythingWasSent) {
  ScriptedServer server(silent());
  for (int i = 0; i < 200; ++i)
    engine_->start(get(server.url()), [](Result<Response>) { FAIL() << "was cancelled"; });
  EXPECT_EQ(engine_->counters().in_flight, 0);
}

TEST_F(HttpCancel, IsNothingInsideItsOwnCompletionAndAfterIt) {
  ScriptedServer server(always(ok_answer("x")));
  std::promise<void> go;
  std::promise<void> done;
  Transfer transfer;
  transfer = engine_->start(get(server.url()),
                            [&, ready = go.get_future().share()](Result<Response> response) {
                              ready.wait();
                              EXPECT_TRUE(response);
                              transfer.cancel();
                              done.set_value();
                            });
  go.set_value();
  done.get_future().get();
  transfer.cancel();
  EXPECT_TRUE(send(get(server.url())));
}

TEST_F(HttpCancel, WaitsForACompletionThatIsRunning) {
  ScriptedServer server(always(ok_answer("x")));
  for (int i = 0; i < 500; ++i) {
    auto inside = std::make_unique<std::atomic<bool>>(false);
    const auto before = engine_->counters().requests;
    Transfer transfer = engine_->start(get(server.url()), [&](Result<Response>) {
      *inside = true;
      std::this_thread::yield();
      *inside = false;
    });
    if (i % 3 != 0)
      while (engine_->counters().requests == before) std::this_thread::yield();
    transfer.cancel();
    EXPECT_FALSE(*inside);
    inside.reset();  // a late completion would be a use after free
  }
}

TEST_F(HttpCancel, LetsGoOfWhatACompletionHoldsWhenItHasRunOrNeverWill) {
  ScriptedServer server(always(ok_answer("x")));
  ScriptedServer never(silent());
  auto completed = std::make_shared<int>(1);
  auto cancelled = std::make_shared<int>(1);
  std::promise<void> done;
  Transfer first = engine_->start(
      get(server.url()), [&done, held = completed](Result<Response>) { done.set_value(); });
  Transfer second = engine_->start(get(never.url()), [held = cancelled](Result<Response>) {});
  done.get_future().get();
  second.cancel();
  EXPECT_TRUE(send(get(server.url())));  // the loop has gone on from the first
  EXPECT_EQ(completed.use_count(), 1) << "though its Transfer still lives";
  EXPECT_EQ(cancelled.use_count(), 1);
}

TEST_F(HttpCancel, EndsWhatCompletionsStartWhileTheEngineStops) {
  ScriptedServer server(silent());
  std::promise<Errc> again;
  Transfer second;
  Transfer first = engine_->start(get(server.url()), [&](Result<Response>) {
    second = engine_->start(get(server.url()),
                            [&](Result<Response> r) { again.set_value(r.error().code); });
  });
  while (engine_->counters().in_flight == 0) std::this_thread::yield();
  engine_->stop();
  EXPECT_EQ(again.get_future().get(), Errc::kInterrupted);
}

TEST_F(HttpCancel, CallsTimersInTheirOrder) {
  std::vector<int> order;
  std::promise<void> last;
  Transfer third = engine_->after(milliseconds(60), [&] { last.set_value(); });
  Transfer second = engine_->after(milliseconds(40), [&] { order.push_back(2); });
  Transfer first = engine_->after(milliseconds(20), [&] { order.push_back(1); });
  last.get_future().get();
  EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST_F(HttpCancel, LetsATimerStartTheNextAndDropItself) {
  std::promise<void> done;
  Transfer timer;
  int left = 100;
  std::function<void()> tick = [&] {
    if (--left == 0) return done.set_value();
    timer = engine_->after(milliseconds(0), [&] { tick(); });
  };
  Transfer begin = engine_->after(milliseconds(0), [&] { tick(); });
  done.get_future().get();
}

TEST_F(HttpCancel, OfATimerWaitsForNobody) {
  std::promise<void> busy, go_on;
  Transfer running = engine_->after(milliseconds(0), [&] {
    busy.set_value();
    go_on.get_future().get();
  });
  auto held = std::make_shared<int>(1);
  Transfer dropped = engine_->after(milliseconds(0), [held] { FAIL() << "was dropped"; });
  busy.get_future().get();
  dropped.cancel();  // would wait for ever for the loop
  EXPECT_EQ(held.use_count(), 1);
  go_on.set_value();
  running.cancel();
}

TEST_F(HttpCancel, OfATimerThatIsRunningWaits) {
  for (int round = 0; round < 100; ++round) {
    std::promise<void> begun;
    bool ended = false;
    Transfer timer = engine_->after(milliseconds(0), [&] {
      begun.set_value();
      std::this_thread::yield();
      ended = true;
    });
    begun.get_future().get();
    timer.cancel();
    ASSERT_TRUE(ended);
  }
}

TEST_F(HttpCancel, TimersThatAreDueAfterOneAnotherAreAllInTime) {
  std::atomic<int> fired = 0;
  std::vector<Transfer> timers;
  for (int i = 0; i < 200; ++i) {
    timers.push_back(engine_->after(milliseconds(200 - i), [&] { ++fired; }));
    engine_->after(std::chrono::hours(1), [] { FAIL() << "was dropped"; });
  }
  std::promise<void> last;
  Transfer end = engine_->after(milliseconds(250), [&] { last.set_value(); });
  last.get_future().get();
  EXPECT_EQ(fired, 200);
}

TEST_F(HttpCancel, ForgetsDroppedTimers) {
  auto held = std::make_shared<int>(1);
  for (int i = 0; i < 1000; ++i) engine_->after(std::chrono::hours(1), [held] {});
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace stsfs::http
