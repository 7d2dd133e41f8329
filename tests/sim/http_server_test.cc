#include "server/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <list>
#include <thread>

#include "sim/raw_client.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t kMiB = 1 << 20;

std::string noise(std::size_t size) {
  std::string out(size, '\0');
  unsigned seed = 1;
  for (char& c : out) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  return out;
}

/// Answers what the test says; `/echo` gives back the body.
class HttpServerTest : public ::testing::Test {
 protected:
  class Echo final : public Responder {
   public:
    Echo(HttpServerTest& test, WireRequest request) : test_(test), request_(std::move(request)) {}
    void take_body(std::string_view bytes) override { body_ += bytes; }
    std::uint64_t upload_bytes_per_second() const override { return test_.upload_rate_; }
    std::optional<HttpAnswer> timed_out() override {
      if (request_.path == "/silent") return std::nullopt;
      return HttpAnswer{.status = 400, .headers = {{"ETag", "\"x\""}}, .text = "late: " + body_};
    }
    HttpAnswer answer() override {
      MutexLock lock(test_.mutex_);
      test_.last_ = request_;
      HttpAnswer out = request_.path == "/echo" ? HttpAnswer{} : test_.answer_;
      if (request_.path == "/echo") out.text = std::to_string(body_.size()) + ":" + body_;
      return out;
    }

   private:
    HttpServerTest& test_;
    WireRequest request_;
    std::string body_;
  };

  void SetUp() override { restart(milliseconds(0)); }

  /// Waits no longer than this for more of a body.
  void restart(milliseconds body_idle) {
    server_.reset();
    auto server = HttpServer::start(
        {.threads = 2, .body_idle = body_idle, .line = &line_},
        [this](WireRequest request) { return std::make_unique<Echo>(*this, std::move(request)); });
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }

  RawClient connect() { return RawClient(server_->port()); }
  std::string get(const std::string& rest = "") {
    RawClient client = connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + rest + "\r\n");
    return client.read_all();
  }
  Content store(const std::string& bytes) {
    ContentWriter writer(storage_);
    EXPECT_TRUE(writer.write(bytes));
    return writer.finish();
  }
  static std::string body_of(const std::string& answer) {
    return answer.substr(answer.find("\r\n\r\n") + 4);
  }

  /// What is answered from now on.
  void answer_with(HttpAnswer answer) {
    MutexLock lock(mutex_);
    answer_ = std::move(answer);
  }
  void answer_with(Content content, Delivery delivery = {}) {
    answer_with(HttpAnswer{.content = std::move(content), .delivery = delivery});
  }
  WireRequest last() {
    MutexLock lock(mutex_);
    return last_;
  }

  std::shared_ptr<Storage> storage_ = Storage::in_memory().value();
  Mutex mutex_;
  HttpAnswer answer_ STSFS_GUARDED_BY(mutex_);
  WireRequest last_ STSFS_GUARDED_BY(mutex_);
  SharedLine line_;
  std::atomic<std::uint64_t> upload_rate_ = 0;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, GivesTheRequestAsItCame) {
  answer_with({.headers = {{"ETag", "\"x\""}}, .text = "fine"});
  RawClient client = connect();
  client.send(
      "GET /a%2Fb/c+d?list-type=2&prefix=a%20b+c&empty=&bare&=x HTTP/1.1\r\nHost: b.h:80\r\n"
      "X-Oss-Meta-A: v\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("ETag: \"x\"\r\n"));
  EXPECT_EQ(body_of(answer), "fine");
  const WireRequest request = last();
  EXPECT_EQ(request.path, "/a%2Fb/c+d");
  EXPECT_EQ(request.query,
            (sign::Pairs{
                {"list-type", "2"}, {"prefix", "a b c"}, {"empty", ""}, {"bare", ""}, {"", "x"}}));
  EXPECT_EQ(request.host, "b.h:80");
  EXPECT_EQ(request.header("x-oss-meta-a"), "v");
  EXPECT_EQ(request.remote_address, "127.0.0.1");
  EXPECT_FALSE(request.secure);
}

TEST_F(HttpServerTest, SendsContentsWhereverTheyLie) {
  const std::string bytes = noise(3 * kMiB + 7);
  answer_with(store("small"));
  EXPECT_EQ(body_of(get()), "small");
  answer_with(store(bytes));  // in one file or several
  EXPECT_TRUE(body_of(get()) == bytes);
  Content joined = store(bytes);
  joined.append(store("tail"));
  answer_with(joined.slice({kMiB, 2 * kMiB + 11}));
  EXPECT_TRUE(body_of(get()) == (bytes + "tail").substr(kMiB));
  answer_with(Content());
  EXPECT_EQ(body_of(get()), "");
}

