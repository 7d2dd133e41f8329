// Server and client over a real socket in a directory of the test's own.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "socket.h"
#include "stsfs/control/client.h"
#include "stsfs/control/server.h"
#include "support/temporary_directory.h"

#include <gtest/gtest.h>

namespace stsfs::control {
namespace {

using std::chrono::seconds;

class FakeService final : public Service {
 public:
  Status status() override { return status_; }
  Pending pending() override {
    const std::uint64_t left = pending_files.load();
    if (left > 0 && left != kStuck) --pending_files;
    return {.files = left, .bytes = left * 10};
  }
  Result<void> refresh(Deadline) override {
    if (refuse) return fail(Errc::kCredential, "log in again: stsfs login URL");
    return {};
  }
  void forget(const std::string& path) override { forgotten = path; }
  void hurry() override { ++hurries; }
  void set_log_level(LogLevel level) override { level_set = level; }

  static constexpr std::uint64_t kStuck = 1'000'000;
  Status status_;
  std::atomic<std::uint64_t> pending_files{0};
  std::atomic<bool> refuse{false};
  std::string forgotten = "nothing";
  std::atomic<int> hurries{0};
  std::atomic<LogLevel> level_set{LogLevel::kInfo};
};

class Control : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  void start() {
    auto server = Server::start(path_, service_, system_clock());
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  Deadline soon() const { return Deadline::in(system_clock(), seconds(20)); }
  LineChannel connect() const { return {connect_to(path_).value(), 1 << 20, -1, system_clock()}; }
  /// What the server says to one raw line.
  std::string answer_to(const std::string& line) const {
    LineChannel channel = connect();
    if (!channel.send(line, soon())) return "(not taken)";
    return channel.receive(soon()).value_or("(hung up)");
  }

