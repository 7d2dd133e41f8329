#include "stsfs/http/engine.h"

#include <future>
#include <latch>

#include "engine_fixture.h"

namespace stsfs::http {
namespace {

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

TEST_F(HttpEngine, DoesNotFollowRedirects) {
  ScriptedServer other(always(ok_answer("stolen")));
  ScriptedServer server(
      always("HTTP/1.1 307 X\r\nLocation: " + other.url() + "\r\nContent-Length: 0\r\n\r\n"));
  const auto response = send(get(server.url()));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 307);
  EXPECT_EQ(other.connections(), 0);
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

TEST_F(HttpEngine, GivesTheHeadersOfAHeadAndKeepsTheConnection) {
  ScriptedServer server(always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e\"\r\n\r\n"));
  for (int i = 0; i < 2; ++i) {
    Request request = get(server.url());
    request.method = Method::kHead;
    const auto response = send(std::move(request));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(*find_header(response->headers, "etag"), "\"e\"");
    EXPECT_EQ(response->body, "");
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(HttpEngine, TakesChunkedAndUndelimitedBodies) {
  ScriptedServer chunked(always(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
  ScriptedServer undelimited([](Connection& connection) {
    connection.read_head();
    connection.send("HTTP/1.1 200 OK\r\n\r\nabcde");
  });
  EXPECT_EQ(send(get(chunked.url()))->body, "abcde");
  EXPECT_EQ(send(get(undelimited.url()))->body, "abcde");
}

TEST_F(HttpEngine, ForgetsInterimAnswers) {
  ScriptedServer server(always("HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n" + ok_answer("x")));
  const auto response = send(get(server.url()));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(find_header(response->headers, "x-interim"), nullptr);
}

TEST_F(HttpEngine, TakesNoMoreThanTheLengthSays) {
  ScriptedServer server([](Connection& connection) {
    connection.read_head();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\n");
    connection.wait_closed(milliseconds(5'000));
  });
  EXPECT_EQ(send(get(server.url()))->body, "ab");
  EXPECT_EQ(send(get(server.url()))->body, "ab");
  EXPECT_EQ(server.connections(), 2) << "what came too much is nobody's answer";
}

TEST_F(HttpEngine, GivesTheSinkALongBodyInOrder) {
  std::string body;
  for (int i = 0; body.size() < 3'000'000; ++i) body += std::to_string(i) + ",";
  ScriptedServer server(always(ok_answer(body)));
  CollectingSink sink;
  Request request = get(server.url());
  request.sink = &sink;
  ASSERT_TRUE(send(std::move(request)));
  EXPECT_TRUE(sink.text == body);
  EXPECT_EQ(engine_->counters().bytes_received, body.size());
}

TEST_F(HttpEngine, KeepsToItsNumberOfConnections) {
  restart({.connections_max = 3});
  ScriptedServer server(always(ok_answer("x")));
  std::latch all(50);
  std::vector<Transfer> transfers;
  for (int i = 0; i < 50; ++i)
    transfers.push_back(engine_->start(get(server.url()), [&](Result<Response> response) {
      EXPECT_TRUE(response);
      all.count_down();
    }));
  all.wait();
  EXPECT_LE(server.connections(), 3);
}

TEST_F(HttpEngine, GoesThroughTheProxyThatItIsGiven) {
  std::promise<std::string> asked;
  ScriptedServer proxy([&](Connection& connection) {
    asked.set_value(connection.read_head());
    connection.send(ok_answer("by proxy"));
  });
  restart({.proxy = proxy.url("")});
  EXPECT_EQ(send(get("http://bucket.test/key"))->body, "by proxy");
  EXPECT_TRUE(asked.get_future().get().starts_with("GET http://bucket.test/key HTTP/1.1\r\n"));
}

TEST_F(HttpEngine, GoesThroughTheProxyOfTheEnvironmentButForWhatItExcludes) {
  ScriptedServer proxy(always(ok_answer("by proxy")));
  ScriptedServer server(always(ok_answer("direct")));
  engine_.reset();  // curl reads the environment on its thread
  setenv("http_proxy", proxy.url("").c_str(), 1);
  engine_ = Engine::create({}, system_clock()).value();
  EXPECT_EQ(send(get(server.url()))->body, "by proxy");
  engine_.reset();
  setenv("no_proxy", "127.0.0.1", 1);
  engine_ = Engine::create({}, system_clock()).value();
  EXPECT_EQ(send(get(server.url()))->body, "direct");
  restart({});
}

TEST_F(HttpEngine, SaysWhatAProxyRefused) {
  ScriptedServer proxy(always("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"));
  restart({.proxy = proxy.url("")});
  const auto response = send(get("https://bucket.test/key?Signature=s"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kUnavailable);
  EXPECT_NE(response.error().message.find("403"), std::string::npos) << response.error().message;
  EXPECT_EQ(response.error().message.find("Signature"), std::string::npos);
}

TEST(EngineOptions, RefusesWhatCannotWork) {
  EXPECT_FALSE((EngineOptions{.connections_max = 0}.validate()));
  EXPECT_FALSE((EngineOptions{.stall_timeout = milliseconds(0)}.validate()));
  const auto missing = EngineOptions{.ca_file = "/nonexistent/ca.pem"}.validate();
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kInvalid);
  EXPECT_NE(missing.error().message.find("/nonexistent/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace stsfs::http