TEST_F(HttpServerTest, ContentsThatGoWhileTheyAreSentArriveWhole) {
  const std::string bytes = noise(32 * kMiB);
  answer_with(store(bytes));
  RawClient client = connect();
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  client.read_head();
  answer_with(HttpAnswer{});  // deleted: only the answer under way has it now
  EXPECT_TRUE(client.read_body(bytes.size()) == bytes);
}

TEST_F(HttpServerTest, HeadTellsALengthAndSendsNoBody) {
  answer_with({.head_size = std::uint64_t{5} << 40});
  RawClient client = connect();
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5497558138880\r\n"));
  EXPECT_EQ(body_of(answer), "");
}

TEST_F(HttpServerTest, TakesBodiesOfKnownLengthAndInChunks) {
  const std::string body = noise(kMiB);
  RawClient client = connect();
  client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1048576\r\n\r\n" + body);
  EXPECT_THAT(client.read_head(), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(client.read_body(8 + body.size()) == "1048576:" + body);
  client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  client.read_head();
  EXPECT_EQ(client.read_body(7), "5:abcde");
}

TEST_F(HttpServerTest, AsksForTheBodyWhereTheClientWaitsForThat) {
  RawClient client = connect();
  client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.read_head(), StartsWith("HTTP/1.1 100"));
  client.send("ab");
  client.read_head();
  EXPECT_EQ(client.read_body(4), "2:ab");
}

// --- bodies that stop coming ---

TEST_F(HttpServerTest, BodyThatStopsComingIsGivenUp) {
  restart(milliseconds(100));
  for (const char* rest :
       {"Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"}) {
    RawClient client = connect();
    client.send(std::string("PUT / HTTP/1.1\r\nHost: h\r\n") + rest);
    const std::string answer = client.read_all();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\nETag: \"x\"\r\n")) << rest;
    EXPECT_EQ(body_of(answer), "late: abc");
    EXPECT_EQ(client.error(), 0);
  }
  RawClient silent = connect();
  silent.send("PUT /silent HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n");
  EXPECT_EQ(silent.read_all(), "");
}

TEST_F(HttpServerTest, BodyThatWeMakeWaitIsNotGivenUp) {
  restart(milliseconds(300));
  upload_rate_ = 4'000;  // a second and a half, with pauses of a quarter
  RawClient client = connect();
  const std::string body = noise(6'000);
  client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 6000\r\n\r\n" +
              body);
  EXPECT_EQ(body_of(client.read_all()), "6000:" + body);
}

TEST_F(HttpServerTest, AConnectionWithoutARequestIsNotGivenUp) {
  restart(milliseconds(20));
  RawClient client = connect();
  const auto exchange = [&] {
    client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT_THAT(client.read_head(), StartsWith("HTTP/1.1 200"));
    EXPECT_EQ(client.read_body(5), "3:abc");
  };
  exchange();
  std::this_thread::sleep_for(milliseconds(100));
  exchange();
}

// --- nobody stops anybody else ---

TEST_F(HttpServerTest, SlowSendersDoNotStopOthers) {
  std::list<RawClient> slow;
  for (int i = 0; i < 64; ++i) {
    slow.emplace_back(server_->port());
    slow.back().send(i % 2 == 0 ? "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx"
                                : "GET / HTT");
  }
  answer_with({.text = "fine"});
  const auto began = steady_clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(body_of(get()), "fine");
  EXPECT_LT(steady_clock::now() - began, std::chrono::seconds(5));
  slow.front().send("12345678");  // and they are served in the end
  slow.front().read_head();
  EXPECT_EQ(slow.front().read_body(11), "9:x12345678");
}

TEST_F(HttpServerTest, StalledAnswersDoNotStopOthers) {
  answer_with(store(noise(2 * kMiB)), {.stall_at = 10, .stall = std::chrono::hours(1)});
  std::list<RawClient> stalled;
  for (int i = 0; i < 200; ++i) {
    stalled.emplace_back(server_->port());
    stalled.back().send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    stalled.back().read_head();
  }
  RawClient client = connect();
  client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab");
  client.read_head();
  EXPECT_EQ(client.read_body(4), "2:ab");
  EXPECT_EQ(stalled.front().read_body(10).size(), 10U);
  const auto began = steady_clock::now();
  server_.reset();  // nor do they keep it from ending
  EXPECT_LT(steady_clock::now() - began, std::chrono::seconds(10));
}

