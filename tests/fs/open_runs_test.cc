// Files that were known and are opened again one after the other, as `git status` does: how many
// requests confirm them, and that they say no less than one each.

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;
using std::chrono::milliseconds;
using std::chrono::seconds;

class OpenRunsTest : public FolderTest {
 protected:
  OpenRunsTest() {
    for (const auto& [name, text] : files_) store_.put("users/alice/" + name, text);
    clock_.advance(seconds(5));
    for (const auto& [name, text] : files_) EXPECT_EQ(open(name), text);
    clock_.advance(seconds(5));
    started();
  }
  InodeNumber inode_of(const std::string& path) {
    InodeNumber at = InodeNumber::kRoot;
    for (const std::string_view name : split(path, '/'))
      at = lookup(at, name).value().attributes.inode;
    return at;
  }
  /// What is read through a new handle, or how it failed; by an inode that the kernel knows.
  std::string open(const std::string& path) {
    if (!inodes_.contains(path)) inodes_[path] = inode_of(path);
    const auto opened = folder_->open(context(), inodes_[path], O_RDONLY);
    if (!opened) return name_of(opened.error().code);
    auto text = read_handle(opened->handle, {0, 100});
    folder_->release(opened->handle);
    return text.value();
  }
  void open_all_below_git() {
    for (const auto& [name, text] : files_) {
      if (name == "other") continue;
      EXPECT_EQ(open(name), text);
    }
  }
  /// Requests since the last call; those that brought bytes are not counted.
  std::uint64_t started() {
    const std::uint64_t now = faulty_.started() - faulty_.started(Operation::kGet);
    return now - std::exchange(seen_, now);
  }
  std::uint64_t heads() { return faulty_.started(Operation::kHead); }

  const std::map<std::string, std::string> files_{
      {"git/HEAD", "ref"},    {"git/config", "config"},     {"git/index", "index"},
      {"git/info/ex", "ex"},  {"git/objects/0/1", "one"},   {"git/objects/2/3", "two"},
      {"git/packed", "refs"}, {"git/refs/heads/main", "1"}, {"other", "other"}};
  std::map<std::string, InodeNumber> inodes_;
  std::uint64_t seen_ = 0;
};

TEST_F(OpenRunsTest, AListingConfirmsThemAll) {
  for (int round = 0; round < 3; ++round) {
    open_all_below_git();
    EXPECT_EQ(started(), 2U) << round;  // the first one's HEAD, and the listing
    clock_.advance(seconds(5));
  }
}

TEST_F(OpenRunsTest, OneAloneIsAskedForAlone) {
  const std::uint64_t before = heads();
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(open("git/HEAD"), "ref");
    clock_.advance(seconds(5));
    EXPECT_EQ(open("git/config"), "config");
    clock_.advance(seconds(5));
  }
  EXPECT_EQ(started(), 10U);
  EXPECT_EQ(heads() - before, 10U);
}

// Who opens a file more than a second after another client closed it sees what that one wrote.
TEST_F(OpenRunsTest, WhatAnotherClientWroteIsSeen) {
  store_.put("users/alice/git/index", "theirs");
  store_.erase("users/alice/git/packed");
  store_.put("users/alice/git/info/ex", "ex", {{"mode", "33152"}});  // the same content
  EXPECT_EQ(open("git/HEAD"), "ref");
  EXPECT_EQ(open("git/config"), "config");
  EXPECT_EQ(open("git/index"), "theirs");
  EXPECT_EQ(open("git/packed"), name_of(Errc::kNotFound));
  EXPECT_EQ(open("git/info/ex"), "ex");
  EXPECT_EQ(folder_->getattr(context(), inodes_["git/info/ex"])->attributes.mode & 0777U, 0600U);
}

TEST_F(OpenRunsTest, AListingIsGoodForASecond) {
  EXPECT_EQ(open("git/HEAD"), "ref");
  EXPECT_EQ(open("git/config"), "config");
  clock_.advance(milliseconds(999));
  EXPECT_EQ(open("git/index"), "index");
  store_.put("users/alice/git/refs/heads/main", "2");
  clock_.advance(milliseconds(1));
  EXPECT_EQ(open("git/refs/heads/main"), "2");
}

// What was changed within a second of an answer may have changed again in the same second.
TEST_F(OpenRunsTest, AttributesThatMayBeOutrunAreAskedFor) {
  store_.put("users/alice/git/info/ex", "ex", {{"mode", "33188"}});
  EXPECT_EQ(open("git/info/ex"), "ex");
  store_.put("users/alice/git/info/ex", "ex", {{"mode", "33152"}});
  clock_.advance(milliseconds(1'200));
  EXPECT_EQ(open("git/HEAD"), "ref");
  EXPECT_EQ(open("git/config"), "config");
  EXPECT_EQ(open("git/info/ex"), "ex");
  EXPECT_EQ(folder_->getattr(context(), inodes_["git/info/ex"])->attributes.mode & 0777U, 0600U);
}

// `git status` behind a `git clone`.
TEST_F(OpenRunsTest, AListingConfirmsWhatWeWroteOurselves) {
  const auto name = [](int i) { return "file" + std::to_string(100 + i); };
  ASSERT_TRUE(folder_->mkdir(context(), InodeNumber::kRoot, "own", 0755));
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(write_file(inode_of("own"), name(i), std::to_string(i)));
  clock_.advance(seconds(5));
  started();
  const std::uint64_t gets = faulty_.started(Operation::kGet);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(open("own/" + name(i)), std::to_string(i));
  EXPECT_EQ(started(), 2U);
  EXPECT_EQ(faulty_.started(Operation::kGet), gets);
}

TEST_F(OpenRunsTest, OurOwnChangesStand) {
  EXPECT_EQ(open("git/HEAD"), "ref");
  EXPECT_EQ(open("git/config"), "config");
  ASSERT_TRUE(write_file(inode_of("git"), "index", "ours!"));
  clock_.advance(milliseconds(900));
  EXPECT_EQ(open("git/index"), "ours!");
  EXPECT_EQ(store_.content("users/alice/git/index"), "ours!");
}

TEST_F(OpenRunsTest, ADirectoryOfMoreThanAPageIsListedFromTheFileOn) {
  for (int i = 0; i < 1'500; ++i)
    store_.put("users/alice/git/objects/1/" + std::to_string(10'000 + i), "x");
  for (int round = 0; round < 2; ++round) {
    open_all_below_git();
    EXPECT_LE(started(), 5U) << round;
    clock_.advance(seconds(5));
  }
}

// Two files that lie far apart in a large directory are no reason to list it again and again.
TEST_F(OpenRunsTest, ListingsThatSpareNothingBecomeRare) {
  const auto lists = [&] { return faulty_.started(Operation::kList); };
  const std::uint64_t before = lists();
  for (int round = 0; round < 40; ++round) {
    EXPECT_EQ(open("git/HEAD"), "ref");
    EXPECT_EQ(open("git/config"), "config");
    clock_.advance(seconds(5));
  }
  EXPECT_LE(lists() - before, 2U);
}

TEST_F(OpenRunsTest, StrictConsistencyAsksForEach) {
  options_.fresh = options_.open_fresh = {};
  kill_and_begin();
  inodes_.clear();
  for (const auto& [name, text] : files_) EXPECT_EQ(open(name), text);
  const std::uint64_t before = heads();
  const std::uint64_t gets = faulty_.started(Operation::kGet);
  for (const auto& [name, text] : files_) EXPECT_EQ(open(name), text);
  EXPECT_GE(heads() - before + faulty_.started(Operation::kGet) - gets, files_.size());
}

}  // namespace
}  // namespace stsfs::fs
