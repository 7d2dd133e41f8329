#include "stsfs/http/engine.h"

#include <future>
#include <latch>

#include <gtest/gtest.h>

#include "stsfs/base/await.h"
#include "stsfs/base/text.h"
#include "support/scripted_server.h"

namespace stsfs::http {
namespace {

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

class HttpEngine : public ::testing::Test {
 protected:
  HttpEngine() : HttpEngine(EngineOptions{.stall_timeout = milliseconds(2'000)}) {}
  explicit HttpEngine(const EngineOptions& options)
      : engine_(Engine::create(options, system_clock()).value()) {}

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
auto always(std::string answer) {
  return [answer](Connection& connection) {
    while (!connection.read_head().empty() && connection.send(answer)) {
    }
  };
}

TEST_F(HttpEngine, GivesStatusHeadersAndBody) {
  ScriptedServer server(
      always("HTTP/1.1 404 Not Found\r\nX-A: b \r\nContent-Length: 4\r\n\r\ngone"));
  const auto response = send(get(server.url("/x")));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->body, "gone");
  ASSERT_NE(find_header(response->headers, "x-a"), nullptr);
  EXPECT_EQ(*find_header(response->headers, "x-a"), "b");
}

TEST_F(HttpEngine, GivesASuccessfulBodyToTheSinkAndAnErrorToTheResponse) {
  ScriptedServer good(always(ok_answer("hello")));
  ScriptedServer bad(always("HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nbad"));
  CollectingSink sink;
  Request request = get(good.url());
  request.sink = &sink;
  ASSERT_TRUE(send(std::move(request)));
  EXPECT_EQ(sink.begun_status, 200);
  EXPECT_EQ(sink.text, "hello");
  CollectingSink untouched;
  request = get(bad.url());
  request.sink = &untouched;
  const auto response = send(std::move(request));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "bad");
  EXPECT_EQ(untouched.begun_status, 0);
}

TEST_F(HttpEngine, BeginsTheSinkOfAnEmptyBody) {
  ScriptedServer server(always(ok_answer("")));
  CollectingSink sink;
  Request request = get(server.url());
  request.sink = &sink;
  ASSERT_TRUE(send(std::move(request)));
  EXPECT_EQ(sink.begun_status, 200);
}

TEST_F(HttpEngine, PassesOnWhatASinkSays) {
  ScriptedServer server(always(ok_answer("hello")));
  CollectingSink refuses_begin;
  refuses_begin.refuse_begin = true;
  Request request = get(server.url());
  request.sink = &refuses_begin;
  EXPECT_EQ(send(std::move(request)).error().code, Errc::kChanged);
  CollectingSink refuses_write;
  refuses_write.refuse_write = true;
  request = get(server.url());
  request.sink = &refuses_write;
  EXPECT_EQ(send(std::move(request)).error().code, Errc::kNoSpace);
}

TEST_F(HttpEngine, SendsBodiesWithTheirLengthAndNoExpect) {
  std::promise<std::pair<std::string, std::string>> received;
  const std::string body(300'000, 'x');
  ScriptedServer server([&](Connection& connection) {
    std::string head = connection.read_head();
    received.set_value({head, connection.read_body(body.size())});
    connection.send(ok_answer(""));
  });
  Request request = get(server.url("/k?partNumber=1"));
  request.method = Method::kPut;
  request.headers = {{"x-oss-meta-a", "1"}, {"x-empty", ""}};
  request.body = memory_body(body);
  ASSERT_TRUE(send(std::move(request)));
  const auto [head, got] = received.get_future().get();
  EXPECT_TRUE(head.starts_with("PUT /k?partNumber=1 HTTP/1.1\r\n")) << head;
  EXPECT_NE(head.find("Content-Length: 300000\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("x-oss-meta-a: 1\r\n"), std::string::npos) << head;
  EXPECT_EQ(head.find("Expect"), std::string::npos) << head;
  EXPECT_EQ(got, body);
}

TEST_F(HttpEngine, SendsAnEmptyPostWithLengthZero) {
  std::promise<std::string> received;
  ScriptedServer server([&](Connection& connection) {
    received.set_value(connection.read_head());
    connection.send(ok_answer(""));
  });
  Request request = get(server.url("/k?uploads"));
  request.method = Method::kPost;
  ASSERT_TRUE(send(std::move(request)));
  const std::string head = received.get_future().get();
  EXPECT_TRUE(head.starts_with("POST /k?uploads ")) << head;
  EXPECT_NE(head.find("Content-Length: 0\r\n"), std::string::npos) << head;
}

TEST_F(HttpEngine, KeepsDotSegmentsOfAPath) {
  std::promise<std::string> received;
  ScriptedServer server([&](Connection& connection) {
    received.set_value(connection.read_head());
    connection.send(ok_answer(""));
  });
  ASSERT_TRUE(send(get(server.url("/a/../b"))));
  EXPECT_TRUE(received.get_future().get().starts_with("GET /a/../b "));
}

TEST_F(HttpEngine, ReusesConnections) {
  ScriptedServer server(always(ok_answer("x")));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(send(get(server.url())));
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(engine_->counters().requests, 10U);
  EXPECT_EQ(engine_->counters().connections_opened, 1U);
}

TEST_F(HttpEngine, TakesANewConnectionWhenAnIdleOneWasClosed) {
  ScriptedServer server([](Connection& connection) {
    connection.read_head();
    connection.send(ok_answer("x"));  // and the connection closes, without having said so
  });
  for (int i = 0; i < 5; ++i) {
    const auto response = send(get(server.url()));
    EXPECT_TRUE(response) << response.error().message;
  }
}

TEST_F(HttpEngine, FailsAtTheDeadlineOfASilentServer) {
  ScriptedServer server([](Connection& connection) {
    connection.read_head();
    connection.wait_closed(milliseconds(5'000));
  });
  const auto response = send(get(server.url("/secret?Signature=abc"), milliseconds(100)));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kTimedOut);
  EXPECT_NE(response.error().message.find("/secret"), std::string::npos);
  EXPECT_EQ(response.error().message.find("Signature"), std::string::npos);
}

TEST_F(HttpEngine, FailsAtOnceWhenTheDeadlineHasPassed) {
  EXPECT_EQ(send(get("http://127.0.0.1:1/", milliseconds(0))).error().code, Errc::kTimedOut);
}

TEST_F(HttpEngine, GivesUpATransferThatStalls) {
  ScriptedServer server([](Connection& connection) {
    connection.read_head();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstart");
    connection.wait_closed(milliseconds(20'000));
  });
  const auto response = send(get(server.url(), milliseconds(30'000)));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kUnavailable);
}

TEST_F(HttpEngine, ReportsTruncationResetAndRefusalAsUnavailable) {
  ScriptedServer truncates([](Connection& connection) {
    connection.read_head();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
  });
  ScriptedServer resets([](Connection& connection) {
    connection.read_head();
    connection.reset();
  });
  int free_port = 0;
  {
    ScriptedServer gone([](Connection&) {});
    free_port = gone.port();
  }
  EXPECT_EQ(send(get(truncates.url())).error().code, Errc::kUnavailable);
  EXPECT_EQ(send(get(resets.url())).error().code, Errc::kUnavailable);
  EXPECT_EQ(send(get("http://127.0.0.1:" + std::to_string(free_port) + "/")).error().code,
            Errc::kUnavailable);
}

TEST_F(HttpEngine, ReportsWhatIsNotHttpAsProtocol) {
  ScriptedServer server(always("SSH-2.0-OpenSSH\r\n\r\n"));
  const auto response = send(get(server.url()));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kProtocol) << response.error().message;
}

TEST_F(HttpEngine, BoundsHeaders) {
  std::string answer = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 100; ++i)
    answer += "X-" + std::to_string(i) + ": " + std::string(1000, 'x') + "\r\n";
  ScriptedServer server(always(answer + "Content-Length: 0\r\n\r\n"));
  EXPECT_EQ(send(get(server.url())).error().code, Errc::kProtocol);
}

TEST_F(HttpEngine, RefusesHeaderInjection) {
  ScriptedServer server(always(ok_answer("")));
  Request request = get(server.url());
  request.headers = {{"x-oss-meta-a", "1\r\nx-oss-acl: public-read"}};
  EXPECT_EQ(send(std::move(request)).error().code, Errc::kInvalid);
  EXPECT_EQ(send(get(server.url("/a\r\nHost: b"))).error().code, Errc::kInvalid);
}

TEST_F(HttpEngine, DoesNotFollowRedirects) {
  ScriptedServer other(always(ok_answer("stolen")));
  ScriptedServer server(
      always("HTTP/1.1 307 X\r\nLocation: " + other.url() + "\r\nContent-Length: 0\r\n\r\n"));
  const auto response = send(get(server.url()));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 307);
  EXPECT_EQ(other.connections(), 0);
}

TEST_F(HttpEngine, NeverCallsBackAfterACancel) {
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

TEST_F(HttpEngine, MayBeCancelledFromAnotherTransfersCallback) {
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

TEST_F(HttpEngine, MayBeCancelledFromItsOwnSink) {
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

TEST_F(HttpEngine, RunsAThousandTransfersAtOnce) {
  ScriptedServer server(always(ok_answer("x")));
  std::latch all(1000);
  std::atomic<int> good = 0;
  std::vector<Transfer> transfers;
  for (int i = 0; i < 1000; ++i)
    transfers.push_back(
        engine_->start(get(server.url(), milliseconds(60'000)), [&](Result<Response> response) {
          if (response && response->status == 200) ++good;
          all.count_down();
        }));
  all.wait();
  EXPECT_EQ(good, 1000);
  EXPECT_LE(server.connections(), 64);
}

TEST_F(HttpEngine, EndsWhatIsUnderWayWhenItGoes) {
  ScriptedServer silent(
      [](Connection& connection) { connection.wait_closed(milliseconds(10'000)); });
  std::promise<Errc> ended;
  Transfer transfer = engine_->start(get(silent.url()),
                                     [&](Result<Response> r) { ended.set_value(r.error().code); });
  while (engine_->counters().in_flight == 0) std::this_thread::yield();
  engine_.reset();
  EXPECT_EQ(ended.get_future().get(), Errc::kInterrupted);
}

TEST_F(HttpEngine, CallsLater) {
  std::promise<void> called;
  Transfer timer = engine_->after(milliseconds(10), [&] { called.set_value(); });
  called.get_future().get();
  Transfer never = engine_->after(milliseconds(60'000), [] { FAIL() << "was dropped"; });
}

}  // namespace
}  // namespace stsfs::http
