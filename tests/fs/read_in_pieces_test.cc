// A directory that is read in pieces while it is renamed, or while others come to read it.

#include <algorithm>
#include <map>
#include <set>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;

/// Directories of several pages that are read a few entries at a time.
class ReadInPieces : public FolderTest {
 protected:
  ReadInPieces() : FolderTest({.page_max = 3}) {
    for (int i = 0; i < 10; ++i) all_.insert("f" + std::to_string(i));
    for (const std::string& name : all_) store_.put("users/alice/p/d/" + name, name);
    p_ = lookup("p")->attributes.inode;
    d_ = lookup(p_, "d")->attributes.inode;
    names(kRoot);  // so that a free name is known to be free
  }

  /// At most `count`; goes on at `cookie`.
  std::vector<std::string> read(HandleNumber handle, std::uint64_t& cookie, std::size_t count) {
    std::vector<std::string> out;
    EXPECT_TRUE(folder_->readdir(context(), handle, cookie, [&](const DirectoryEntry& entry) {
      if (out.size() == count) return false;
      out.emplace_back(entry.name);
      cookie = entry.next_cookie;
      return true;
    }));
    return out;
  }
  std::vector<std::string> read_rest(HandleNumber handle, std::uint64_t& cookie) {
    std::vector<std::string> out;
    for (auto piece = read(handle, cookie, 2); !piece.empty(); piece = read(handle, cookie, 2))
      out.insert(out.end(), piece.begin(), piece.end());
    return out;
  }
  /// A file that is open and nowhere in OSS.
  HandleNumber create(std::string_view name) {
    return folder_->create(context(), d_, name, 0644, O_WRONLY)->second.handle;
  }
  Result<void> rename(InodeNumber parent, std::string_view name, std::string_view new_name) {
    return folder_->rename(context(), parent, name, kRoot, new_name, RenameMode::kReplace);
  }
  /// Each exactly once.
  static void expect_all(std::set<std::string> expected, std::vector<std::string> shown) {
    expected.insert({".", ".."});
    std::sort(shown.begin(), shown.end());
    EXPECT_EQ(shown, std::vector<std::string>(expected.begin(), expected.end()));
  }

  std::set<std::string> all_;
  InodeNumber p_{}, d_{};
};

TEST_F(ReadInPieces, ADirectoryShowsAllThatIsInItWhereverItIsRenamedMeanwhile) {
  std::string place = "d";
  InodeNumber above = p_;
  int number = 0;
  for (const std::size_t before : {1U, 2U, 3U, 7U, 11U}) {
    for (const bool is_above : {false, true}) {
      SCOPED_TRACE(std::to_string(before) + (is_above ? " above" : ""));
      const auto handle = folder_->opendir(context(), d_).value();
      std::uint64_t cookie = 0;
      auto shown = read(handle, cookie, before);
      const std::uint64_t back = cookie;
      const std::string next = "n" + std::to_string(number++);
      if (is_above) {  // it lies in the folder itself: made to lie in another one first
        const InodeNumber q = folder_->mkdir(context(), kRoot, next, 0755)->attributes.inode;
        ASSERT_TRUE(folder_->rename(context(), above, place, q, "d", RenameMode::kReplace));
        place = "d";
        above = q;
        ASSERT_TRUE(rename(kRoot, next, next + "x"));
      } else {
        ASSERT_TRUE(rename(above, place, next));
        place = next;
        above = kRoot;
      }
      const auto rest = read(handle, cookie, 100);
      shown.insert(shown.end(), rest.begin(), rest.end());
      expect_all(all_, shown);
      std::uint64_t again = back;  // seekdir
      EXPECT_EQ(read(handle, again, 100), rest);
      folder_->releasedir(handle);
      if (number % 4 == 0) {
        EXPECT_TRUE(drain());
      }
    }
  }
}

