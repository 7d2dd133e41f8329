// A directory that gets the name of another: what is known of what lay below that is not of what
// lies there now.

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;
using std::chrono::seconds;

/// A directory that takes the name of another, with equal files in it of other attributes.
class NamesakesOfTrees : public FolderTest {
 protected:
  NamesakesOfTrees() {
    make("d", 0700);
    make("e", 0750);
  }
  void make(std::string_view name, mode_t mode) {
    const auto directory = folder_->mkdir(context(), kRoot, name, 0755);
    ASSERT_TRUE(directory);
    const InodeNumber above = directory->attributes.inode;
    const auto below = folder_->mkdir(context(), above, "c", mode);
    ASSERT_TRUE(below);
    ASSERT_TRUE(folder_->setattr(context(), below->attributes.inode, {}, {.mode = mode}));
    const auto file = folder_->create(context(), above, "f", mode, O_WRONLY | O_CREAT);
    ASSERT_TRUE(file);
    ASSERT_TRUE(flush(file->second.handle));
    folder_->release(file->second.handle);
  }
  Result<void> rename(std::string_view from, std::string_view to) {
    return folder_->rename(context(), kRoot, from, kRoot, to, RenameMode::kReplace);
  }
  InodeNumber inode_of(std::string_view name, InodeNumber parent = kRoot) {
    const auto entry = lookup(parent, name);
    EXPECT_TRUE(entry) << name;
    return entry ? entry->attributes.inode : InodeNumber{};
  }
  void take_the_name() {
    ASSERT_TRUE(drain());
    ASSERT_TRUE(rename("d", "x"));
    ASSERT_TRUE(drain());
    ASSERT_TRUE(rename("e", "d"));
    ASSERT_TRUE(drain());
  }
  mode_t mode_of(InodeNumber parent, std::string_view name) {
    const auto entry = lookup(parent, name);
    EXPECT_TRUE(entry) << name;
    return entry ? entry->attributes.mode & 07777 : 0;
  }
};

// All within the second that LastModified tells.
TEST_F(NamesakesOfTrees, HaveTheAttributesThatCameAlong) {
  take_the_name();
  folder_->refresh();
  EXPECT_EQ(mode_of(inode_of("d"), "f"), 0750U);
  EXPECT_EQ(mode_of(inode_of("x"), "f"), 0700U);
}

TEST_F(NamesakesOfTrees, HaveThemAlsoBelowAnotherName) {
  clock_.advance(seconds(10));
  take_the_name();
  ASSERT_TRUE(folder_->rename(context(), inode_of("d"), "f", kRoot, "g", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  folder_->refresh();
  EXPECT_EQ(names(kRoot).size(), 5U);  // then its attributes are those that are known
  EXPECT_EQ(mode_of(kRoot, "g"), 0750U);
}

// What was known of a directory counts for a while whatever a listing shows.
TEST_F(NamesakesOfTrees, HaveThoseOfTheirDirectories) {
  take_the_name();
  const InodeNumber d = inode_of("d");
  folder_->forget(lookup(d, "c")->attributes.inode, 100);
  EXPECT_EQ(mode_of(d, "c"), 0750U);
}

// The one of before went by another client, and what was known of it stayed.
TEST_F(NamesakesOfTrees, HaveThemAlsoInThePlaceOfWhatAnotherClientRemoved) {
  ASSERT_TRUE(drain());
  for (const char* key : {"d/f", "d/c/", "d/"}) store_.erase(std::string("users/alice/") + key);
  clock_.advance(seconds(31));
  EXPECT_EQ(mode_of(inode_of("e"), "f"), 0750U);
  ASSERT_TRUE(rename("e", "d"));
  ASSERT_TRUE(drain());
  ASSERT_TRUE(folder_->rename(context(), inode_of("d"), "f", kRoot, "g", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  folder_->refresh();
  EXPECT_EQ(names(kRoot).size(), 4U);
  EXPECT_EQ(mode_of(kRoot, "g"), 0750U);
}

// It makes them in the place of what went, whose attributes were told a moment ago.
TEST_F(NamesakesOfTrees, OfAnotherClientHaveTheirOwn) {
  names(kRoot);
  clock_.advance(seconds(20));
  const InodeNumber c = inode_of("c", inode_of("d"));
  ASSERT_TRUE(folder_->setattr(context(), c, {}, {.mode = 0711}));
  ASSERT_TRUE(drain());
  ASSERT_TRUE(rename("d", "x"));
  ASSERT_TRUE(drain());
  clock_.advance(seconds(11));
  store_.put_with("users/alice/d/c/", "", {.headers = {.user = {{"mode", "0750"}}}});
  EXPECT_EQ(mode_of(inode_of("d"), "c"), 0750U);
}

// Small files that are read one after the other: those that come next are asked for before.
TEST_F(NamesakesOfTrees, HaveThemAlsoWhereThoseOfBeforeWereAskedForAhead) {
  const auto name = [](int i) { return std::to_string(100 + i); };
  for (int i = 0; i < 20; ++i) {
    store_.put_with("users/alice/d/" + name(i), "x", {.headers = {.user = {{"mode", "0700"}}}});
    store_.put_with("users/alice/e/" + name(i), "x", {.headers = {.user = {{"mode", "0750"}}}});
  }
  ASSERT_TRUE(drain());
  folder_->refresh();  // another client has made those
  const InodeNumber before = inode_of("d");
  names(before);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(read_file(before, name(i)), "x");
  ASSERT_GT(faulty_.started(Operation::kGet), 10U);
  take_the_name();
  const InodeNumber now = inode_of("d");
  for (int i = 10; i < 20; ++i) EXPECT_EQ(mode_of(now, name(i)), 0750U) << i;
}

}  // namespace
}  // namespace stsfs::fs
