// The program around the files: logging in, mounting, ending, crashing, renewing.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "mount/cloud.h"
#include "stsfs/base/random.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

namespace file = std::filesystem;
using std::chrono::seconds;
using std::chrono::steady_clock;

std::string read(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool mentions(const Outcome& outcome, const std::string& part) {
  return outcome.said.find(part) != std::string::npos;
}

class Program : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cloud_ = std::make_unique<Cloud>(); }
  static void TearDownTestSuite() { cloud_.reset(); }
  static std::string new_name() { return "u" + random_hex(4); }

  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }

  static std::unique_ptr<Cloud> cloud_;
};
std::unique_ptr<Cloud> Program::cloud_;

// --- doctor ---

TEST_F(Program, DoctorSaysWhatIsWellAndWhatIsNot) {
  MountedUser user(*cloud_, new_name());
  const Outcome well = user.stsfs({"doctor", cloud_->vending_url()});
  EXPECT_EQ(well.code, 0) << well.said;
  for (const char* about :
       {"fuse", "configuration", "login", "credential", "endpoint", "clock", "keys"})
    EXPECT_TRUE(mentions(well, std::string("ok       ") + about + ": ")) << about << well.said;
  ASSERT_EQ(user.stsfs({"logout", "--local", cloud_->vending_url()}).code, 0);
  const Outcome ill = user.stsfs({"doctor", cloud_->vending_url()});
  EXPECT_EQ(ill.code, 32) << ill.said;
  EXPECT_TRUE(mentions(ill, "FAILED   credential: ")) << ill.said;
  EXPECT_TRUE(mentions(ill, "stsfs login")) << ill.said;
}

// --- failing ---

