#include "stsfs/http/engine.h"

#include <algorithm>
#include <atomic>
#include <future>

#include "engine_fixture.h"

namespace stsfs::http {
namespace {

/// `size` bytes, each telling its offset; fails or ends early at `bad_from`.
class PatternBody final : public BodySource {
 public:
  enum class Then { kNothing, kFails, kEnds };
  explicit PatternBody(std::uint64_t size, std::uint64_t bad_from = UINT64_MAX,
                       Then then = Then::kNothing)
      : size_(size), bad_from_(bad_from), then_(then) {}

  std::uint64_t size_bytes() const override { return size_; }
  Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> buffer) override {
    if (offset >= bad_from_) {
      if (then_ == Then::kFails) return fail(Errc::kCorrupt, "the disk says no");
      return std::size_t{0};
    }
    const auto count = std::min<std::uint64_t>({buffer.size(), size_ - offset, bad_from_ - offset});
    for (std::uint64_t i = 0; i < count; ++i) buffer[i] = at(offset + i);
    return static_cast<std::size_t>(count);
  }
  static std::byte at(std::uint64_t offset) { return static_cast<std::byte>(offset % 251); }

 private:
  const std::uint64_t size_;
  const std::uint64_t bad_from_;
  const Then then_;
};

std::string pattern(std::size_t size) {
  std::string out(size, 0);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(PatternBody::at(i));
  return out;
}

class HttpUpload : public HttpEngine {
 protected:
  Request put(const std::string& url, std::shared_ptr<BodySource> body) {
    Request request = get(url);
    request.method = Method::kPut;
    request.body = std::move(body);
    return request;
  }
};

TEST_F(HttpUpload, SendsBodiesWithTheirLengthAndNoExpect) {
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

TEST_F(HttpUpload, SendsAnEmptyPostWithLengthZero) {
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

TEST_F(HttpUpload, SendsTheWholeBodyAgainWhenAKeptConnectionTurnsOutClosed) {
  constexpr std::size_t kSize = 400'000;
  std::atomic<int> served = 0;
  std::promise<std::string> received;
  ScriptedServer server([&](Connection& connection) {
    if (served++ == 0) {
      connection.read_head();
      connection.send(ok_answer("first"));
      connection.read_head();
      connection.read_body(kSize);  // and closes without an answer, as after an idle time-out
      return;
    }
    connection.read_head();
    received.set_value(connection.read_body(kSize));
    connection.send(ok_answer("second"));
  });
  ASSERT_TRUE(send(get(server.url())));
  const auto response = send(put(server.url(), std::make_shared<PatternBody>(kSize)));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "second");
  EXPECT_TRUE(received.get_future().get() == pattern(kSize));
}

TEST_F(HttpUpload, TakesAnAnswerThatComesBeforeTheBodyIsSent) {
  ScriptedServer server([](Connection& connection) {
    connection.read_head();
    connection.send("HTTP/1.1 403 No\r\nContent-Length: 6\r\n\r\ndenied");
    connection.wait_closed(milliseconds(10'000), Connection::Unread::kLeave);
  });
  const auto begun = std::chrono::steady_clock::now();
  const auto response =
      send(put(server.url(), std::make_shared<PatternBody>(std::uint64_t{1} << 30)));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 403);
  EXPECT_EQ(response->body, "denied");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(400)) << "and no stall";
}

TEST_F(HttpUpload, PassesOnWhatASourceSays) {
  ScriptedServer server([](Connection& connection) {
    connection.read_head();
    connection.wait_closed(milliseconds(10'000));
  });
  const auto response = send(put(
      server.url(), std::make_shared<PatternBody>(1 << 20, 1 << 19, PatternBody::Then::kFails)));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kCorrupt);
  EXPECT_EQ(response.error().message, "the disk says no");
}

TEST_F(HttpUpload, FailsAtOnceWhenASourceEndsEarly) {
  ScriptedServer server([](Connection& connection) {
    connection.read_head();
    connection.wait_closed(milliseconds(10'000));
  });
  const auto response = send(
      put(server.url(), std::make_shared<PatternBody>(1 << 20, 1 << 19, PatternBody::Then::kEnds)));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kIo);
  EXPECT_NE(response.error().message.find("byte 524288 of 1048576"), std::string::npos)
      << response.error().message;
}

TEST_F(HttpUpload, CountsAServerThatStopsReadingAsStalled) {
  ScriptedServer server([](Connection& connection) {
    connection.read_head();
    connection.wait_closed(milliseconds(20'000), Connection::Unread::kLeave);
  });
  const auto response =
      send(put(server.url(), std::make_shared<PatternBody>(std::uint64_t{1} << 30)));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kUnavailable) << response.error().message;
}

}  // namespace
}  // namespace stsfs::http
