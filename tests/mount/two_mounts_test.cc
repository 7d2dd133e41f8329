// One folder in two mounts: what one sees of the other's changes, and what becomes of changes of
// both. Statements of stsfs(7) stand above the tests that hold them.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "mount/cloud.h"
#include "mount/whole_files.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/random.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

namespace file = std::filesystem;

/// One folder, mounted twice: as two machines would have it.
class TwoMounts : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cloud_ = std::make_unique<Cloud>(); }
  static void TearDownTestSuite() { cloud_.reset(); }

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

  static inline std::unique_ptr<Cloud> cloud_;
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

/// "Where nobody here has it open for writing, the name leads to a file of its own from then on,
/// with another inode number"
TEST_F(TwoMounts, WhoReadsWhatIsReplacedDoesNotTakeTheNewEndForHis) {
  mount_with("memory=64M");
  constexpr std::size_t kOld = 20'000'000, kNew = 5'000'000;
  const std::string old(kOld, 'o');
  for (const bool mapped : {false, true}) {
    SCOPED_TRACE(mapped);
    write_to(here("f"), old);
    std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
    const UniqueFd reader(::open(there("f").c_str(), O_RDONLY | O_CLOEXEC));
    std::string got(kOld, '\0');
    ASSERT_EQ(pread(reader.get(), got.data(), 1'000'000, 0), 1'000'000);
    write_to(here("f"), std::string(kNew, 'n'));
    std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
    const UniqueFd other(::open(there("f").c_str(), O_RDONLY | O_CLOEXEC));
    struct stat before {};
    struct stat now {};
    ASSERT_EQ(fstat(other.get(), &now), 0);
    EXPECT_EQ(now.st_size, off_t{kNew});
    void* const map = mapped ? mmap(nullptr, kNew, PROT_READ, MAP_SHARED, other.get(), 0) : nullptr;
    ASSERT_NE(map, MAP_FAILED);
    if (mapped) {
      EXPECT_EQ(std::string_view(static_cast<char*>(map), kNew), std::string(kNew, 'n'));
    }
    // From what the kernel read ahead, and then not at all.
    ssize_t bytes = 1;
    off_t at = 1'000'000;
    while ((bytes = pread(reader.get(), got.data(), 128 << 10, at)) > 0) {
      EXPECT_EQ(std::string_view(got).substr(0, static_cast<std::size_t>(bytes)),
                old.substr(0, static_cast<std::size_t>(bytes)));
      at += bytes;
    }
    EXPECT_TRUE((bytes == -1 && errno == ESTALE) || at == off_t{kOld}) << "ended at " << at;
    ASSERT_EQ(fstat(reader.get(), &before), 0);
    EXPECT_EQ(before.st_size, off_t{kOld});
    EXPECT_EQ(before.st_nlink, 0U);
    EXPECT_NE(before.st_ino, now.st_ino);
    if (mapped) munmap(map, kNew);
  }
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

/// "the changed parts are kept for stsfs rescue, stsfs status shows them as ASIDE", "unless it is
/// here because it has just been read".
TEST_F(TwoMounts, OfAFileThatOneChangesInPartsAndTheOtherAnewNothingIsLost) {
  mount_with("freshness=1s");
  for (const bool was_read : {true, false}) {
    const std::string name = was_read ? "read" : "unread";
    write_to(there(name), std::string(100'000, 'b'));
    const int changed = open(here(name).c_str(), O_RDWR);
    ASSERT_GE(changed, 0) << std::strerror(errno);
    std::string all(100'000, ' ');
    if (was_read) {
      EXPECT_EQ(pread(changed, all.data(), all.size(), 0), 100'000);
    }
    EXPECT_EQ(pwrite(changed, "ours", 4, 50'000), 4);
    write_to(there(name), "theirs");
    EXPECT_EQ(close(changed), -1) << name;
    EXPECT_EQ(errno, ESTALE) << name;
    EXPECT_EQ(read_from(here(name)), "theirs");
    EXPECT_EQ(read_from(there(name)), "theirs");
  }
  std::string beside;
  for (const std::string& name : names_in(here_->path()))
    if (name.starts_with("read.conflict-")) beside = name;
  ASSERT_NE(beside, "");
  const std::string kept = read_from(here(beside));
  EXPECT_EQ(kept.size(), 100'000U);
  EXPECT_EQ(kept.substr(49'999, 6), "boursb");

  const Outcome status = here_->stsfs({"status", here_->path()});
  EXPECT_NE(status.said.find("ASIDE"), std::string::npos) << status.said;
  const std::string rescued = here_->outside("rescued");
  const Outcome rescue = here_->stsfs({"rescue", rescued});
  EXPECT_EQ(rescue.code, 0) << rescue.said;
  std::multiset<std::string> changes;  // among what has just come to OSS
  for (const auto& one : file::recursive_directory_iterator(rescued))
    if (one.is_regular_file() && one.file_size() > 50'000)
      changes.insert(read_from(one.path()).substr(50'000, 4));
  EXPECT_EQ(changes, std::multiset<std::string>{"ours"}) << rescue.said;
}

/// "what another client has put there in the place of what was known is kept beside it, under a
/// name with .conflict-"
TEST_F(TwoMounts, ARenameOverWhatTheOtherHasWrittenKeepsThatBesideIt) {
  mount_with("");
  write_to(here("name"), "before");
  EXPECT_EQ(read_from(here("name")), "before");
  write_to(there("name"), "theirs");
  write_to(here("new"), "ours");
  file::rename(here("new"), here("name"));
  EXPECT_EQ(read_from(here("name")), "ours");
  std::string beside;
  for (const std::string& name : names_in(here_->path()))
    if (name.starts_with("name.conflict-")) beside = name;
  ASSERT_NE(beside, "");
  EXPECT_EQ(read_from(here(beside)), "theirs");
}

}  // namespace
}  // namespace stsfs::mount_tests