// "No operation waits for ever: 30 seconds for metadata and reads, 60 seconds without progress for
// uploads (both are options). Then it fails with ETIMEDOUT."
TEST_F(Program, NoOperationWaitsForEver) {
  MountedUser user(*cloud_, new_name(), "metadata_timeout=2s,read_timeout=2s,commit_timeout=2s");
  write(user / "file", "text");
  cloud_->admin("/faults", {"-d", R"({"operation": "PutObject", "latency_ms": 30000})"});
  const auto begin = steady_clock::now();
  EXPECT_EQ(mkdir((user / "directory").c_str(), 0700), -1);
  EXPECT_EQ(errno, ETIMEDOUT);
  const int fd = open((user / "upload").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(::write(fd, "text", 4), 4);
  EXPECT_EQ(close(fd), -1);
  EXPECT_EQ(errno, ETIMEDOUT);
  cloud_->admin("/faults", {"-d", R"({"operation": "*", "latency_ms": 30000})"});
  EXPECT_EQ(open((user / "file").c_str(), O_RDONLY | O_CLOEXEC), -1);
  EXPECT_EQ(errno, ETIMEDOUT);
  EXPECT_LT(steady_clock::now() - begin, seconds(25));
  cloud_->admin("/faults", {"-X", "DELETE"});
}

// "A failure is in the log with OSS's error code, the request id and, where there is one, the
// remedy …"
TEST_F(Program, AFailureIsInTheLogWithAllThatIsKnownOfIt) {
  MountedUser user(*cloud_, new_name());
  cloud_->admin("/faults", {"-d", R"({"operation": "PutObject", "status": 403,
                                      "code": "AccessDenied", "count": 1})"});
  EXPECT_EQ(mkdir((user / "directory").c_str(), 0700), -1);
  EXPECT_EQ(errno, EACCES);
  cloud_->admin("/faults", {"-X", "DELETE"});
  const std::string log = user.variables().at("XDG_STATE_HOME") + "/stsfs/stsfs.log";
  const std::string last = "ask whoever administers the folder";
  const auto end = steady_clock::now() + seconds(20);
  while (!mentions({0, read(log)}, last) && steady_clock::now() < end) std::this_thread::yield();
  for (const std::string& part : {std::string("403 AccessDenied"), std::string(", request "), last})
    EXPECT_TRUE(mentions({0, read(log)}, part)) << read(log);
}

// --- ending ---

TEST_F(Program, UmountWaitsUntilTheDaemonHasEnded) {
  MountedUser user(*cloud_, new_name());
  const pid_t pid = user.daemon_pid();
  write(user / "file", "text");
  const Outcome gone = user.umount();
  EXPECT_EQ(gone.code, 0) << gone.said;
  EXPECT_FALSE(user.is_mounted());
  EXPECT_TRUE(wait_gone(pid, seconds(0)));
  const Outcome again = user.umount();
  EXPECT_EQ(again.code, 32);
  EXPECT_TRUE(mentions(again, "is not mounted")) << again.said;
}

TEST_F(Program, UmountFromOutsideEndsTheDaemon) {
  MountedUser user(*cloud_, new_name());
  const pid_t pid = user.daemon_pid();
  ASSERT_EQ(run({"fusermount3", "-u", user.path()}).code, 0);
  EXPECT_TRUE(wait_gone(pid, seconds(20)));
}

TEST_F(Program, AMountInUseIsNotUnmountedUnlessAskedTo) {
  MountedUser user(*cloud_, new_name());
  const pid_t pid = user.daemon_pid();
  {
    std::ofstream open_file(user / "file");
    const Outcome busy = user.umount();
    EXPECT_EQ(busy.code, 32);
    EXPECT_TRUE(mentions(busy, "in use")) << busy.said;
    EXPECT_TRUE(mentions(busy, "`fuser -vm " + user.path() + "`")) << busy.said;
    EXPECT_TRUE(mentions(busy, "`stsfs umount -z " + user.path() + "`")) << busy.said;
    EXPECT_EQ(user.stsfs({"umount", "--lazy", "--no-wait", user.path()}).code, 0);
    open_file << "text";
  }
  EXPECT_TRUE(wait_gone(pid, seconds(20)));
  ASSERT_EQ(user.mount().code, 0);
  EXPECT_EQ(read(user / "file"), "text");
}

/// Uploads to a folder fail as long as this is there, in a cloud of its own.
class PendingAtUmount : public ::testing::Test {
 protected:
  std::string refuse(const std::string& name) {
    const std::string told = cloud_.admin(
        "/faults", {"-X", "POST", "-d",
                    R"({"operation":"PutObject","status":503,"code":"ServiceUnavailable","key":")" +
                        ("users/pending/" + name) + R"("})"});
    return nlohmann::json::parse(told).at("id").get<std::string>();
  }
  void accept(const std::string& fault) { cloud_.admin("/faults?id=" + fault, {"-X", "DELETE"}); }
  void write(const std::string& name, std::size_t size) {
    std::ofstream(user_ / name) << std::string(size, 'x');
  }
  /// Waits until the output of a program says so.
  static bool says(const std::string& output, const std::string& part) {
    const auto end = steady_clock::now() + seconds(30);
    while (steady_clock::now() < end) {
      if (read(output).find(part) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

  Cloud cloud_;
  MountedUser user_{cloud_, "pending", "commit=background"};
};

TEST_F(PendingAtUmount, UmountTellsWhatItWaitsForAndHowFastItGoes) {
  const std::string first = refuse("first"), second = refuse("second");
  write("first", 1024);
  write("second", 2048);
  const pid_t pid = user_.daemon_pid();
  const std::string output = user_.outside("out");
  for (const auto& [name, value] : user_.variables()) setenv(name.c_str(), value.c_str(), 1);
  const Process umount({STSFS_PROGRAMS "/stsfs", "umount", user_.path()}, output);
  for (const auto& [name, value] : user_.variables()) unsetenv(name.c_str());
  EXPECT_TRUE(says(output, "waiting for 2 changes, 3.0 KiB, not in OSS yet\n")) << read(output);
  accept(first);
  EXPECT_TRUE(says(output, "waiting for 1 change, 2.0 KiB, ")) << read(output);
  EXPECT_TRUE(says(output, "/s, not in OSS yet\n")) << read(output);
  EXPECT_FALSE(wait_gone(umount.pid(), seconds(0)));
  accept(second);
  EXPECT_TRUE(wait_gone(umount.pid(), seconds(60)));
  EXPECT_TRUE(wait_gone(pid, seconds(0)));
}

// "… also after umount(8): the daemon ends when all is there."
TEST_F(PendingAtUmount, UmountThatDoesNotWaitTellsWhatTheDaemonGoesOnWith) {
  const std::string fault = refuse("file");
  write("file", 1024);
  const pid_t pid = user_.daemon_pid();
  const Outcome gone = user_.stsfs({"umount", "--no-wait", user_.path()});
  EXPECT_EQ(gone.code, 0) << gone.said;
  EXPECT_NE(gone.said.find("1 change, 1.0 KiB, not in OSS yet: the daemon goes on with it"),
            std::string::npos)
      << gone.said;
  EXPECT_FALSE(wait_gone(pid, seconds(0)));
  accept(fault);
  EXPECT_TRUE(wait_gone(pid, seconds(60)));
  ASSERT_EQ(user_.mount().code, 0);
  EXPECT_EQ(read(user_ / "file"), std::string(1024, 'x'));
}

// A killed daemon left a mount, and what was written is not in OSS.
class KilledWhilePending : public PendingAtUmount {
 protected:
  void SetUp() override {
    const std::string fault = refuse("file");
    write("file", 1024);
    user_.kill_daemon();
    accept(fault);
  }
  std::string tokens() const { return user_.variables().at("XDG_STATE_HOME") + "/stsfs/tokens"; }
};

TEST_F(KilledWhilePending, AMountThatCannotBeReplacedStays) {
  file::rename(tokens(), tokens() + ".away");
  const Outcome refused = user_.mount();
  EXPECT_EQ(refused.code, 32);
  EXPECT_TRUE(mentions(refused, "stsfs login")) << refused.said;
  EXPECT_TRUE(user_.is_mounted()) << "what is written there now would be hidden by the next mount";
  EXPECT_FALSE(std::ofstream(user_ / "beneath"));
  const Outcome all = user_.stsfs({"status"});
  EXPECT_TRUE(mentions(all, "mount again")) << all.said;
  EXPECT_FALSE(mentions(all, "nothing is mounted")) << all.said;
  file::rename(tokens() + ".away", tokens());
  const Outcome back = user_.mount();
  ASSERT_EQ(back.code, 0) << back.said;
  EXPECT_EQ(read(user_ / "file"), std::string(1024, 'x'));
}

TEST_F(KilledWhilePending, StatusTellsOfItUntilAMountGoesOnWithIt) {
  const std::string kept = "1 change not in OSS, made at " + user_.path() + ", kept in ";
  EXPECT_TRUE(mentions(user_.stsfs({"status"}), kept)) << "beside the dead mount";
  ASSERT_EQ(user_.umount().code, 0);
  const Outcome all = user_.stsfs({"status"});
  EXPECT_EQ(all.code, 0);
  EXPECT_TRUE(mentions(all, kept)) << all.said;
  EXPECT_TRUE(mentions(all, "stsfs rescue")) << all.said;
  const Outcome one = user_.stsfs({"status", user_.path()});
  EXPECT_EQ(one.code, 32);
  EXPECT_TRUE(mentions(one, user_.path() + " is not mounted; " + kept)) << one.said;
  ASSERT_EQ(user_.mount().code, 0);
  ASSERT_EQ(user_.stsfs({"drain", user_.path()}).code, 0);
  EXPECT_FALSE(mentions(user_.stsfs({"status"}), "kept in"));
  ASSERT_EQ(user_.umount().code, 0);
  EXPECT_FALSE(mentions(user_.stsfs({"status"}), "kept in"));
}

TEST_F(Program, TermUnmountsAndEnds) {
  MountedUser user(*cloud_, new_name());
  const pid_t pid = user.daemon_pid();
  kill(pid, SIGTERM);
  EXPECT_TRUE(wait_gone(pid, seconds(20)));
  EXPECT_FALSE(user.is_mounted());
}

TEST_F(Program, AKilledDaemonIsReplacedByMountingAgain) {
  MountedUser user(*cloud_, new_name());
  write(user / "file", "text");
  user.kill_daemon();
  EXPECT_TRUE(user.is_mounted());
  const Outcome silent = user.stsfs({"status", user.path()});
  EXPECT_EQ(silent.code, 32);
  EXPECT_TRUE(mentions(silent, "mount again")) << silent.said;
  const Outcome all = user.stsfs({"status"});
  EXPECT_TRUE(mentions(all, user.path() + " is mounted, but its daemon does not answer"))
      << all.said;
  EXPECT_FALSE(mentions(all, "nothing is mounted")) << all.said;
  const Outcome back = user.mount();
  ASSERT_EQ(back.code, 0) << back.said;
  EXPECT_EQ(read(user / "file"), "text");
}

TEST_F(Program, ADeadMountCanAlsoBeUnmounted) {
  MountedUser user(*cloud_, new_name());
  user.kill_daemon();
  const Outcome gone = user.umount();
  EXPECT_EQ(gone.code, 0) << gone.said;
  EXPECT_FALSE(user.is_mounted());
}

// --- not mounting ---

TEST_F(Program, OneFolderIsMountedOnceUnlessTheSecondHasAStateOfItsOwn) {
  MountedUser user(*cloud_, new_name());
  const Outcome here_again = user.mount();
  EXPECT_EQ(here_again.code, 32);
  EXPECT_TRUE(mentions(here_again, "mounted already")) << here_again.said;
  const std::string second = user.outside("second");
  file::create_directory(second);
  const Outcome refused = user.stsfs({"mount", cloud_->vending_url(), second});
  EXPECT_EQ(refused.code, 32);
  EXPECT_TRUE(mentions(refused, "state=NAME")) << refused.said;
  const Outcome taken =
      user.stsfs({"mount", cloud_->vending_url(), second, "-o", "state=second,freshness=0"});
  ASSERT_EQ(taken.code, 0) << taken.said;
  write(user / "file", "text");
  EXPECT_EQ(read(second + "/file"), "text");
  const Outcome all = user.stsfs({"status"});
  EXPECT_TRUE(mentions(all, second)) << all.said;
  EXPECT_TRUE(mentions(all, user.path())) << all.said;
  EXPECT_EQ(user.stsfs({"umount", second}).code, 0);
}

TEST_F(Program, TheReasonForNotMountingIsSaidWithTheExitCodeOfMount) {
  MountedUser user(*cloud_, new_name(), "", /*mount=*/false);
  const auto mount = [&](const std::string& source, const std::string& place,
                         const std::string& options) {
    return user.stsfs({"mount", source, place, "-o", options});
  };
  const std::string& url = cloud_->vending_url();
  const Outcome nowhere = mount(url, user / "none", "rw");
  EXPECT_EQ(nowhere.code, 32);
  EXPECT_TRUE(mentions(nowhere, "mkdir -p")) << nowhere.said;
  const Outcome wrong = mount(url, user.path(), "alow_other");
  EXPECT_EQ(wrong.code, 1);
  EXPECT_TRUE(mentions(wrong, "allow_other")) << wrong.said;
  const Outcome stranger = mount("http://127.0.0.1:1", user.path(), "mount_timeout=2s");
  EXPECT_EQ(stranger.code, 32);
  EXPECT_TRUE(mentions(stranger, "stsfs login")) << stranger.said;
  const Outcome inside = mount(url, user.path(), "state_dir=" + user.path() + "/state");
  EXPECT_EQ(inside.code, 1);
  EXPECT_TRUE(mentions(inside, "under the mount point")) << inside.said;
  EXPECT_FALSE(user.is_mounted());
}

TEST_F(Program, AWrongPasswordIsRefused) {
  MountedUser user(*cloud_, new_name(), "", /*mount=*/false);
  const Outcome refused = user.stsfs(
      {"login", cloud_->vending_url(), "--user", "nobody", "--password-stdin"}, "hunter22\n");
  EXPECT_EQ(refused.code, 32);
  EXPECT_TRUE(mentions(refused, "wrong password")) << refused.said;
  EXPECT_FALSE(mentions(refused, "stsfs login")) << "that is what was just done";
  EXPECT_FALSE(mentions(refused, "hunter22")) << refused.said;
}

// --- the other ways to mount ---

TEST_F(Program, MountStsfsTakesFstabsOptions) {
  MountedUser user(*cloud_, new_name(), "", /*mount=*/false);
  const std::string helper = user.outside("mount.stsfs");
  file::create_symlink(STSFS_PROGRAMS "/stsfs", helper);
  const Outcome mounted = run({helper, cloud_->vending_url(), user.path(), "-n", "-o",
                               "ro,noauto,_netdev,nofail,x-systemd.automount,nosuid,noatime"},
                              user.variables());
  ASSERT_EQ(mounted.code, 0) << mounted.said;
  EXPECT_EQ(mkdir((user / "directory").c_str(), 0700), -1);
  EXPECT_EQ(errno, EROFS);
}

TEST_F(Program, TheForegroundLogsToStderrAndEndsOnTerm) {
  MountedUser user(*cloud_, new_name(), "", /*mount=*/false);
  for (const auto& [name, value] : user.variables()) setenv(name.c_str(), value.c_str(), 1);
  const std::string output = user.outside("out");
  Process daemon({STSFS_PROGRAMS "/stsfs", "mount", "-f", cloud_->vending_url(), user.path()},
                 output);
  const auto end = steady_clock::now() + seconds(20);
  while (!mentions({0, read(output)}, "mounted ") && steady_clock::now() < end)
    std::this_thread::yield();
  EXPECT_TRUE(user.is_mounted()) << read(output);
  kill(daemon.pid(), SIGTERM);
  EXPECT_TRUE(wait_gone(daemon.pid(), seconds(20)));
  EXPECT_FALSE(user.is_mounted());
  for (const auto& [name, value] : user.variables()) unsetenv(name.c_str());
}

// --- status ---

TEST_F(Program, StatusShowsTheMountForPeopleAndPrograms) {
  MountedUser user(*cloud_, new_name());
  write(user / "file", "text");
  const Outcome people = user.stsfs({"status", user.path()});
  EXPECT_EQ(people.code, 0);
  EXPECT_TRUE(mentions(people, "oss://examplebucket/users/")) << people.said;
  EXPECT_TRUE(mentions(people, "all that was written is in OSS")) << people.said;
  EXPECT_EQ(user.status("/mount_point"), user.path());
  EXPECT_EQ(user.status("/pending/files"), "0");
  EXPECT_EQ(user.status("/operations/PutObject/started"), "1");
  EXPECT_EQ(user.status("/bytes_written"), "4");
}

TEST_F(Program, RefreshObtainsAnotherCredential) {
  MountedUser user(*cloud_, new_name());
  EXPECT_EQ(user.status("/credential/renewals"), "1");
  const Outcome done = user.stsfs({"refresh", user.path()});
  EXPECT_EQ(done.code, 0) << done.said;
  EXPECT_EQ(user.status("/credential/renewals"), "2");
}

TEST_F(Program, TheLogLevelCanBeChanged) {
  MountedUser user(*cloud_, new_name());
  EXPECT_EQ(user.stsfs({"log-level", user.path(), "debug"}).code, 0);
  EXPECT_EQ(user.status("/log_level"), "debug");
  kill(user.daemon_pid(), SIGHUP);  // back to what the options say
  const auto end = steady_clock::now() + seconds(20);
  while (user.status("/log_level") != "info" && steady_clock::now() < end) {
  }
  EXPECT_EQ(user.status("/log_level"), "info");
}

TEST(Renewal, GoesOnInTheBackgroundAndShowsInStatus) {
  Cloud cloud(3);
  MountedUser user(cloud, "alice");
  const std::string first = user.status("/credential/access_key_id");
  const auto end = steady_clock::now() + seconds(30);
  while (user.status("/credential/access_key_id") == first && steady_clock::now() < end) {
    std::ofstream(user / "file") << "text";
    EXPECT_TRUE(file::exists(user / "file"));
  }
  EXPECT_NE(user.status("/credential/access_key_id"), first);
  EXPECT_EQ(user.umount().code, 0);
}

}  // namespace
}  // namespace stsfs::mount_tests