TEST_F(HttpServerTest, EndsWhileAnswersAreSlow) {
  answer_with(store(noise(2 * kMiB)), {.bytes_per_second = 100'000});
  std::list<RawClient> slow;
  for (int i = 0; i < 50; ++i) {
    slow.emplace_back(server_->port());
    slow.back().send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    slow.back().read_head();
  }
  const auto began = steady_clock::now();
  server_.reset();
  EXPECT_LT(steady_clock::now() - began, std::chrono::seconds(5));
  EXPECT_LT(slow.front().read_all().size(), 2 * kMiB);
}

TEST_F(HttpServerTest, ClientsThatLeaveAreForgotten) {
  answer_with(store(noise(8 * kMiB)));
  for (int i = 0; i < 50; ++i) {
    RawClient client = connect();
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    client.leave();
    RawClient sender = connect();
    sender.send("PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf");
    sender.leave();
  }
  EXPECT_EQ(body_of(get()).size(), 8 * kMiB);
}

// --- deliveries that are spoilt or slowed ---

TEST_F(HttpServerTest, DelaysTheAnswer) {
  answer_with({.text = "late", .delivery = {.delay = milliseconds(80)}});
  const auto began = steady_clock::now();
  EXPECT_EQ(body_of(get()), "late");
  EXPECT_GE(steady_clock::now() - began, milliseconds(80));
}

TEST_F(HttpServerTest, ResetsInsteadOfAnswering) {
  answer_with({.delivery = {.reset = true}});
  RawClient client = connect();
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(client.error(), ECONNRESET);
}

TEST_F(HttpServerTest, TruncatesAndCorruptsWhereItIsTold) {
  const std::string bytes = noise(kMiB);
  answer_with(store(bytes), {.truncate_at = 700'001});
  EXPECT_TRUE(body_of(get()) == bytes.substr(0, 700'001));
  answer_with(store(bytes), {.corrupt_at = 600'000});
  const std::string got = body_of(get());
  ASSERT_EQ(got.size(), bytes.size());
  std::vector<std::size_t> different;
  for (std::size_t i = 0; i < got.size(); ++i)
    if (got[i] != bytes[i]) different.push_back(i);
  EXPECT_EQ(different, std::vector<std::size_t>{600'000});
}

TEST_F(HttpServerTest, PausesInTheMiddle) {
  const std::string bytes = noise(kMiB);
  answer_with(store(bytes), {.stall_at = 300'000, .stall = milliseconds(80)});
  const auto began = steady_clock::now();
  EXPECT_TRUE(body_of(get()) == bytes);
  EXPECT_GE(steady_clock::now() - began, milliseconds(80));
}

TEST_F(HttpServerTest, KeepsToItsPace) {
  const std::string bytes = noise(kMiB);
  answer_with(store(bytes), {.bytes_per_second = 8 * kMiB});
  const auto began = steady_clock::now();
  EXPECT_TRUE(body_of(get()) == bytes);
  const auto took = steady_clock::now() - began;
  EXPECT_GE(took, milliseconds(100));  // 125 ms less the last piece
}

TEST_F(HttpServerTest, KeepsToItsPaceAlsoWithLittle) {
  const std::string bytes = noise(20'000);
  answer_with(store(bytes), {.bytes_per_second = 100'000});
  const auto began = steady_clock::now();
  EXPECT_TRUE(body_of(get()) == bytes);
  EXPECT_GE(steady_clock::now() - began, milliseconds(140));  // 200 ms less the last piece
}

TEST_F(HttpServerTest, KeepsToItsPaceWithWhatIsSent) {
  const std::string body = noise(100'000);
  upload_rate_ = 500'000;
  const auto began = steady_clock::now();
  RawClient client = connect();
  client.send(
      "PUT /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n" +
      body);
  EXPECT_TRUE(body_of(client.read_all()) == "100000:" + body);
  EXPECT_GE(steady_clock::now() - began, milliseconds(200));
}

TEST_F(HttpServerTest, ConnectionsShareOneLine) {
  const std::string bytes = noise(kMiB);
  answer_with(store(bytes));
  line_.set_rate(8 * kMiB);
  const auto began = steady_clock::now();
  RawClient one = connect();
  RawClient other = connect();
  for (RawClient* client : {&one, &other})
    client->send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(body_of(one.read_all()) == bytes);
  EXPECT_TRUE(body_of(other.read_all()) == bytes);
  EXPECT_GE(steady_clock::now() - began, milliseconds(230));  // 250 ms less the last piece
}

TEST_F(HttpServerTest, WhatIsSentSharesTheLineToo) {
  const std::string body = noise(kMiB);
  line_.set_rate(8 * kMiB);
  const auto began = steady_clock::now();
  std::list<RawClient> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(connect());
    clients.back().send("PUT /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n");
  }
  for (RawClient& client : clients) client.send(body);
  line_.out.set_rate(0);
  for (RawClient& client : clients)
    EXPECT_TRUE(body_of(client.read_all()) == std::to_string(body.size()) + ":" + body);
  EXPECT_GE(steady_clock::now() - began, milliseconds(250));
}

}  // namespace
}  // namespace stsfs::sim
