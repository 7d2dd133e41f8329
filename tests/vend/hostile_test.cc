// What a hostile client sends: each a clear refusal, and the server goes on. Over plain sockets, so
// that nothing between us and the server puts it right.

#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "config/listen_address.h"
#include "support/token_issuer.h"
#include "vend_fixture.h"

namespace stsfs::vend {
namespace {

using stsfs::testing::TokenIssuer;
using namespace std::chrono_literals;

std::string post(const std::string& path, const std::string& body,
                 const std::string& headers = {}) {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string get(const std::string& path, const std::string& headers = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
}
std::string bearer(const std::string& token) {
  return get("/v1/credentials", "Authorization: Bearer " + token + "\r\n");
}
std::string login(const std::string& user, const std::string& password = "x") {
  return post("/v1/login", nlohmann::json{{"username", user}, {"password", password}}.dump());
}
std::string jwt(const std::string& header, const std::string& claims,
                const std::string& signature) {
  return bearer(TokenIssuer::base64url(header) + "." + TokenIssuer::base64url(claims) + "." +
                signature);
}
std::string nested(char c, int depth) { return std::string(static_cast<std::size_t>(depth), c); }

struct Attack {
  const char* what;
  std::string request;
  /// 0: the connection may also just be closed.
  std::vector<int> statuses;
};

const std::string kClaims =
    R"({"iss":"https://id.example.com","aud":"stsfs","sub":"alice","exp":4000000000})";
const std::string kForm = "Content-Type: application/x-www-form-urlencoded\r\n";

std::vector<Attack> attacks() {
  return {
      // --- JSON ---
      {"no JSON", post("/v1/login", "{"), {400}},
      {"a JSON bomb of arrays", post("/v1/login", nested('[', 8'000)), {400}},
      {"a JSON bomb of objects", post("/v1/login", R"({"a":)" + nested('[', 7'000)), {400}},
      {"a name twice",
       post("/v1/login", R"({"username":"alice","username":"bob","password":"x"})"),
       {400}},
      {"a number for a name", post("/v1/login", R"({"username":1e999,"password":"x"})"), {400}},
      {"a number beyond all numbers",
       post("/v1/login", R"({"username":)" + nested('9', 7'000) + "}"),
       {400}},
      {"an object for a name",
       post("/v1/login", R"({"username":{"$ne":""},"password":"x"})"),
       {400}},
      {"bytes that are no UTF-8",
       post("/v1/login", "{\"username\":\"\xff\xfe\",\"password\":\"x\"}"),
       {400}},
      {"a lone surrogate", post("/v1/login", R"({"username":"\ud800","password":"x"})"), {400}},
      {"a body that is too long", post("/v1/login", nested('x', 9'000)), {413}},
      {"no body", post("/v1/login", ""), {400}},
      // --- names ---
      {"a null byte in a name", login(std::string("alice\0x", 7)), {401}},
      {"traversal in a name", login("../../etc"), {401}},
      {"two dots", login(".."), {401}},
      {"a wildcard", login("*"), {401}},
      {"a template in a name", login("${prefix}"), {401}},
      {"a policy in a name", login("a\"],\"Resource\":[\"*"), {401}},
      {"SQL in a name", login("alice' OR '1'='1"), {401}},
      {"a very long name", login(nested('a', 5'000)), {401}},
      {"a name in other letters", login("\xd0\xb0lice"), {401}},
      {"a very long password", login("alice", nested('p', 4'000)), {401}},
      // --- HTTP ---
      {"headers that are too long",
       get("/v1/credentials", "X-A: " + nested('x', 40'000) + "\r\n"),
       {431, 413, 400, 0}},
      {"very many headers",
       get("/",
           [] {
             std::string all;
             for (int i = 0; i < 3'000; ++i) all += "A" + std::to_string(i) + ": b\r\n";
             return all;
           }()),
       {431, 413, 400, 0}},
      {"a line that is too long", get("/" + nested('x', 40'000)), {414, 431, 400, 0}},
      {"a null byte in a path", get("/v1/credentials%00.css"), {404}},
      {"traversal in a path", get("/v1/../v1/admin/users"), {404}},
      {"an encoded path", get("/v1/%61dmin/users"), {404}},
      {"no Host", "GET /healthz HTTP/1.1\r\n\r\n", {400}},
      {"no method", " / HTTP/1.1\r\nHost: x\r\n\r\n", {400, 404, 405, 0}},
      {"an odd method",
       "FROB /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
       {405, 400, 501}},
      {"two lengths",
       "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 90\r\n\r\n{}",
       {400, 413, 0}},
      {"a length and chunks",
       "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\nTransfer-Encoding: "
       "chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
       {400, 0}},
      {"a negative length",
       "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
       {400, 413, 0}},
      {"a length beyond all numbers",
       "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
       {400, 413, 0}},
      {"a chunk that lies",
       "POST /v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
       "chunked\r\n\r\nffffffffffffffffff\r\n",
       {400, 413, 0}},
      {"a chunked body that is too long",
       "POST /v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2800\r\n" +
           nested('x', 0x2800) + "\r\n0\r\n\r\n",
       {413, 400, 0}},
      {"not HTTP",
       std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + nested('\0', 100) +
           "\r\n\r\n",
       {400, 0}},
      // --- tokens ---
      {"a token that is none", bearer("stsfs-" + nested('0', 64)), {401}},
      {"an endless token", bearer(nested('a', 12'500)), {401, 431, 400, 0}},
      {"a password for a token",
       get("/v1/credentials", "Authorization: Basic YWxpY2U6eA==\r\n"),
       {401}},
      {"alg none", jwt(R"({"alg":"none"})", kClaims, ""), {401}},
      {"alg None with a signature", jwt(R"({"alg":"None","kid":"k1"})", kClaims, "AAAA"), {401}},
      {"HS256 where ES256 is the key's",
       jwt(R"({"alg":"HS256","kid":"k1"})", kClaims, nested('A', 43)),
       {401}},
      {"a signature of zeros",
       jwt(R"({"alg":"ES256","kid":"k1"})", kClaims, nested('A', 86)),
       {401}},
      {"a key that the JWT brings along",
       jwt(R"({"alg":"ES256","kid":"k1","jwk":{"kty":"EC"},"jku":"https://evil.example/k"})",
           kClaims, nested('A', 86)),
       {401}},
      {"a kid that is a path",
       jwt(R"({"alg":"ES256","kid":"../../../etc/passwd"})", kClaims, nested('A', 86)),
       {401}},
      {"a JWT of another issuer",
       jwt(R"({"alg":"ES256","kid":"k1"})",
           R"({"iss":"https://evil.example","aud":"stsfs","sub":"alice","exp":4000000000})",
           nested('A', 86)),
       {401}},
      {"a JWT that is a bomb", jwt(nested('[', 5'000), kClaims, "AAAA"), {401}},
      {"a JWT with dots only", bearer(".."), {401}},
      {"an administrator's path with a user's token",
       get("/v1/admin/users", "Authorization: Bearer stsfs-0\r\n"),
       {401}},
      // --- devices and pages ---
      {"a device code that is a guess", post("/v1/device/token", R"({"device_code":"00"})"), {400}},
      {"a device code that is a list", post("/v1/device/token", R"({"device_code":["x"]})"), {400}},
      {"a form without its key",
       post("/device/sign-in", "username=alice&password=x", kForm),
       {403}},
      {"a form with a bad escape",
       post("/device/confirm", "form_key=%zz&decision=allow", kForm),
       {403}},
      {"a form as JSON",
       post("/device/confirm", "{}", "Content-Type: application/json\r\n"),
       {403}},
      {"a cookie that is a bomb",
       get("/device", "Cookie: stsfs-web=" + nested('x', 9'000) + "\r\n"),
       {200, 431}},
  };
}

class Hostile : public VendServer {
 protected:
  void SetUp() override {
    start({},
          "[oidc]\nissuer = \"https://id.example.com\"\naudiences = [\"stsfs\"]\n"
          "[limits]\nrequest_timeout_seconds = 3\nlockout_failures = 0\n");
  }
  Result<http::Response> answer(const fakes::ScriptedEngine::Asked& asked) override {
    if (!asked.url.starts_with("https://id.example.com/")) return VendServer::answer(asked);
    if (asked.url.ends_with("openid-configuration"))
      return http::Response{
          200, {}, R"({"issuer":"https://id.example.com","jwks_uri":"https://id.example.com/k"})"};
    return http::Response{200, {}, R"({"keys":[)" + issuer_.jwk() + "]}"};
  }
  UniqueFd connect_to_server() {
    const auto address = parse_listen_address(replica_->server().url().substr(7));
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{10, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(
        connect(fd.get(), reinterpret_cast<const sockaddr*>(&address->storage), address->size), 0);
    return fd;
  }
  /// The whole answer to `request`, as far as it comes; empty when the connection is closed without
  /// one.
  std::string exchange(const std::string& request) {
    const UniqueFd fd = connect_to_server();
    (void)send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
    std::string answer(16'384, '\0');
    const ssize_t got = recv(fd.get(), answer.data(), answer.size(), 0);
    answer.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return answer;
  }
  /// Nobody is held up for what others did: failures are counted by address, and all come from this
  /// one.
  void forgive() {
    for (const char* who :
         {"address:127.0.0.1", "user:alice", "user:(no name)", "admin:127.0.0.1", "code:127.0.0.1"})
      (void)replica_->service().office().throttle.unlock(who);
  }

  TokenIssuer issuer_{TokenIssuer::Kind::kP256, "k1"};
};

TEST_F(Hostile, ClientsAreRefusedClearlyAndTheServerGoesOn) {
  const auto all = attacks();
  EXPECT_GE(all.size(), 40u);
  for (const Attack& attack : all) {
    forgive();
    const auto start = std::chrono::steady_clock::now();
    const std::string answer = exchange(attack.request);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 8s) << attack.what;
    const int status = answer.starts_with("HTTP/1.1 ") ? std::atoi(answer.c_str() + 9) : 0;
    EXPECT_NE(std::find(attack.statuses.begin(), attack.statuses.end(), status),
              attack.statuses.end())
        << attack.what << ": " << answer.substr(0, 200);
    EXPECT_EQ(answer.find("terminate"), std::string::npos);
    EXPECT_EQ(replica_->get("/healthz").status, 200) << "after " << attack.what;
  }
  forgive();
  EXPECT_EQ(replica_->get("/v1/credentials", VendServer::login()).status, 200);
  EXPECT_EQ(audit().find("canary"), std::string::npos);
}

TEST_F(Hostile, ADeviceCodeThatWasUsedIsGoodForNothing) {
  const auto code = Replica::json_of(replica_->post("/v1/device/code", {}, "{}"));
  ASSERT_TRUE(*DeviceStore(*database_, system_clock()).decide(code["user_code"], "alice", true));
  const std::string poll = nlohmann::json{{"device_code", code["device_code"]}}.dump();
  EXPECT_EQ(replica_->post("/v1/device/token", {}, poll).status, 200);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(Replica::json_of(replica_->post("/v1/device/token", {}, poll))["error"],
              "expired_token");
}

TEST_F(Hostile, AnUnknownUserCostsWhatAKnownOneDoes) {
  // By the processor's time, of which hashing is all; the least of several, and what is told apart
  // is far apart: a busy machine doubles it.
  constexpr std::size_t kMemory = 1 << 18;
  const auto hash_with = [](unsigned long long passes) {
    return *hash_password(Secret(std::string_view("password")), {passes, kMemory});
  };
  const auto checker = PasswordChecker::create({16, kMemory});
  const auto cost = [&](const std::string& hash) {
    timespec before{}, after{};
    double least = 1e9;
    for (int i = 0; i < 8; ++i) {
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
      (void)(*checker)->verify(hash, Secret(std::string_view("wrong")));
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
      least = std::min(least, static_cast<double>(after.tv_sec - before.tv_sec) * 1e3 +
                                  static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e6);
    }
    return least;
  };
  const std::string known = hash_with(16);
  const double known_cost = cost(known), unknown_cost = cost(""), cheap_cost = cost(hash_with(1));
  EXPECT_GT(unknown_cost, 0.3 * known_cost);
  EXPECT_LT(unknown_cost, 3 * known_cost);
  EXPECT_GT(cheap_cost, 0.3 * known_cost) << "a hash of cheaper days tells nothing either";
  const double dear_cost = cost(hash_with(128));
  EXPECT_GT(dear_cost, 3 * known_cost);
  EXPECT_GT(cost(""), 0.3 * dear_cost) << "nor does one that is dearer than the present cost";
  EXPECT_GT(cost(known), 0.3 * dear_cost);
}

TEST_F(Hostile, ManyConnectionsThatTrickleDoNotStopALogin) {
  std::vector<UniqueFd> slow;
  for (int i = 0; i < 60; ++i) {
    slow.push_back(connect_to_server());
    (void)send(slow.back().get(), "POST /v1/login HTTP/1.1\r\nX: ", 28, MSG_NOSIGNAL);
  }
  EXPECT_EQ(replica_->try_login("alice", kPassword).status, 200);
  for (auto& fd : slow) (void)send(fd.get(), "y", 1, MSG_NOSIGNAL);
  EXPECT_EQ(replica_->try_login("alice", kPassword).status, 200);
}

}  // namespace
}  // namespace stsfs::vend
