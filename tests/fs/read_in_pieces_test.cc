// A directory that is renamed while somebody reads it.

#include <algorithm>
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

}  // namespace
}  // namespace stsfs::fs
