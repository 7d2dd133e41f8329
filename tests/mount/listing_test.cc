// Directories through real mounts: what listing costs, what one mount sees of another's changes,
// and what becomes of changes of both. Statements of stsfs(7) stand above the tests that hold them.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "mount/cloud.h"
#include "stsfs/base/random.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

namespace file = std::filesystem;

void write_to(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  EXPECT_TRUE(out) << path;
}

std::string read_from(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return "(none)";
  return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> names_in(const std::string& path) {
  std::set<std::string> out;
  for (const auto& entry : file::directory_iterator(path)) out.insert(entry.path().filename());
  return out;
}

/// Stats every entry, as `ls -l` does. Returns how many there are.
int look_at_all(const std::string& path) {
  int out = 0;
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return -1;
  while (const dirent* entry = readdir(directory)) {
    struct stat stat {};
    if (fstatat(dirfd(directory), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0) ++out;
  }
  closedir(directory);
  return out - 2;
}

class Listing : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cloud_ = std::make_unique<Cloud>(); }
  static void TearDownTestSuite() { cloud_.reset(); }

  static std::uint64_t sent(MountedUser& user, const std::string& operation) {
    return std::stoull(user.status("/operations/" + operation + "/started"));
  }

  static inline std::unique_ptr<Cloud> cloud_;
};

/// One folder, mounted twice: as two machines would have it.
class TwoMounts : public Listing {
 protected:
  void mount_with(const std::string& options) {
    here_ = std::make_unique<MountedUser>(*cloud_, "u" + random_hex(4), options);
    there_ = here_->outside("there");
    file::create_directory(there_);
    const Outcome second =
        here_->stsfs({"mount", cloud_->vending_url(), there_, "-o",
                      "state=second" + (options.empty() ? std::string() : "," + options)});
    ASSERT_EQ(second.code, 0) << second.said;
  }
  void TearDown() override {
    const Outcome gone = here_->stsfs({"umount", there_});
    EXPECT_EQ(gone.code, 0) << gone.said;
  }
  std::string here(const std::string& name) const { return *here_ / name; }
  std::string there(const std::string& name) const { return there_ + "/" + name; }

  std::unique_ptr<MountedUser> here_;
  std::string there_;
};

/// "So whoever opens a file more than a second after another client closed it reads what that one
/// wrote."
TEST_F(TwoMounts, AnOpenReadsWhatWasClosedElsewhereASecondBefore) {
  mount_with("");
  write_to(here("f"), "first");
  EXPECT_EQ(read_from(there("f")), "first");
  write_to(here("f"), "second, and longer");
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  EXPECT_EQ(read_from(there("f")), "second, and longer");
}

// Also when it had been fetched before, because its reader goes through the directory.
TEST_F(TwoMounts, WhatWasFetchedAheadIsNoOlderThanThat) {
  mount_with("");
  file::create_directory(here("d"));
  const auto name = [](int number) { return "d/" + std::to_string(100 + number); };
  for (int i = 0; i < 12; ++i) write_to(here(name(i)), "first");
  EXPECT_EQ(names_in(there("d")).size(), 12U);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(read_from(there(name(i))), "first");
  for (int i = 6; i < 12; ++i) write_to(here(name(i)), "second, and longer");
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  for (int i = 6; i < 12; ++i) EXPECT_EQ(read_from(there(name(i))), "second, and longer");
}

/// "With consistency=strict every look at a name or a directory, and every open, asks."
TEST_F(TwoMounts, StrictSeesEverythingAtOnce) {
  mount_with("consistency=strict");
  for (int i = 0; i < 3; ++i) {
    const std::string text = "content " + std::to_string(i);
    write_to(here("f"), text);
    EXPECT_EQ(read_from(there("f")), text);
    EXPECT_EQ(file::file_size(there("f")), text.size());
    file::create_directory(here("d" + std::to_string(i)));
    EXPECT_TRUE(names_in(there_).contains("d" + std::to_string(i)));
  }
  file::remove(here("f"));
  ASSERT_EQ(here_->stsfs({"drain", here_->path()}).code, 0);  // the object goes behind the journal
  EXPECT_FALSE(file::exists(there("f")));
  EXPECT_FALSE(names_in(there_).contains("f"));
}