TEST_F(ReadInPieces, ADirectoryShowsAllThatIsInItWhenItIsOpenedWhileItIsRenamed) {
  std::optional<HandleNumber> handle;
  std::uint64_t cookie = 0;
  std::vector<std::string> shown;
  faulty_.before({.operation = Operation::kList}, [&] {
    handle = folder_->opendir(context(), d_).value();
    shown = read(*handle, cookie, 1);
  });
  ASSERT_TRUE(rename(p_, "d", "moved"));
  ASSERT_TRUE(handle);
  const auto rest = read(*handle, cookie, 100);
  shown.insert(shown.end(), rest.begin(), rest.end());
  expect_all(all_, shown);
  folder_->releasedir(*handle);
}

/// Both share a listing, whose pages tell of what was there before.
TEST_F(ReadInPieces, WhoComesLaterIsShownWhatWasMadeAnewUnderNamesThatWent) {
  const auto first = folder_->opendir(context(), d_).value();
  std::uint64_t first_cookie = 0;
  ASSERT_EQ(read(first, first_cookie, 3).back(), "f0");
  std::map<std::string, HandleNumber> open;
  // On a page that is here, on the next one, on one to come.
  for (const std::string name : {"f1", "f4", "f9"}) {
    ASSERT_TRUE(folder_->unlink(context(), d_, name));
    open[name] = create(name);
  }
  ASSERT_TRUE(rename(d_, "f2", "moved"));
  all_.erase("f2");

  const auto second = folder_->opendir(context(), d_).value();
  std::uint64_t cookie = 0;
  auto shown = read(second, cookie, 4);
  const std::uint64_t back = cookie;
  ASSERT_TRUE(flush(open["f4"]));  // brought to OSS meanwhile
  const auto rest = read_rest(second, cookie);
  std::uint64_t again = back;  // seekdir
  EXPECT_EQ(read_rest(second, again), rest);
  shown.insert(shown.end(), rest.begin(), rest.end());
  expect_all(all_, shown);
  for (const auto& [name, handle] : open) folder_->release(handle);
  folder_->releasedir(second);
  folder_->releasedir(first);
}

/// What is on a page does not come behind all pages as well: it has to be shown where it stands.
TEST_F(ReadInPieces, WhatIsMadeAnewIsShownOnceThoughItComesToOssBehindItsPage) {
  const auto first = folder_->opendir(context(), d_).value();
  std::uint64_t first_cookie = 0;
  read(first, first_cookie, 3);
  ASSERT_TRUE(folder_->unlink(context(), d_, "f1"));
  const auto open = create("f1");
  const auto second = folder_->opendir(context(), d_).value();
  std::uint64_t cookie = 0;
  auto shown = read(second, cookie, 6);
  ASSERT_TRUE(flush(open));
  const auto rest = read_rest(second, cookie);
  shown.insert(shown.end(), rest.begin(), rest.end());
  expect_all(all_, shown);
  folder_->release(open);
  folder_->releasedir(second);
  folder_->releasedir(first);
}

TEST_F(ReadInPieces, WhatIsMadeAnewAndGoesAgainIsNotShown) {
  const auto first = folder_->opendir(context(), d_).value();
  std::uint64_t first_cookie = 0;
  read(first, first_cookie, 3);
  std::vector<HandleNumber> open;
  for (const std::string name : {"f1", "f9"}) {
    ASSERT_TRUE(folder_->unlink(context(), d_, name));
    open.push_back(create(name));
  }
  const auto second = folder_->opendir(context(), d_).value();
  std::uint64_t cookie = 0;
  auto shown = read(second, cookie, 3);
  for (const std::string name : {"f1", "f9"}) {
    ASSERT_TRUE(folder_->unlink(context(), d_, name));
    all_.erase(name);
  }
  const auto rest = read_rest(second, cookie);
  shown.insert(shown.end(), rest.begin(), rest.end());
  expect_all(all_, shown);
  for (const HandleNumber handle : open) folder_->release(handle);
  folder_->releasedir(second);
  folder_->releasedir(first);
}

}  // namespace
}  // namespace stsfs::fs
