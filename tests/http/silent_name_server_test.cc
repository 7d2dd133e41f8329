// A name server that never answers, by standing in for getaddrinfo: a program's own definition is
// what its libraries call.

#include <dlfcn.h>
#include <netdb.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <vector>

#include "engine_fixture.h"

namespace {

/// Whoever asks for *.silent waits until the server speaks again.
class NameServer {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    while (silent_) changed_.wait(lock);
    --waiting_;
    changed_.notify_all();
  }
  void wait_until_asked() {
    std::unique_lock lock(mutex_);
    while (waiting_ == 0) changed_.wait(lock);
  }
  void be_silent() {
    const std::unique_lock lock(mutex_);
    silent_ = true;
  }
  void speak() {
    std::unique_lock lock(mutex_);
    silent_ = false;
    changed_.notify_all();
    while (waiting_ != 0) changed_.wait(lock);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool silent_ = false;
  int waiting_ = 0;
};

NameServer& name_server() {
  static auto* const server = new NameServer;  // threads that curl gave up may outlive the test
  return *server;
}

}  // namespace

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  const std::string_view host = name != nullptr ? name : "";
  if (host == "nowhere.test") return EAI_NONAME;
  if (host.ends_with(".silent")) {
    name_server().wait();
    return EAI_AGAIN;
  }
  using Function = decltype(&getaddrinfo);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(name, service, hints, found);
}

namespace stsfs::http {
namespace {

using std::chrono::steady_clock;

class SilentNameServer : public HttpEngine {
 protected:
  SilentNameServer() { name_server().be_silent(); }
  ~SilentNameServer() override { name_server().speak(); }

  Transfer start_unresolved() {
    Transfer transfer = engine_->start(get("http://bucket.silent/key"),
                                       [](Result<Response>) { FAIL() << "was cancelled"; });
    name_server().wait_until_asked();
    return transfer;
  }
};

TEST_F(SilentNameServer, DoesNotStopOtherTransfers) {
  ScriptedServer server(always(ok_answer("x")));
  Transfer unresolved = start_unresolved();
  for (int i = 0; i < 100; ++i) {
    const auto response = send(get(server.url(), milliseconds(2'000)));
    ASSERT_TRUE(response) << response.error().message;
  }
  unresolved.cancel();
}

TEST_F(SilentNameServer, DoesNotHoldUpACancel) {
  std::vector<Transfer> unresolved;
  for (int i = 0; i < 20; ++i) unresolved.push_back(start_unresolved());
  const auto begun = steady_clock::now();
  unresolved.clear();
  EXPECT_LT(steady_clock::now() - begun, milliseconds(1'000));
  ScriptedServer server(always(ok_answer("x")));
  EXPECT_TRUE(send(get(server.url())));
}

TEST_F(SilentNameServer, EndsAtTheDeadlineOfARequest) {
  const auto response = send(get("http://bucket.silent/key", milliseconds(100)));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kTimedOut);
  EXPECT_NE(response.error().message.find("bucket.silent/key: no connection"), std::string::npos)
      << response.error().message;
}

TEST_F(SilentNameServer, EndsAtTheConnectTimeout) {
  restart({.connect_timeout = milliseconds(100)});
  const auto response = send(get("http://bucket.silent/key"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kUnavailable);
  EXPECT_NE(response.error().message.find("bucket.silent"), std::string::npos)
      << response.error().message;
}

TEST_F(SilentNameServer, DoesNotHoldUpTheEndOfTheEngine) {
  Transfer unresolved = engine_->start(get("http://bucket.silent/key"), [](Result<Response> r) {
    EXPECT_EQ(r.error().code, Errc::kInterrupted);
  });
  name_server().wait_until_asked();
  const auto begun = steady_clock::now();
  engine_.reset();
  EXPECT_LT(steady_clock::now() - begun, milliseconds(1'000));
}

TEST_F(HttpEngine, NamesAHostThatDoesNotExist) {
  const auto response = send(get("http://nowhere.test/key?Signature=s"));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::kUnavailable);
  EXPECT_NE(response.error().message.find("nowhere.test"), std::string::npos);
  EXPECT_NE(response.error().message.find("name server"), std::string::npos);
  EXPECT_EQ(response.error().message.find("Signature"), std::string::npos);
}

}  // namespace
}  // namespace stsfs::http