/// "What another client writes under that name meanwhile is not deleted."
TEST_F(TwoMounts, ARemovalSparesWhatIsWrittenElsewhereMeanwhile) {
  mount_with("");
  const auto name = [](int number) { return "z" + std::to_string(100 + number); };
  for (int i = 0; i < 40; ++i) write_to(here(name(i)), "ours");
  for (const char* one : {"removed", "renamed"}) write_to(here(one), "ours");
  for (const std::string& one : {std::string("removed"), std::string("renamed"), name(7)})
    EXPECT_EQ(read_from(there(one)), "ours");
  file::remove(here("removed"));
  write_to(there("removed"), "theirs");
  file::rename(here("renamed"), here("new"));
  write_to(there("renamed"), "theirs");
  for (int i = 0; i < 40; ++i) file::remove(here(name(i)));
  write_to(there(name(7)), "theirs");
  ASSERT_EQ(here_->stsfs({"drain", here_->path()}).code, 0);
  const std::set<std::string> left{"new", "removed", "renamed", name(7)};
  EXPECT_EQ(names_in(here_->path()), left);
  for (const std::string& one : left)
    EXPECT_EQ(read_from(here(one)), one == "new" ? "ours" : "theirs") << one;
}

/// "What is there when a file is renamed over it is looked at just before."
TEST_F(TwoMounts, ARenameOverALinkKeepsTheFileThatItHasBecomeElsewhere) {
  mount_with("");
  write_to(here("new"), "ours");
  file::create_symlink("new", here("name"));
  EXPECT_EQ(read_from(there("name")), "ours");
  file::remove(there("name"));
  write_to(there("name"), "theirs");
  file::rename(here("new"), here("name"));
  EXPECT_EQ(read_from(here("name")), "ours");
  std::map<std::string, std::string> found;
  std::set<std::string> texts;
  for (const std::string& one : names_in(here_->path()))
    texts.insert(found[one] = read_from(here(one)));
  EXPECT_EQ(texts, (std::set<std::string>{"ours", "theirs"})) << ::testing::PrintToString(found);
}

/// "With consistency=private nothing that is known is asked again" and "`stsfs refresh path` makes
/// what others changed at and below a path show at once."
TEST_F(TwoMounts, PrivateAsksNothingTwiceUntilItIsToldTo) {
  mount_with("consistency=private");
  file::create_directory(here("d"));
  write_to(here("d/f"), "first");
  EXPECT_EQ(names_in(there("d")), std::set<std::string>{"f"});
  EXPECT_EQ(read_from(there("d/f")), "first");
  write_to(here("d/f"), "second");
  write_to(here("d/g"), "new");
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  EXPECT_EQ(read_from(there("d/f")), "first");
  EXPECT_EQ(names_in(there("d")), std::set<std::string>{"f"});
  const Outcome refreshed = here_->stsfs({"refresh", there("d")});
  EXPECT_EQ(refreshed.code, 0) << refreshed.said;
  EXPECT_EQ(read_from(there("d/f")), "second");
  EXPECT_EQ(names_in(there("d")), (std::set<std::string>{"f", "g"}));
}

/// "What another client changes shows within the freshness time"
TEST_F(TwoMounts, NamesShowWithinTheFreshnessTime) {
  mount_with("freshness=1s");
  write_to(here("f"), "x");
  EXPECT_EQ(names_in(there_), std::set<std::string>{"f"});
  write_to(here("g"), "x");
  file::remove(here("f"));
  std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
  EXPECT_FALSE(file::exists(there("f")));
  EXPECT_TRUE(file::exists(there("g")));
  EXPECT_EQ(names_in(there_), std::set<std::string>{"g"});
}

/// "A version that another client wrote meanwhile is not overwritten. The new content is put beside
/// it under a name with .conflict-, close(2) returns ESTALE, and the path shows the other's
/// version." "O_EXCL is exclusive within one mount at once, and between machines when the file is
/// committed: the loser's close(2) returns EEXIST."
TEST_F(TwoMounts, OfAFileThatBothWriteNothingIsLost) {
  mount_with("freshness=1s");
  struct Case {
    std::string name;
    int flags;
    int error;  ///< Of the close that comes second.
  };
  write_to(here("whole"), "before");
  EXPECT_EQ(read_from(there("whole")), "before");
  for (const Case& one : {Case{"new", O_CREAT | O_EXCL, EEXIST}, Case{"whole", O_TRUNC, ESTALE}}) {
    const int first = open(here(one.name).c_str(), O_WRONLY | one.flags, 0644);
    const int second = open(there(one.name).c_str(), O_WRONLY | one.flags, 0644);
    ASSERT_TRUE(first >= 0 && second >= 0) << one.name << ": " << std::strerror(errno);
    EXPECT_EQ(write(first, "first", 5), 5);
    EXPECT_EQ(write(second, "other", 5), 5);
    EXPECT_EQ(close(first), 0) << one.name;
    EXPECT_EQ(close(second), -1) << one.name;
    EXPECT_EQ(errno, one.error) << one.name;
    EXPECT_EQ(read_from(there(one.name)), "first") << one.name;
    EXPECT_EQ(read_from(here(one.name)), "first") << one.name;
    std::string beside;
    for (const std::string& name : names_in(there_))
      if (name.starts_with(one.name + ".conflict-")) beside = name;
    ASSERT_NE(beside, "") << one.name;
    EXPECT_EQ(read_from(there(beside)), "other") << one.name << ": " << beside;
  }
}