  testing::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "run/stsfs/one.sock";
  FakeService service_;
  std::unique_ptr<Server> server_;
};

Status full_status() {
  Status status;
  status.version = "0.1.0";
  status.pid = 4711;
  status.started_at = WallTime(seconds(1'800'000'000));
  status.uptime = seconds(90);
  status.log_level = "info";
  status.mount_point = "/home/alice/cloud \xff";
  status.state_directory = "/home/alice/.local/state/stsfs/mounts/1";
  status.source = "https://vend.example.com";
  status.endpoint = "https://oss-cn-hangzhou.aliyuncs.com";
  status.bucket = "examplebucket";
  status.prefix = "users/alice/";
  status.read_only = true;
  status.credential.source = "vending server";
  status.credential.access_key_id = "STS.abc";
  status.credential.expiration = WallTime(seconds(1'800'003'600));
  status.credential.last_error = "refused";
  status.credential.renewals = 3;
  status.pending = {.files = 2, .bytes = 300, .some = {{"a\nb", 100, "NoSpace"}, {"c", 200, ""}}};
  status.operations["GetObject"] = {10, 1};
  status.bytes_read = std::uint64_t{1} << 40;
  status.http_in_flight = 5;
  status.kernel_requests = 77;
  status.memory_bytes = 12'345'678;
  status.disk_cache = {1 << 30, 5'000'000, 17, 4, 3};
  status.names_left_out = 6;
  status.read_memory = {
      .budget_bytes = 5, .used_bytes = 4, .highest_bytes = 3, .taken_away = 2, .waiting = 1};
  return status;
}

TEST(ControlStatus, ComesBackAsItWent) {
  const Status wanted = full_status();
  const auto got = parse_status(to_json(wanted));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->pid, wanted.pid);
  EXPECT_EQ(got->started_at, wanted.started_at);
  EXPECT_EQ(got->uptime, wanted.uptime);
  EXPECT_TRUE(got->read_only);
  EXPECT_EQ(got->credential.expiration, wanted.credential.expiration);
  EXPECT_EQ(got->credential.next_renewal, std::nullopt);
  EXPECT_EQ(got->credential.renewals, 3U);
  ASSERT_EQ(got->pending.some.size(), 2U);
  EXPECT_EQ(got->pending.some[0].path, "a\nb");
  EXPECT_EQ(got->pending.some[0].last_error, "NoSpace");
  EXPECT_EQ(got->operations.at("GetObject").failed, 1U);
  EXPECT_EQ(got->bytes_read, wanted.bytes_read);
  EXPECT_EQ(got->kernel_requests, 77U);
  EXPECT_EQ(got->disk_cache.used_bytes, 5'000'000U);
  EXPECT_EQ(got->disk_cache.misses, 4U);
  EXPECT_EQ(got->disk_cache.refused, 3U);
  EXPECT_EQ(got->read_memory.budget_bytes, 5U);
  EXPECT_EQ(got->read_memory.waiting, 1U);
  EXPECT_EQ(got->names_left_out, 6U);
}

TEST(ControlStatus, IsOneLineWhateverTheNames) {
  EXPECT_EQ(to_json(full_status()).find('\n'), std::string::npos);
}

TEST(ControlStatus, OtherTypesAreTakenAsAbsent) {
  const auto got =
      parse_status(R"({"pid":"x","credential":7,"pending":{"some":[1,{}],"files":-1}})");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->pid, 0);
  EXPECT_EQ(got->pending.files, 0U);
  EXPECT_EQ(got->pending.some.size(), 2U);
  EXPECT_FALSE(parse_status("[]"));
  EXPECT_FALSE(parse_status(std::string(100, '[')));
}

TEST_F(Control, StatusIsAnswered) {
  service_.status_ = full_status();
  const auto status = ask_status(path_, system_clock(), soon());
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->pid, 4711);
  EXPECT_EQ(status->credential.access_key_id, "STS.abc");
}

TEST_F(Control, RefreshSaysWhyNot) {
  EXPECT_TRUE(ask_refresh(path_, system_clock(), soon()));
  service_.refuse = true;
  const auto refused = ask_refresh(path_, system_clock(), soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kCredential);
  EXPECT_EQ(refused.error().message, "log in again: stsfs login URL");
}

TEST_F(Control, ForgetNamesThePath) {
  ASSERT_TRUE(ask_forget(path_, "photos/2024", system_clock(), soon()));
  EXPECT_EQ(service_.forgotten, "photos/2024");
  ASSERT_TRUE(ask_forget(path_, "", system_clock(), soon()));
  EXPECT_EQ(service_.forgotten, "");
}

TEST_F(Control, DrainWaitsUntilNothingIsPendingAndTellsOfIt) {
  service_.pending_files = 3;
  std::vector<std::uint64_t> steps;
  ASSERT_TRUE(ask_drain(path_, system_clock(), soon(),
                        [&](const Progress& progress) { steps.push_back(progress.files); }));
  EXPECT_EQ(steps, (std::vector<std::uint64_t>{3, 2, 1}));
  EXPECT_EQ(service_.hurries, 1);
}

TEST_F(Control, ADrainThatNobodyWaitsForEnds) {
  service_.pending_files = FakeService::kStuck;
  for (int i = 0; i < 3 * Server::kConnectionsMax; ++i) {
    LineChannel channel = connect();
    ASSERT_TRUE(channel.send(R"({"command":"drain"})", soon()));
    (void)channel.receive(soon());
  }
  // All of them hung up; were they still served, there would be no room for this one.
  const auto deadline = soon();
  while (!ask_status(path_, system_clock(), soon()) && !deadline.passed(system_clock())) {
  }
  EXPECT_TRUE(ask_status(path_, system_clock(), soon()));
}

TEST_F(Control, EndingTheServerEndsADrain) {
  service_.pending_files = FakeService::kStuck;
  LineChannel channel = connect();
  ASSERT_TRUE(channel.send(R"({"command":"drain"})", soon()));
  ASSERT_TRUE(channel.receive(soon()));
  server_.reset();
  EXPECT_FALSE(channel.receive(soon()));
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(Control, TheLogLevelIsSetByName) {
  EXPECT_TRUE(ask_log_level(path_, "debug", system_clock(), soon()));
  EXPECT_EQ(service_.level_set.load(), LogLevel::kDebug);
  EXPECT_EQ(ask_log_level(path_, "loud", system_clock(), soon()).error().code, Errc::kInvalid);
}

TEST_F(Control, NonsenseIsRefusedAndTheServerGoesOn) {
  EXPECT_NE(answer_to("not json").find("Invalid"), std::string::npos);
  EXPECT_NE(answer_to("[]").find("Invalid"), std::string::npos);
  EXPECT_NE(answer_to("{}").find("unknown command"), std::string::npos);
  EXPECT_NE(answer_to(R"({"command":{"a":1}})").find("unknown command"), std::string::npos);
  EXPECT_NE(answer_to(std::string(2'000, '[')).find("Invalid"), std::string::npos);
  EXPECT_NE(answer_to(std::string(100'000, 'x')).find("TooLarge"), std::string::npos);
  EXPECT_TRUE(ask_status(path_, system_clock(), soon()));
}

TEST_F(Control, TheSocketIsItsUsersAlone) {
  struct stat stat {};
  ASSERT_EQ(::stat(path_.c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat((directory_ / "run/stsfs").c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0700U);
}

TEST_F(Control, ADirectoryThatOthersMayWriteIsRefused) {
  ASSERT_EQ(chmod((directory_ / "run/stsfs").c_str(), 0777), 0);
  const auto refused = Server::start(directory_ / "run/stsfs/two.sock", service_, system_clock());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kDenied);
}

TEST_F(Control, WhatAKilledDaemonLeftIsReplaced) {
  server_.reset();
  { UniqueFd left = listen_at(path_).value(); }  // closed, but its name stays
  EXPECT_EQ(ask_status(path_, system_clock(), soon()).error().code, Errc::kNotFound);
  start();
  EXPECT_TRUE(ask_status(path_, system_clock(), soon()));
}

TEST_F(Control, PathsLongerThanSunPathWork) {
  server_.reset();
  const std::string path = directory_ / (std::string(200, 'd') + "/one.sock");
  const auto server = Server::start(path, service_, system_clock());
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_TRUE(ask_status(path, system_clock(), soon()));
}

TEST_F(Control, AskingWhereNobodyListensIsNotFound) {
  EXPECT_EQ(ask_status(directory_ / "none.sock", system_clock(), soon()).error().code,
            Errc::kNotFound);
  EXPECT_EQ(ask_status(directory_ / "no/such/dir.sock", system_clock(), soon()).error().code,
            Errc::kNotFound);
}

TEST_F(Control, AnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_FAIL() << "needs root: it becomes another user";
  int sockets[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  const UniqueFd ours(sockets[0]), theirs(sockets[1]);
  EXPECT_TRUE(peer_may_ask(ours.get()));
  ASSERT_EQ(seteuid(65'534), 0);  // now we are the other user, and root, the peer, may ask
  EXPECT_TRUE(peer_may_ask(ours.get()));
  int more[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, more), 0);
  ASSERT_EQ(seteuid(0), 0);
  const UniqueFd as_root(more[0]), as_nobody(more[1]);
  EXPECT_FALSE(peer_may_ask(as_root.get()));
}

}  // namespace
}  // namespace stsfs::control
