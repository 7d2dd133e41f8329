// A bucket may hold `foo` and `foo/x`: one name here, and the file under another.

#include <algorithm>
#include <set>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

/// Files beside directories of their names, with many keys between the two.
class FilesBesideDirectories : public FolderTest, public ::testing::WithParamInterface<int> {
 protected:
  FilesBesideDirectories() : FolderTest({.page_max = GetParam()}) {}

  void put(const std::string& name) { store_.put("users/alice/d/" + name, name); }
  /// `x`, `x!`, as many names as `between`, and `x/` where there is one.
  void put_all(int between) {
    for (const char* name : {"a", "foo", "foo!", "foo!1", "foo/in", "only", "only!", "zoo", "zoo!"})
      put(name);
    for (const char* before : {"foo-", "only#", "zoo,"})
      for (int i = 0; i < between; ++i) put(before + std::to_string(i));
    put("zoo/in");
  }
  /// All that is given from `cookie` on, by at most `at_once` a call, and where each begins.
  std::vector<std::pair<std::string, std::uint64_t>> read(HandleNumber handle, std::uint64_t cookie,
                                                          int at_once) {
    std::vector<std::pair<std::string, std::uint64_t>> out;
    for (bool more = true; more;) {
      more = false;
      int left = at_once;
      EXPECT_TRUE(folder_->readdir(context(), handle, cookie, [&](const DirectoryEntry& entry) {
        if (left-- == 0) return false;
        out.emplace_back(entry.name, cookie);
        cookie = entry.next_cookie;
        return more = true;
      }));
    }
    return out;
  }
};

TEST_P(FilesBesideDirectories, EachNameIsGivenOnceAsLookupHasItWhereverAReaderGoesOn) {
  const int between = 2 * GetParam() + GetParam() / 2;
  put_all(between);
  std::set<std::string> expected{
      ".",    "..",    "a",   "foo",  "foo!",           "foo!1",
      "only", "only!", "zoo", "zoo!", "stsfs%file:foo", "stsfs%file:zoo"};
  for (const char* before : {"foo-", "only#", "zoo,"})
    for (int i = 0; i < between; ++i) expected.insert(before + std::to_string(i));
  const InodeNumber d = lookup("d")->attributes.inode;
  for (const char* when : {"while it is listed", "when it is known"}) {
    SCOPED_TRACE(when);
    const auto handle = folder_->opendir(context(), d).value();
    const auto given = read(handle, 0, 1);
    std::set<std::string> names;
    for (const auto& [name, cookie] : given) EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(names, expected);
    for (std::size_t i = 1; i < given.size(); i += 1 + given.size() / 20) {
      const auto rest = read(handle, given[i].second, 100);
      EXPECT_TRUE(std::equal(rest.begin(), rest.end(), given.begin() + static_cast<long>(i),
                             given.end(),
                             [](const auto& a, const auto& b) { return a.first == b.first; }))
          << given[i].first;
    }
    folder_->releasedir(handle);
  }
  for (const auto& [name, type] : {std::pair("foo", S_IFDIR), std::pair("only", S_IFREG),
                                   std::pair("stsfs%file:zoo", S_IFREG)})
    EXPECT_EQ(lookup(d, name)->attributes.mode & S_IFMT, static_cast<mode_t>(type)) << name;
}

TEST_P(FilesBesideDirectories, WhoLooksANameUpIsNotToldOfTheFileWhileItIsListed) {
  put_all(4 * GetParam());
  const InodeNumber d = lookup("d")->attributes.inode;
  const auto handle = folder_->opendir(context(), d).value();
  ASSERT_TRUE(folder_->readdir(context(), handle, 0,
                               [&](const DirectoryEntry& entry) { return entry.name != "foo!"; }));
  EXPECT_TRUE(S_ISDIR(lookup(d, "zoo")->attributes.mode));
  EXPECT_TRUE(S_ISDIR(lookup(d, "foo")->attributes.mode));
  EXPECT_TRUE(S_ISREG(lookup(d, "only")->attributes.mode));
  EXPECT_TRUE(S_ISREG(lookup(d, "stsfs%file:foo")->attributes.mode));
  folder_->releasedir(handle);
}