TEST_F(Listing, NamesCostNoHeadAndAttributesAreRememberedOverARemount) {
  MountedUser user(*cloud_, "u" + random_hex(4));
  file::create_directory(user / "d");
  for (int i = 0; i < 150; ++i) write_to(user / ("d/f" + std::to_string(i)), "x");
  ASSERT_EQ(user.umount().code, 0);
  ASSERT_EQ(user.mount().code, 0);
  EXPECT_EQ(names_in(user / "d").size(), 150u);
  const std::uint64_t for_names = sent(user, "HeadObject");
  EXPECT_LE(for_names, 1u);  // of `d`, which could be a file
  EXPECT_EQ(look_at_all(user / "d"), 150);
  EXPECT_EQ(sent(user, "HeadObject"), for_names);
}

TEST_F(Listing, AWalkThroughSmallDirectoriesCostsFewRequests) {
  MountedUser user(*cloud_, "u" + random_hex(4), "commit=background");
  for (int d = 0; d < 25; ++d) {
    file::create_directory(user / ("d" + std::to_string(100 + d)));
    for (int i = 0; i < 6; ++i)
      write_to(user / ("d" + std::to_string(100 + d) + "/f" + std::to_string(i)), "x");
  }
  ASSERT_EQ(user.stsfs({"drain", user.path()}).code, 0);
  ASSERT_EQ(user.umount().code, 0);
  ASSERT_EQ(user.mount().code, 0);
  const std::uint64_t before = sent(user, "ListObjectsV2");
  int files = 0;
  for (const auto& entry : file::recursive_directory_iterator(user.path()))
    files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, 150);
  EXPECT_LE(sent(user, "ListObjectsV2") - before, 6u);
}

TEST_F(Listing, APositionInADirectoryStaysGoodWhileEntriesComeAndGo) {
  MountedUser user(*cloud_, "u" + random_hex(4), "commit=background");
  for (int i = 0; i < 60; ++i) write_to(user / ("f" + std::to_string(100 + i)), "x");
  DIR* directory = opendir(user.path().c_str());
  ASSERT_NE(directory, nullptr);
  for (int i = 0; i < 22; ++i) ASSERT_NE(readdir(directory), nullptr);
  const long position = telldir(directory);
  const dirent* next = readdir(directory);
  ASSERT_NE(next, nullptr);
  const std::string name = next->d_name;
  for (const char* gone : {"f100", "f101", "f150"}) file::remove(user / gone);
  write_to(user / "f100a", "x");
  seekdir(directory, position);
  next = readdir(directory);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(name, next->d_name);
  closedir(directory);
}

// 200 round trips of 250 ms are 50 s one after the other.
TEST_F(Listing, SmallFilesThatAreReadOneAfterTheOtherAreFetchedAhead) {
  MountedUser user(*cloud_, "copier");
  const std::string tree = user.outside("tree");
  for (int i = 0; i < 200; ++i) {
    const std::string directory = tree + "/" + std::to_string(i / 50);
    file::create_directories(directory);
    write_to(directory + "/" + std::to_string(1000 + i), std::string(4096, static_cast<char>(i)));
  }
  ASSERT_EQ(run({"cp", "-r", tree, user / "tree"}).code, 0);
  ASSERT_EQ(user.umount().code, 0);
  ASSERT_EQ(user.mount().code, 0);
  run({"curl", "-sf", "-d", R"({"latency_ms":250})", cloud_->admin_endpoint() + "/faults"});
  const std::string copy = user.outside("copy");
  const Outcome copied = run({"cp", "-r", user / "tree", copy}, {}, {}, std::chrono::seconds(40));
  run({"curl", "-sf", "-X", "DELETE", cloud_->admin_endpoint() + "/faults"});
  EXPECT_EQ(copied.code, 0) << copied.said;
  EXPECT_EQ(run({"diff", "-r", tree, copy}).code, 0);
  // What a machine that is busy comes to only after a second is asked for once more.
  EXPECT_LT(sent(user, "GetObject") + sent(user, "HeadObject"), 400U);
}

}  // namespace
}  // namespace stsfs::mount_tests
