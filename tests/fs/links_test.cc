// Several names of one file.

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;

constexpr InodeNumber kRoot = InodeNumber::kRoot;

class LinksTest : public FolderTest {
 protected:
  InodeNumber inode_of(std::string_view name, InodeNumber parent = kRoot) {
    const auto entry = lookup(parent, name);
    EXPECT_TRUE(entry) << name;
    return entry ? entry->attributes.inode : InodeNumber{};
  }
  std::uint32_t count_of(std::string_view name) { return lookup(name)->attributes.link_count; }
  Result<Entry> link(std::string_view from, std::string_view to, InodeNumber parent = kRoot) {
    return folder_->link(context(), inode_of(from), parent, to);
  }
  Result<void> unlink(std::string_view name) { return folder_->unlink(context(), kRoot, name); }
  Result<void> rename(std::string_view from, std::string_view to) {
    return folder_->rename(context(), kRoot, from, kRoot, to, RenameMode::kReplace);
  }
  /// What is kept for files with several names.
  std::size_t kept_objects() const {
    std::size_t out = 0;
    for (const std::string& key : store_.keys())
      out += key.starts_with("users/alice/.stsfs-links/");
    return out;
  }
  void begin_anew() {
    ASSERT_TRUE(drain());
    kill_and_begin();
  }
};

TEST_F(LinksTest, AreNamesOfOneInode) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  const InodeNumber a = inode_of("a");
  const auto made = link("a", "b");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->attributes.inode, a);
  EXPECT_EQ(made->attributes.link_count, 2U);
  EXPECT_EQ(count_of("a"), 2U);
  EXPECT_EQ(link("a", "b").error().code, Errc::kExists);
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "a", "b"}));
  EXPECT_EQ(read_file("b"), "text");
}

TEST_F(LinksTest, AreFoundAgainByTheNextMount) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  ASSERT_TRUE(link("a", "b", inode_of("d")));
  ASSERT_TRUE(link("a", "c"));
  begin_anew();
  EXPECT_EQ(inode_of("a"), inode_of("b", inode_of("d")));
  EXPECT_EQ(inode_of("a"), inode_of("c"));
  EXPECT_EQ(count_of("a"), 3U);
  EXPECT_EQ(read_file(inode_of("d"), "b"), "text");
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "a", "c", "d"}));
  EXPECT_EQ(lookup(".stsfs-links").error().code, Errc::kInvalid);
}

TEST_F(LinksTest, AreReadByEverybodyUnderEveryName) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  for (const char* name : {"users/alice/a", "users/alice/b"}) {
    EXPECT_EQ(store_.meta(name)->type, oss::ObjectType::kSymlink);
    const auto target = store_.content(name);  // a link's is its target's key
    EXPECT_EQ(store_.content(*target), "text");
  }
}

TEST_F(LinksTest, AreWrittenThroughAnyName) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  ASSERT_TRUE(write_file(kRoot, "b", "TEXT and more"));
  EXPECT_EQ(read_file("a"), "TEXT and more");
  ASSERT_TRUE(folder_->setattr(context(), inode_of("a"), std::nullopt, {.mode = 0600}));
  begin_anew();
  EXPECT_EQ(read_file("a"), "TEXT and more");
  EXPECT_EQ(lookup("b")->attributes.mode & 07777U, 0600U);
  EXPECT_EQ(count_of("a"), 2U);
}

