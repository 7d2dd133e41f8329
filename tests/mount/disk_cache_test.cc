// The cache on the local disk through real mounts. Statements of mount.stsfs(8) stand above the
// tests that hold them.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "mount/cloud.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/random.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

namespace file = std::filesystem;

class DiskCache : public ::testing::Test {
 protected:
  void SetUp() override {
    large_ = bytes(5'000'001);
    write("large", large_);
    write("small", "a few words");
    remount();
  }

  static std::string bytes(std::size_t size) {
    std::string out(size, '\0');
    fill_random(std::as_writable_bytes(std::span(out)));
    return out;
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream out(user_ / name, std::ios::binary);
    out << text;
    out.close();
    EXPECT_TRUE(out) << name;
  }
  static std::string all_of(std::ifstream& in) { return {std::istreambuf_iterator<char>(in), {}}; }
  std::string read(const std::string& name) const {
    std::ifstream in(user_ / name, std::ios::binary);
    return all_of(in);
  }
  void remount() {
    if (user_.is_mounted()) {
      ASSERT_EQ(user_.umount().code, 0);
    }
    const Outcome back = user_.mount();
    ASSERT_EQ(back.code, 0) << back.said;
  }
  /// Reads both files, closes them with their last byte, and waits until the disk has them.
  void fill() {
    EXPECT_TRUE(read("large") == large_);
    EXPECT_EQ(read("small"), "a few words");
    const auto used = [&] { return std::atoll(user_.status("/disk_cache/used_bytes").c_str()); };
    for (int i = 0; i < 500 && (used() < 5'000'000 || blocks().size() < 6); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ASSERT_GE(used(), 5'000'000);
  }
  std::string fetched() { return user_.status("/operations/GetObject/started"); }
  std::string place() const { return user_.outside("CACHE/stsfs/blocks"); }
  std::vector<std::string> blocks() const {
    std::vector<std::string> out;
    for (const auto& entry : file::recursive_directory_iterator(place()))
      if (entry.is_regular_file() && entry.path().filename() != "ledger")
        out.push_back(entry.path());
    return out;
  }

  Cloud cloud_;
  MountedUser user_{cloud_, "alice", "cache_size=64M"};
  std::string large_;
};

// "a file that was read once, and is still the same, is not fetched again, by no mount of this user
// and after no restart; opening it asks OSS whether it is."
TEST_F(DiskCache, WhatWasReadOnceIsNotFetchedAgain) {
  fill();
  remount();
  EXPECT_TRUE(read("large") == large_);
  EXPECT_EQ(read("small"), "a few words");
  EXPECT_EQ(fetched(), "0");
  EXPECT_NE(user_.status("/disk_cache/hits"), "0");
}

// "mounts may share it"
TEST_F(DiskCache, TwoMountsOfOneUserShareIt) {
  const std::string second = user_.outside("second");
  mkdir(second.c_str(), 0700);
  const Outcome mounted =
      user_.stsfs({"mount", cloud_.vending_url(), second, "-o", "state=second,cache_size=64M"});
  ASSERT_EQ(mounted.code, 0) << mounted.said;
  fill();  // by the first, while the second is there
  std::ifstream in(second + "/large", std::ios::binary);
  EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(in), {}) == large_);
  in.close();
  const Outcome status = user_.stsfs({"status", "--json", second});
  EXPECT_NE(status.said.find("\"GetObject\":{\"failed\":0,\"started\":0}"), std::string::npos)
      << status.said;
  EXPECT_EQ(user_.stsfs({"umount", second}).code, 0);
}

TEST_F(DiskCache, WhatAnotherClientChangedIsFetched) {
  fill();
  const std::string theirs = bytes(5'000'001);
  std::ofstream(user_.outside("theirs"), std::ios::binary) << theirs;
  ASSERT_EQ(run({"curl", "-sSf", "-T", user_.outside("theirs"),
                 cloud_.admin_endpoint() + "/objects?bucket=examplebucket&key=users/alice/large"})
                .code,
            0);
  remount();
  EXPECT_TRUE(read("large") == theirs);
  EXPECT_EQ(read("small"), "a few words");
}

