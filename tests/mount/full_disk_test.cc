// The state directory on a filesystem of a few MiB. Statements of stsfs(7) stand above the tests
// that hold them.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <future>
#include <map>
#include <string>
#include <vector>

#include "mount/cloud.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/random.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root mounts a tmpfs";
    std::filesystem::create_directories(state_);
    ASSERT_EQ(::mount("tmpfs", state_.c_str(), "tmpfs", 0, "size=8m,mode=0700"), 0)
        << std::strerror(errno);
  }
  void TearDown() override {
    if (user_.is_mounted()) user_.umount();
    umount2(state_.c_str(), MNT_DETACH);
  }
  void fault(const std::string& method, const std::string& json) const {
    run({"curl", "-sf", "-X", method, "-d", json, cloud_.admin_endpoint() + "/faults"});
  }
  /// The error of the first call that failed, or 0 when the file is closed.
  int store(const std::string& name, const std::string& text) const {
    UniqueFd fd(::open((user_ / name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!fd) return errno;
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t done = write(fd.get(), text.data() + at, text.size() - at);
      if (done < 0) return errno;
      at += static_cast<std::size_t>(done);
    }
    return ::close(fd.release()) == 0 ? 0 : errno;
  }
  std::string load(const std::string& name) const { return run({"cat", user_ / name}).said; }

  Cloud cloud_;
  MountedUser user_{cloud_, "small", "", false};
  const std::string state_ = user_.outside("STATE/stsfs/mounts");  // not the login beside it
};