TEST_F(LinksTest, GoOneByOneAndWithTheLastTheFile) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  ASSERT_TRUE(unlink("a"));
  EXPECT_EQ(lookup("a").error().code, Errc::kNotFound);
  EXPECT_EQ(count_of("b"), 1U);
  begin_anew();
  EXPECT_EQ(read_file("b"), "text");
  EXPECT_EQ(count_of("b"), 1U);
  const auto opened = folder_->open(context(), inode_of("b"), O_RDONLY);
  ASSERT_TRUE(unlink("b"));
  EXPECT_EQ(read_handle(opened->handle, {0, 10}), "text");
  folder_->release(opened->handle);
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(LinksTest, AreRenamedAlsoWithTheirDirectory) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  ASSERT_TRUE(write_file(inode_of("d"), "a", "text"));
  const InodeNumber file = inode_of("a", inode_of("d"));
  ASSERT_TRUE(folder_->link(context(), file, kRoot, "b"));
  ASSERT_TRUE(rename("b", "c"));
  EXPECT_EQ(inode_of("c"), file);
  ASSERT_TRUE(rename("d", "e"));
  begin_anew();
  EXPECT_EQ(read_file(inode_of("e"), "a"), "text");
  EXPECT_EQ(inode_of("c"), inode_of("a", inode_of("e")));
  EXPECT_EQ(count_of("c"), 2U);
}

TEST_F(LinksTest, AreReplacedByARename) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  ASSERT_TRUE(rename("a", "b"));  // two names of one file: nothing happens
  EXPECT_EQ(count_of("a"), 2U);
  ASSERT_TRUE(write_file(kRoot, "n", "new"));
  ASSERT_TRUE(rename("n", "b"));
  EXPECT_EQ(read_file("b"), "new");
  EXPECT_EQ(read_file("a"), "text");
  EXPECT_EQ(count_of("a"), 1U);
  ASSERT_TRUE(rename("a", "b"));
  begin_anew();
  EXPECT_EQ(read_file("b"), "text");
  EXPECT_EQ(kept_objects(), 2U);
  ASSERT_TRUE(unlink("b"));
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(LinksTest, OfAnotherClientAreRespected) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  // Another mount adds a name: a token of its own, and the name.
  const std::string content = *store_.content("users/alice/a");
  store_.put(content + ".another", "");
  ASSERT_TRUE(unlink("a"));
  ASSERT_TRUE(unlink("b"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content(content), "text");
}

TEST_F(LinksTest, LoseNothingWhereverTheyAreKilled) {
  for (std::uint64_t at = 1; at < 12; ++at) {
    const std::string a = "a" + std::to_string(at);
    const std::string b = "b" + std::to_string(at);
    ASSERT_TRUE(write_file(kRoot, a, "text"));
    const auto killed = [&] { faulty_.fail_everything(Error{Errc::kUnavailable, "killed", {}}); };
    for (const Operation kind : {Operation::kPut, Operation::kCopy, Operation::kPutSymlink})
      faulty_.before({.operation = kind, .from = (at + 2) / 3}, killed);
    const auto made = link(a, b);
    faulty_.fail_everything(std::nullopt);
    faulty_.heal();
    kill_and_begin();
    EXPECT_EQ(read_file(a), "text") << at;
    const auto other = read_file(b);
    EXPECT_TRUE(!made || other == "text") << at;
  }
}

TEST_F(LinksTest, AreOnlyForFiles) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  EXPECT_EQ(link("d", "e").error().code, Errc::kNotPermitted);
}

TEST_F(LinksTest, AreRefusedWhereTheBucketHasNoSymlinkObjects) {
  options_.symlink_objects = false;
  folder_->stop();
  folder_.reset();
  begin();
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  EXPECT_EQ(link("a", "b").error().code, Errc::kNotPermitted);
}

TEST_F(LinksTest, WithChangesThatAreNotInOssYetComeBackAsOneFile) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  faulty_.fail({.operation = Operation::kPut, .count = fakes::Calls::kAll},
               Error{Errc::kUnavailable, "gone", {}});
  EXPECT_FALSE(write_file(kRoot, "b", "changed"));
  kill_and_begin();
  faulty_.heal();
  folder_->resume();
  while (scheduler_.run_next()) {
  }
  ASSERT_TRUE(drain());
  begin_anew();
  EXPECT_EQ(read_file("a"), "changed");
  EXPECT_EQ(read_file("b"), "changed");
  EXPECT_EQ(count_of("a"), 2U);
}

}  // namespace
}  // namespace stsfs::fs
