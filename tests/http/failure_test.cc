#include "stsfs/http/engine.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <latch>
#include <string>
#include <vector>

#include "engine_fixture.h"

namespace stsfs::http {
namespace {

class HttpFailure : public HttpEngine {};

/// A port on loopback where connections are refused: taken, so that nobody else gets it.
class DeadPort {
 public:
  DeadPort() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), generic, size), 0);
    EXPECT_EQ(::getsockname(socket_.get(), generic, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  std::string text() const { return std::to_string(port_); }

 private:
  UniqueFd socket_;
  int port_ = 0;
};

TEST_F(HttpFailure, FailsAtTheDeadlineOfASilentServer) {
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

TEST_F(HttpFailure, FailsAtOnceWhenTheDeadlineHasPassed) {
  EXPECT_EQ(send(get("http://127.0.0.1:1/", milliseconds(0))).error().code, Errc::kTimedOut);
}

TEST_F(HttpFailure, GivesUpATransferThatStalls) {
  ScriptedServer server([](Connection& connection) {
    connection.read_head();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstart");
    connection.wait_closed(milliseconds(20'000));
  });
  const auto response = send(get(server.url(), milliseconds(30'000)));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kUnavailable);
}

TEST_F(HttpFailure, ReportsTruncationResetAndRefusalAsUnavailable) {
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
  const auto refused = send(get("http://127.0.0.1:" + std::to_string(free_port) + "/"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kUnavailable);
  EXPECT_NE(refused.error().message.find("check the address"), std::string::npos)
      << refused.error().message;
}

TEST_F(HttpFailure, SaysWhenItIsTheProxyThatDoesNotDo) {
  ScriptedServer refuses(
      always("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"));
  const DeadPort dead;
  const std::string nobody = "http://127.0.0.1:" + dead.text();
  const auto said = [&](const std::string& url) { return send(get(url)).error().message; };
  restart({.proxy = nobody});
  for (const char* url : {"http://oss.test/a", "https://oss.test:8443/a", "http://[::1]:80/a"})
    EXPECT_NE(said(url).find("that is the proxy: check whether it is up"), std::string::npos)
        << said(url);
  restart({.proxy = refuses.url("")});
  EXPECT_NE(said("https://oss.test/a").find("407; that is the proxy's answer"), std::string::npos)
      << said("https://oss.test/a");
  restart({});
  EXPECT_EQ(said(nobody + "/a").find("that is the proxy"), std::string::npos)
      << said(nobody + "/a");
  const auto by_name = send(get("http://localhost:" + dead.text() + "/a"));
  if (by_name) return;  // somebody has that port of localhost's other address
  EXPECT_EQ(by_name.error().message.find("that is the proxy"), std::string::npos)
      << by_name.error().message;
}

TEST_F(HttpFailure, NeverRepeatsAProxyWhoseUrlIsNone) {
  for (const char* proxy :
       {"foo://me:s3cr3t@127.0.0.1:1", "http://me:s3cr3t@127.0.0.1:99999999",
        "http://me:a/s3cr3t@127.0.0.1:1", "http://me:a@s3cr3t@127.0.0.1:1", "me:s3cr3t"}) {
    restart({.proxy = proxy});
    const auto response = send(get("http://oss.test/a"));
    ASSERT_FALSE(response) << proxy;
    const std::string& said = response.error().message;
    EXPECT_EQ(said.find("s3cr3t"), std::string::npos) << said;
    EXPECT_NE(said.find("no URL of a proxy"), std::string::npos) << said;
    EXPECT_NE(said.find("http://[USER:PASSWORD@]HOST[:PORT]"), std::string::npos) << said;
    EXPECT_EQ(response.error().code, Errc::kInvalid) << proxy;
  }
}

TEST_F(HttpFailure, ReportsWhatIsNotHttpAsProtocol) {
  ScriptedServer server(always("SSH-2.0-OpenSSH\r\n\r\n"));
  const auto response = send(get(server.url()));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kProtocol) << response.error().message;
}

TEST_F(HttpFailure, BoundsHeaders) {
  std::string answer = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 100; ++i)
    answer += "X-" + std::to_string(i) + ": " + std::string(1000, 'x') + "\r\n";
  ScriptedServer server(always(answer + "Content-Length: 0\r\n\r\n"));
  EXPECT_EQ(send(get(server.url())).error().code, Errc::kProtocol);
}

TEST_F(HttpFailure, RefusesHeaderInjection) {
  ScriptedServer server(always(ok_answer("")));
  Request request = get(server.url());
  request.headers = {{"x-oss-meta-a", "1\r\nx-oss-acl: public-read"}};
  EXPECT_EQ(send(std::move(request)).error().code, Errc::kInvalid);
  EXPECT_EQ(send(get(server.url("/a\r\nHost: b"))).error().code, Errc::kInvalid);
}

TEST_F(HttpFailure, SaysHowFarItCameBeforeTheDeadline) {
  ScriptedServer server([](Connection& connection) {
    connection.read_head();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n" + std::string(2048, 'x'));
    connection.wait_closed(milliseconds(5'000));
  });
  const auto response = send(get(server.url("/key"), milliseconds(200)));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kTimedOut);
  EXPECT_NE(response.error().message.find("only 2.0 KiB of the answer"), std::string::npos)
      << response.error().message;
}

TEST_F(HttpFailure, TakesASlowBodyForNoStall) {
  restart({.stall_timeout = milliseconds(400)});
  ScriptedServer server([](Connection& connection) {
    connection.read_head();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n");
    for (int i = 0; i < 12; ++i) {
      connection.wait_closed(milliseconds(70));
      connection.send("x");
    }
  });
  const auto response = send(get(server.url()));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "xxxxxxxxxxxx");
}

TEST_F(HttpFailure, TakesAQueueForNoStall) {
  restart({.connections_max = 1, .stall_timeout = milliseconds(1'000)});
  ScriptedServer server([](Connection& connection) {
    while (!connection.read_head().empty()) {
      connection.wait_closed(milliseconds(150));
      connection.send(ok_answer("x"));
    }
  });
  std::latch all(10);
  std::vector<Transfer> transfers;
  for (int i = 0; i < 10; ++i)
    transfers.push_back(engine_->start(get(server.url()), [&](Result<Response> response) {
      EXPECT_TRUE(response) << response.error().message;
      all.count_down();
    }));
  all.wait();
}

TEST_F(HttpFailure, LetsARequestWaitLongerThanTheEngineWould) {
  restart({.stall_timeout = milliseconds(100)});
  ScriptedServer server([](Connection& connection) {
    connection.read_head();
    connection.wait_closed(milliseconds(500));  // works on a copy
    connection.send(ok_answer("copied"));
  });
  Request request = get(server.url());
  request.stall_timeout = milliseconds(9'000);
  const auto response = send(std::move(request));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "copied");
}

TEST_F(HttpFailure, BoundsABodyWithoutASink) {
  restart({.response_body_max_bytes = 1000});
  ScriptedServer server(always(ok_answer(std::string(1001, 'x'))));
  EXPECT_EQ(send(get(server.url())).error().code, Errc::kProtocol);
  CollectingSink sink;
  Request request = get(server.url());
  request.sink = &sink;
  EXPECT_TRUE(send(std::move(request))) << "a sink bounds itself";
}

TEST_F(HttpFailure, ReportsABrokenChunkedBody) {
  ScriptedServer server(
      always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n"));
  EXPECT_EQ(send(get(server.url())).error().code, Errc::kUnavailable);
}

TEST_F(HttpFailure, RefusesWhatIsNoUrlOfAServer) {
  for (const char* url : {"", "bucket.test/key", "file:///etc/passwd", "ftp://bucket.test/",
                          "http://", "https:///key", "http://user:password@bucket.test/"}) {
    const auto response = send(get(url));
    ASSERT_FALSE(response) << url;
    EXPECT_EQ(response.error().code, Errc::kInvalid) << url;
    EXPECT_EQ(response.error().message.find("password"), std::string::npos);
  }
}

TEST_F(HttpFailure, RefusesAZeroByteInAHeader) {
  ScriptedServer server(always(ok_answer("")));
  Request request = get(server.url());
  request.headers = {{"x-oss-meta-a", std::string("a\0b", 3)}};
  EXPECT_EQ(send(std::move(request)).error().code, Errc::kInvalid);
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(HttpFailure, GoesOnAfterFailures) {
  std::atomic<int> served = 0;
  ScriptedServer server([&](Connection& connection) {
    connection.read_head();
    if (served++ % 2 == 0) return connection.reset();
    connection.send(ok_answer("x"));
  });
  int good = 0;
  for (int i = 0; i < 20; ++i) good += send(get(server.url())) ? 1 : 0;
  EXPECT_EQ(good, 10);
}

}  // namespace
}  // namespace stsfs::http
