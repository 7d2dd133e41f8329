#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine_fixture.h"
#include "support/tls_server.h"

namespace stsfs::http {
namespace {

using stsfs::testing::Certificate;
using stsfs::testing::issue;
using stsfs::testing::make_ca;
using stsfs::testing::TlsServer;

class HttpTls : public HttpEngine {
 protected:
  HttpTls() {
    char path[] = "/tmp/stsfs-ca-XXXXXX";
    const UniqueFd fd(mkstemp(path));
    ca_file_ = path;
    EXPECT_TRUE(pwrite_full(fd.get(), as_bytes(ca_.certificate), 0));
  }
  ~HttpTls() override { unlink(ca_file_.c_str()); }

  void trust_own_ca() { restart({.ca_file = ca_file_}); }
  Error error_of(const Certificate& certificate) {
    TlsServer server(certificate, ok_answer("secret"));
    const auto response = send(get(server.url("/key")));
    if (response) return {Errc::kIo, "it was trusted", {}};
    return response.error();
  }

  const Certificate ca_ = make_ca("Test CA");
  std::string ca_file_;
};

TEST_F(HttpTls, TrustsTheCaThatItIsGiven) {
  trust_own_ca();
  TlsServer server(issue(ca_, {}), ok_answer("secret"));
  const auto response = send(get(server.url()));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "secret");
}

TEST_F(HttpTls, KeepsConnectionsAndResumesSessions) {
  trust_own_ca();
  TlsServer keeps(issue(ca_, {}), ok_answer("x"));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(send(get(keeps.url())));
  EXPECT_EQ(keeps.connections(), 1);
  TlsServer closes(issue(ca_, {}),
                   "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(send(get(closes.url())));
  EXPECT_EQ(closes.connections(), 5);
  EXPECT_GE(closes.sessions_resumed(), 3);
}

TEST_F(HttpTls, RefusesAnUnknownCaAndNamesTheRemedy) {
  const Error error = error_of(issue(ca_, {}));
  EXPECT_EQ(error.code, Errc::kInvalid);
  EXPECT_NE(error.message.find("127.0.0.1"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("cacert=FILE"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("whether it was changed"), std::string::npos) << error.message;
}

TEST_F(HttpTls, RefusesAForeignCaOfTheSameName) {
  trust_own_ca();
  TlsServer server(issue(make_ca("Test CA"), {}), ok_answer("secret"));
  EXPECT_FALSE(send(get(server.url())));
}

TEST_F(HttpTls, RefusesAnExpiredCertificateAndSpeaksOfTheClock) {
  trust_own_ca();
  const Error error =
      error_of(issue(ca_, {.valid_from_seconds = -7000, .valid_for_seconds = -3600}));
  EXPECT_EQ(error.code, Errc::kInvalid);
  EXPECT_NE(error.message.find("clock"), std::string::npos) << error.message;
  EXPECT_EQ(error.message.find("cacert"), std::string::npos) << error.message;
}

TEST_F(HttpTls, RefusesACertificateForAnotherNameAndSaysSo) {
  trust_own_ca();
  const Error error = error_of(issue(ca_, {.host = "other.test"}));
  EXPECT_EQ(error.code, Errc::kInvalid);
  EXPECT_NE(error.message.find("another name"), std::string::npos) << error.message;
}

TEST_F(HttpTls, TrustsOnlyTheCaThatItIsGiven) {
  const std::string other = ca_file_ + ".other";
  ASSERT_TRUE(write_file_atomically(other, make_ca("Another CA").certificate));
  restart({.ca_file = other});
  EXPECT_EQ(error_of(issue(ca_, {})).code, Errc::kInvalid);
  unlink(other.c_str());
}

TEST_F(HttpTls, RefusesAFileThatHoldsNoCa) {
  const std::string other = ca_file_ + ".other";
  ASSERT_TRUE(write_file_atomically(other, "no certificate at all\n"));
  restart({.ca_file = other});
  const Error error = error_of(issue(ca_, {}));
  EXPECT_EQ(error.code, Errc::kInvalid);
  EXPECT_NE(error.message.find("cacert="), std::string::npos) << error.message;
  unlink(other.c_str());
}

TEST_F(HttpTls, RefusesTls11) {
  trust_own_ca();
  TlsServer server(issue(ca_, {}), ok_answer("x"), TLS1_1_VERSION);
  const auto response = send(get(server.url()));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kUnavailable) << response.error().message;
}

TEST_F(HttpTls, ReportsAServerWithoutTlsAsUnavailable) {
  ScriptedServer plain([](Connection& connection) {
    connection.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    connection.wait_closed(milliseconds(1'000));
  });
  const auto response = send(get("https://127.0.0.1:" + std::to_string(plain.port()) + "/"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kUnavailable) << response.error().message;
  EXPECT_NE(response.error().message.find("speaks https"), std::string::npos);
}

}  // namespace
}  // namespace stsfs::http