// What is asked for so is not to be missed, whatever happens to the listing that shows it.
TEST_P(FilesBesideDirectories, TheFileIsFoundThoughWhatIsKnownOfTheDirectoryIsForgottenMeanwhile) {
  put_all(2 * GetParam());
  const InodeNumber d = lookup("d")->attributes.inode;
  const auto forget = [&] { folder_->refresh("d"); };
  folder_->refresh("");
  faulty_.before({.operation = oss::Operation::kList, .from = 1, .count = 1, .key = {}}, forget);
  EXPECT_TRUE(lookup(d, "stsfs%file:foo"));
  faulty_.before({.operation = oss::Operation::kList, .count = fakes::Calls::kAll, .key = {}},
                 forget);
  folder_->refresh("");
  const auto missed = lookup(d, "stsfs%file:zoo");
  ASSERT_FALSE(missed);
  EXPECT_EQ(missed.error().code, Errc::kUnavailable);
}

TEST_P(FilesBesideDirectories, TheFileIsThereUnderItsNameOnceTheDirectoryIsRemovedOrRenamed) {
  put_all(2 * GetParam());
  const InodeNumber d = lookup("d")->attributes.inode;
  for (const bool is_removed : {true, false}) {
    const char* name = is_removed ? "zoo" : "foo";
    const auto read_from_here = folder_->opendir(context(), d).value();  // and with it all is known
    EXPECT_GT(read(read_from_here, 0, 100).size(), 10U);
    folder_->releasedir(read_from_here);
    const auto inside = lookup(d, name);
    ASSERT_TRUE(inside);
    AttributeChange change;
    change.mode = 0700;
    ASSERT_TRUE(folder_->setattr(context(), inside->attributes.inode, std::nullopt, change));
    if (is_removed) {
      ASSERT_TRUE(folder_->unlink(context(), inside->attributes.inode, "in"));
      ASSERT_TRUE(folder_->rmdir(context(), d, name));
    } else {
      ASSERT_TRUE(folder_->rename(context(), d, name, d, "moved", RenameMode::kReplace));
    }
    EXPECT_EQ(read_file(d, name), name);
    auto all = names(d);
    EXPECT_EQ(std::count(all.begin(), all.end(), name), 1);
    EXPECT_EQ(std::count(all.begin(), all.end(), std::string("stsfs%file:") + name), 0);
  }
}

TEST_P(FilesBesideDirectories, TheFileIsThereOnceTheDirectoryIsRemovedWhileAllIsListed) {
  put_all(2 * GetParam());
  const InodeNumber d = lookup("d")->attributes.inode;
  for (const char* name : {"foo", "zoo"}) {
    for (const char* until : {"a", "zoo!"}) {
      SCOPED_TRACE(std::string(name) + " " + until);
      folder_->refresh("");
      const InodeNumber inside = lookup(d, name)->attributes.inode;
      const auto handle = folder_->opendir(context(), d).value();
      std::uint64_t cookie = 0;
      ASSERT_TRUE(folder_->readdir(context(), handle, 0, [&](const DirectoryEntry& entry) {
        cookie = entry.next_cookie;
        return entry.name != until;
      }));
      ASSERT_TRUE(folder_->unlink(context(), inside, "in"));
      ASSERT_TRUE(folder_->rmdir(context(), d, name));
      const auto all = names(d);
      EXPECT_EQ(std::count(all.begin(), all.end(), name), 1);
      EXPECT_EQ(read_file(d, name), name);
      read(handle, cookie, 100);
      folder_->releasedir(handle);
      EXPECT_EQ(read_file(d, name), name);
      const auto all_again = names(d);
      EXPECT_EQ(std::count(all_again.begin(), all_again.end(), name), 1);
      EXPECT_EQ(read_file(d, "only"), "only");
      ASSERT_TRUE(drain());
      store_.put(std::string("users/alice/d/") + name + "/in", "x");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Pages, FilesBesideDirectories, ::testing::Values(1, 2, 3, 7, 100, 1000));

}  // namespace
}  // namespace stsfs::fs
