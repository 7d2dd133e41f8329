// What another client has written since it was looked at, and is renamed, or gets other attributes.

#include <optional>

#include "folder_fixture.h"

#include "stsfs/oss/operation.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;

/// Nothing is open, and the other has written it since it was looked at: the present version is
/// changed, as on a local disk.
class JustChanged : public FolderTest {
 protected:
  static inline const std::string kKey = "users/alice/f";
  static inline const std::string kTheirs = "written by another client";

  JustChanged() {
    store_.put(kKey, "before", {{"mode", "33188"}, {"uid", "1000"}});
    names(kRoot);
    inode_ = lookup("f")->attributes.inode;
    clock_.advance(std::chrono::seconds(5));
    put_theirs();
  }
  void put_theirs(const std::string& text = kTheirs) {
    store_.put(kKey, text, {{"mode", "33152"}, {"uid", "2000"}, {"x", "theirs"}});
  }
  /// The next `count` copies find that it has been written once more.
  void write_before_copies(std::uint64_t count) {
    faulty_.before({.operation = Operation::kCopy, .count = count},
                   [this] { put_theirs("the " + std::to_string(++written_) + ". time"); });
  }
  std::string stored(const std::string& key, const std::string& name) {
    const auto meta = store_.meta(key);
    return meta && meta->headers.user.contains(name) ? meta->headers.user.at(name) : "";
  }
  Result<void> rename(RenameMode mode = RenameMode::kReplace) {
    return folder_->rename(context(), kRoot, "f", kRoot, "g", mode);
  }
  Result<void> set(const AttributeChange& change) {
    auto done = folder_->setattr(context(), inode_, std::nullopt, change);
    if (!done) return fail(std::move(done.error()));
    return {};
  }
  /// The bucket holds these and nothing beside them.
  void expect_keys(const std::vector<std::string>& keys) {
    ASSERT_TRUE(drain());
    EXPECT_EQ(store_.keys(), keys);
  }

  InodeNumber inode_{};
  int written_ = 0;
};

// "A file that nobody here has open is renamed, truncated, and given other attributes as it is in
// OSS at that moment, also when another client has just written it."
TEST_F(JustChanged, IsRenamedAsItIs) {
  ASSERT_TRUE(rename());
  EXPECT_EQ(read_file("g"), kTheirs);
  EXPECT_EQ(stored("users/alice/g", "x"), "theirs");
  EXPECT_EQ(lookup("g")->attributes.inode, inode_);
  EXPECT_EQ(lookup("g")->attributes.uid, 2000U);
  EXPECT_EQ(lookup("f").error().code, Errc::kNotFound);
  expect_keys({"users/alice/g"});
}

TEST_F(JustChanged, IsRenamedToAFreeNameAsItIs) {
  ASSERT_TRUE(rename(RenameMode::kNoReplace));
  EXPECT_EQ(read_file("g"), kTheirs);
  expect_keys({"users/alice/g"});
}

TEST_F(JustChanged, IsRenamedOverAnotherAsItIs) {
  ASSERT_TRUE(write_file(kRoot, "g", "is replaced"));
  ASSERT_TRUE(rename());
  EXPECT_EQ(read_file("g"), kTheirs);
  expect_keys({"users/alice/g"});
}

TEST_F(JustChanged, IsRenamedAsItIsWhenAChangeOfItsAttributesIsHeldBack) {
  ASSERT_TRUE(set({.uid = 3000}));
  ASSERT_TRUE(set({.mode = 0751}));  // closely behind: not in OSS yet
  ASSERT_FALSE(folder_->pending().empty());
  put_theirs("once more");
  ASSERT_TRUE(rename());
  EXPECT_EQ(read_file("g"), "once more");
  EXPECT_EQ(stored("users/alice/g", "uid"), "2000");
  EXPECT_EQ(lookup("g")->attributes.inode, inode_);
  EXPECT_EQ(lookup("g")->attributes.uid, 2000U);
  EXPECT_EQ(lookup("f").error().code, Errc::kNotFound);
  expect_keys({"users/alice/g"});
}