TEST_F(DiskCache, WhatIsDamagedThereIsFetchedAgain) {
  fill();
  ASSERT_EQ(user_.umount().code, 0);
  ASSERT_EQ(blocks().size(), 6u);
  int number = 0;
  for (const std::string& path : blocks()) {
    std::fstream block(path, std::ios::in | std::ios::out | std::ios::binary);
    block.seekp(number++ % 2 == 0 ? 4'100 : 20);
    block.put('!').put('?').put('!');
  }
  remount();
  EXPECT_TRUE(read("large") == large_);
  EXPECT_EQ(read("small"), "a few words");
}

// "it may be deleted at any time"
TEST_F(DiskCache, MayBeDeletedAtAnyTime) {
  fill();
  std::error_code error;  // the daemon may put something there while it goes
  do {
    file::remove_all(place(), error);
  } while (error == std::errc::directory_not_empty);
  EXPECT_FALSE(error) << error.message();
  remount();
  EXPECT_TRUE(read("large") == large_);
}

TEST_F(DiskCache, AKilledDaemonLeavesAGoodOne) {
  std::ifstream half(user_ / "large", std::ios::binary);
  half.ignore(2'500'000);
  user_.kill_daemon();
  half.close();
  remount();
  fill();
  remount();
  EXPECT_TRUE(read("large") == large_);
  EXPECT_EQ(fetched(), "0");
}

// "Where that lies, with mode 0700" "It must not be under the mount point."
// "what there is no room for is read from OSS, and counted in stsfs status."
TEST_F(DiskCache, OnAFullDiskItIsOnlySlower) {
  if (geteuid() != 0) GTEST_SKIP() << "only root mounts a tmpfs";
  ASSERT_EQ(user_.umount().code, 0);
  ASSERT_EQ(::mount("tmpfs", place().c_str(), "tmpfs", 0, "size=16m,mode=0700"), 0);
  const auto detach = [](const std::string* where) { umount2(where->c_str(), MNT_DETACH); };
  const std::string where = place();
  const std::unique_ptr<const std::string, decltype(detach)> mounted(&where, detach);
  const UniqueFd filled(::open((place() + "/filled").c_str(), O_WRONLY | O_CREAT, 0600));
  const std::string page(4096, 'x');
  for (std::uint64_t at = 0; pwrite_full(filled.get(), std::as_bytes(std::span(page)), at);)
    at += page.size();
  remount();
  EXPECT_TRUE(read("large") == large_);
  for (int i = 0; i < 500 && user_.status("/disk_cache/refused") == "0"; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_NE(user_.status("/disk_cache/refused"), "0");
  ASSERT_EQ(ftruncate(filled.get(), 0), 0);
  remount();
  fill();
  ASSERT_EQ(user_.umount().code, 0);
}

// Its process may be stopped, or its disk hang.
TEST_F(DiskCache, AProcessThatHoldsItsLockHoldsUpNoReader) {
  const std::string larger = bytes(20'000'000);
  write("larger", larger);
  ASSERT_EQ(user_.umount().code, 0);
  const UniqueFd ledger(::open((place() + "/ledger").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(flock(ledger.get(), LOCK_EX), 0);
  const Outcome back = user_.mount("cache_size=4M,read_timeout=5");
  ASSERT_EQ(back.code, 0) << back.said;
  EXPECT_TRUE(read("larger") == larger);
  EXPECT_TRUE(read("large") == large_);
  EXPECT_EQ(read("small"), "a few words");
}

TEST_F(DiskCache, APlaceThatOthersCanChangeOrThatIsTheMountItselfIsRefused) {
  ASSERT_EQ(user_.umount().code, 0);
  const std::string open_to_all = user_.outside("open");
  mkdir(open_to_all.c_str(), 0700);
  chmod(open_to_all.c_str(), 0777);
  Outcome refused = user_.mount("cache_dir=" + open_to_all);
  EXPECT_NE(refused.code, 0);
  EXPECT_NE(refused.said.find("mode 0700"), std::string::npos) << refused.said;
  refused = user_.mount("cache_dir=" + user_.path() + "/cache");
  EXPECT_NE(refused.code, 0);
  EXPECT_NE(refused.said.find("under the mount point"), std::string::npos) << refused.said;
}

}  // namespace
}  // namespace stsfs::mount_tests