// "A write for which the local disk has no room fails with ENOSPC; what was acknowledged before is
// kept, and goes on when there is room again."
TEST_F(FullDisk, KeepsWhatItAcknowledgedAndSaysWhenItIsFull) {
  ASSERT_EQ(user_.mount("commit=background").code, 0);
  fault("POST", R"({"operation":"PutObject","status":503,"code":"ServiceUnavailable"})");
  std::map<std::string, std::string> acknowledged;
  int error = 0;
  for (int i = 0; i < 200 && error == 0; ++i) {
    const std::string name = "f" + std::to_string(i);
    const std::string text = random_hex(50'000);
    error = store(name, text);
    if (error == 0) acknowledged[name] = text;
  }
  EXPECT_EQ(error, ENOSPC);
  EXPECT_GT(acknowledged.size(), 40U);  // some 6 MiB
  for (const auto& [name, text] : acknowledged) EXPECT_TRUE(load(name) == text) << name;
  user_.kill_daemon();
  umount2(user_.path().c_str(), MNT_DETACH);
  ASSERT_EQ(user_.mount("commit=background").code, 0);  // the journal still has room
  // And what there was room for of the one that failed, as on any disk.
  EXPECT_GE(std::stoul(user_.status("/pending/files")), acknowledged.size());
  fault("DELETE", "");
  ASSERT_EQ(user_.stsfs({"drain", user_.path()}).code, 0);
  for (const auto& [name, text] : acknowledged) EXPECT_TRUE(load(name) == text) << name;
  EXPECT_EQ(store("again", std::string(1'000'000, 'x')), 0);
}

// "a mount comes up also where others have filled the disk meanwhile, brings what is staged to OSS
// and accepts nothing new before there is room."
TEST_F(FullDisk, ComesUpAndDrainsWhereOthersHaveFilledIt) {
  ASSERT_EQ(user_.mount("commit=background").code, 0);
  fault("POST", R"({"operation":"PutObject","status":503,"code":"ServiceUnavailable"})");
  for (int i = 0; i < 5; ++i)
    ASSERT_EQ(store("f" + std::to_string(i), std::string(100'000, 'x')), 0);
  user_.kill_daemon();
  umount2(user_.path().c_str(), MNT_DETACH);
  const UniqueFd other(::open((state_ + "/other").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
  const std::string page(4096, 'x');
  while (write(other.get(), page.data(), page.size()) > 0) {
  }
  const Outcome back = user_.mount("commit=background");
  ASSERT_EQ(back.code, 0) << back.said;
  EXPECT_EQ(user_.status("/pending/files"), "5");
  EXPECT_EQ(store("new", std::string(100'000, 'y')), ENOSPC);
  fault("DELETE", "");
  ASSERT_EQ(user_.stsfs({"drain", user_.path()}).code, 0);
  EXPECT_EQ(user_.status("/pending/files"), "0");
  EXPECT_EQ(load("f4"), std::string(100'000, 'x'));
  ASSERT_EQ(ftruncate(other.get(), 0), 0);
  EXPECT_EQ(store("again", std::string(1'000'000, 'x')), 0);
}

// "While the local disk refuses what was written, the log, stsfs status and user.oss.last-error say
// so"
TEST_F(FullDisk, SaysThatItRefusesWhatWasWritten) {
  ASSERT_EQ(user_.mount("commit=background").code, 0);
  fault("POST", R"({"operation":"PutObject","status":503,"code":"ServiceUnavailable"})");
  std::string staging;
  for (const auto& one : std::filesystem::directory_iterator(state_)) staging = one.path();
  staging += "/staging";
  UniqueFd file(::open((user_ / "f").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  ASSERT_EQ(write(file.get(), "precious", 8), 8);
  // The name of what is staged cannot be brought to the disk.
  std::filesystem::rename(staging, staging + "-away");
  EXPECT_EQ(::close(file.release()), 0);
  const auto says = [&](bool wanted) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto said = [&] {
      return user_.status("/pending/some/0/last_error").find("local disk refuses") !=
             std::string::npos;
    };
    while (said() != wanted && std::chrono::steady_clock::now() < until) usleep(20'000);
    return said();
  };
  EXPECT_TRUE(says(true));
  std::filesystem::rename(staging + "-away", staging);
  EXPECT_FALSE(says(false));
  fault("DELETE", "");
  EXPECT_EQ(user_.stsfs({"drain", user_.path()}).code, 0);
}

// "A close that has to wait for it does so while others are being sent, … and it goes to OSS when
// there is some."
TEST_F(FullDisk, SendsOneAfterTheOtherWhatItHasNoRoomForTogether) {
  constexpr std::size_t kFiles = 3, kSize = 4'000'000;
  const auto open_file = [this](std::size_t i) {
    const std::string path = user_ / ("f" + std::to_string(i));
    return UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  };
  ASSERT_EQ(user_.mount().code, 0);
  std::vector<UniqueFd> files;
  for (std::size_t i = 0; i < kFiles; ++i) {
    UniqueFd made = open_file(i);
    ASSERT_EQ(ftruncate(made.get(), kSize), 0);  // needs no room
    ASSERT_EQ(::close(made.release()), 0);
    files.push_back(open_file(i));
  }
  std::string text(kSize, 0);
  for (std::size_t at = 100'000; at < kSize; at += 500'000) {
    text.replace(at, 7, "CHANGED");
    for (const UniqueFd& file : files)
      ASSERT_EQ(pwrite(file.get(), "CHANGED", 7, static_cast<off_t>(at)), 7);
  }
  std::vector<std::future<int>> closes;
  for (UniqueFd& file : files)
    closes.push_back(std::async(std::launch::async,
                                [fd = file.release()] { return ::close(fd) == 0 ? 0 : errno; }));
  for (auto& closed : closes) {
    const int error = closed.get();
    EXPECT_TRUE(error == 0 || error == ENOSPC) << std::strerror(error);
  }
  ASSERT_EQ(user_.stsfs({"drain", user_.path()}).code, 0);
  EXPECT_EQ(user_.umount().code, 0);
  ASSERT_EQ(user_.mount().code, 0);
  for (std::size_t i = 0; i < kFiles; ++i) EXPECT_TRUE(load("f" + std::to_string(i)) == text) << i;
}

TEST_F(FullDisk, AFileThatIsLargerThanItFailsAndHarmsNoOther) {
  ASSERT_EQ(user_.mount().code, 0);
  ASSERT_EQ(store("before", "kept"), 0);
  EXPECT_EQ(store("large", std::string(20'000'000, 'x')), ENOSPC);
  // Its room comes back with its RELEASE, which the kernel sends behind the close.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  int error = ENOSPC;
  for (int i = 0; error == ENOSPC && std::chrono::steady_clock::now() < until; ++i)
    error = store("after" + std::to_string(i), std::string(2'000'000, 'y'));
  EXPECT_EQ(error, 0);
  EXPECT_EQ(load("before"), "kept");
  EXPECT_EQ(user_.umount().code, 0);
}

}  // namespace
}  // namespace stsfs::mount_tests