// "When it is written again and again meanwhile the call fails with ESTALE, and the file is as the
// other client left it."
TEST_F(JustChanged, IsLeftAloneByARenameThatFindsItChangedAgainAndAgain) {
  write_before_copies(Calls::kAll);
  EXPECT_EQ(rename().error().code, Errc::kChanged);
  EXPECT_EQ(store_.content(kKey), "the 2. time");
  faulty_.heal();
  EXPECT_EQ(lookup("g").error().code, Errc::kNotFound);
  ASSERT_TRUE(rename());
  EXPECT_EQ(read_file("g"), "the 2. time");
  expect_keys({"users/alice/g"});
}

TEST_F(JustChanged, IsNotThereForARenameOnceItWasRemoved) {
  store_.erase(kKey);
  EXPECT_EQ(rename().error().code, Errc::kNotFound);
  EXPECT_EQ(lookup("f").error().code, Errc::kNotFound);
  expect_keys({});
}

TEST_F(JustChanged, GetsItsModeOnTopOfWhatIsThere) {
  ASSERT_TRUE(set({.mode = 0751}));
  EXPECT_EQ(store_.content(kKey), kTheirs);
  EXPECT_EQ(stored(kKey, "mode"), std::to_string(S_IFREG | 0751));
  EXPECT_EQ(stored(kKey, "uid"), "2000");
  EXPECT_EQ(stored(kKey, "x"), "theirs");
  const auto shown = lookup("f")->attributes;
  EXPECT_EQ(shown.mode, mode_t{S_IFREG | 0751});
  EXPECT_EQ(shown.size_bytes, kTheirs.size());
  EXPECT_EQ(shown.uid, 2000U);
  EXPECT_EQ(read_file("f"), kTheirs);
}

TEST_F(JustChanged, GetsItsTimesAndExtendedAttributesOnTopOfWhatIsThere) {
  const WallTime then(std::chrono::seconds(1'600'000'000));
  ASSERT_TRUE(set({.mtime = then}));
  EXPECT_EQ(stored(kKey, "uid"), "2000");
  EXPECT_EQ(lookup("f")->attributes.mtime, then);
  clock_.advance(std::chrono::seconds(5));
  put_theirs("once more");
  ASSERT_TRUE(folder_->setxattr(context(), inode_, "user.note", "ours", 0));
  EXPECT_EQ(store_.content(kKey), "once more");
  EXPECT_EQ(folder_->getxattr(context(), inode_, "user.note"), "ours");
  expect_keys({kKey});
}

TEST_F(JustChanged, KeepsTheirsWhereAChangeFindsItChangedAgainAndAgain) {
  write_before_copies(Calls::kAll);
  EXPECT_EQ(set({.mode = 0751}).error().code, Errc::kChanged);
  EXPECT_EQ(store_.content(kKey), "the 2. time");
  EXPECT_EQ(stored(kKey, "mode"), "33152");
  faulty_.heal();
  ASSERT_TRUE(set({.mode = 0751}));
  EXPECT_EQ(stored(kKey, "mode"), std::to_string(S_IFREG | 0751));
}

TEST_F(JustChanged, IsTruncatedAsItIs) {
  ASSERT_TRUE(set({.size_bytes = 7}));
  EXPECT_EQ(store_.content(kKey), kTheirs.substr(0, 7));
  EXPECT_EQ(lookup("f")->attributes.uid, 2000U);
  clock_.advance(std::chrono::seconds(5));
  put_theirs("once more");
  ASSERT_TRUE(set({.size_bytes = 0}));
  EXPECT_EQ(store_.content(kKey), "");
  expect_keys({kKey});
}

}  // namespace
}  // namespace stsfs::fs
