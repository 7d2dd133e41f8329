// A directory's own object that another client has given a body, tags, an ACL.

#include <sys/stat.h>

#include <algorithm>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;
using std::chrono::seconds;

const std::string kReport = "users/alice/report/";

class DirectoryObjects : public FolderTest {
 protected:
  /// As an SDK puts it.
  void put_report(const std::string& body) {
    oss::PutOptions options{.acl = "public-read", .tagging = "a=1"};
    options.headers.content_type = "text/plain";
    store_.put_with(kReport, body, options);
  }
  InodeNumber report() { return lookup("report")->attributes.inode; }
  Result<Entry> chmod(mode_t mode) {
    return folder_->setattr(context(), report(), std::nullopt, {.mode = mode});
  }
  void expect_whole(const std::string& key, const std::string& body) {
    const auto meta = store_.meta(key);
    ASSERT_TRUE(meta) << key;
    EXPECT_EQ(store_.content(key), body);
    EXPECT_EQ(meta->headers.content_type, "text/plain");
    EXPECT_EQ(meta->tagging_count, 1U);
  }
  void expect_mode(const std::string& key, mode_t mode) {
    EXPECT_EQ(store_.meta(key)->headers.user["mode"], std::to_string(S_IFDIR | mode));
  }
};

// "An object whose key ends in a slash is a directory also where another client has given it bytes.
// They are not shown, and stay whatever becomes of its attributes and its name …"
TEST_F(DirectoryObjects, KeepTheirBytesWhenTheirAttributesChange) {
  put_report("bytes");
  ASSERT_TRUE(chmod(0700));
  expect_whole(kReport, "bytes");
  expect_mode(kReport, 0700);
  const auto acl = await<std::string>(nullptr, [&](Callback<std::string> done) {
    return store_.start_get_acl(kReport, context().deadline, std::move(done));
  });
  EXPECT_EQ(acl, "public-read");
}

TEST_F(DirectoryObjects, KeepTagsAndContentTypeWhereTheyHaveNoBytes) {
  put_report("");
  ASSERT_TRUE(lookup("report"));
  const auto asked = faulty_.started();
  ASSERT_TRUE(chmod(0700));
  EXPECT_EQ(faulty_.started(), asked + 1);
  expect_whole(kReport, "");
  expect_mode(kReport, 0700);
}

TEST_F(DirectoryObjects, KeepTheirBytesWhenAChangeIsHeldBackOverAKill) {
  put_report("bytes");
  ASSERT_TRUE(chmod(0700));
  ASSERT_TRUE(chmod(0750));
  kill_and_begin();
  ASSERT_TRUE(drain());
  expect_whole(kReport, "bytes");
  expect_mode(kReport, 0750);
}

TEST_F(DirectoryObjects, KeepTheirBytesWhenTheAnswerToAChangeIsLost) {
  for (const bool is_held_back : {false, true}) {
    put_report("bytes");
    if (is_held_back) {
      EXPECT_TRUE(chmod(0711));
    }
    faulty_.lose_answer({.operation = Operation::kCopy, .count = 1, .key = kReport},
                        Error{Errc::kUnavailable, "gone", {}});
    static_cast<void>(chmod(0700));
    static_cast<void>(drain());
    scheduler_.advance(seconds(60));
    expect_whole(kReport, "bytes");
    expect_mode(kReport, 0700);
    folder_->refresh();
    clock_.advance(seconds(60));
  }
}

TEST_F(DirectoryObjects, GoWithTheirBytesToANewName) {
  put_report("bytes");
  store_.put(kReport + "f", "text");
  store_.put(kReport + "below/", "more");
  ASSERT_TRUE(folder_->rename(context(), kRoot, "report", kRoot, "n", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  expect_whole("users/alice/n/", "bytes");
  EXPECT_EQ(store_.content("users/alice/n/below/"), "more");
  EXPECT_FALSE(store_.meta(kReport));
}

TEST_F(DirectoryObjects, KeepTheirBytesBesideADirectoryThatIsAtTheNewPlaceAlready) {
  store_.put(kReport + "below/", "more");
  faulty_.before({.operation = Operation::kCopy, .count = 1, .key = "users/alice/n/below/"},
                 [&] { store_.put("users/alice/n/below/", ""); });
  ASSERT_TRUE(folder_->rename(context(), kRoot, "report", kRoot, "n", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  const auto keys = store_.keys();
  EXPECT_TRUE(std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
    return key.starts_with("users/alice/n/below/.conflict-") && store_.content(key) == "more";
  })) << ::testing::PrintToString(keys);
}

// "… it can be neither removed nor renamed over while it has any …"
TEST_F(DirectoryObjects, AreNotRemovedWhileTheyHaveBytes) {
  put_report("bytes");
  EXPECT_EQ(folder_->rmdir(context(), kRoot, "report").error().code, Errc::kNotEmpty);
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  EXPECT_EQ(
      folder_->rename(context(), kRoot, "d", kRoot, "report", RenameMode::kReplace).error().code,
      Errc::kNotEmpty);
  ASSERT_TRUE(drain());
  expect_whole(kReport, "bytes");
  put_report("");
  folder_->refresh();
  ASSERT_TRUE(lookup("report"));
  ASSERT_TRUE(folder_->rmdir(context(), kRoot, "report"));
  ASSERT_TRUE(drain());
  EXPECT_FALSE(store_.meta(kReport));
}

// A copy of what is archived is refused; a body it does not have needs none.
TEST_F(DirectoryObjects, TakeAttributesThoughTheyAreArchived) {
  store_.put_with(kReport, "", {.storage_class = "Archive"});
  ASSERT_TRUE(chmod(0700));
  expect_mode(kReport, 0700);
  clock_.advance(seconds(60));
  store_.put_with(kReport, "bytes", {.storage_class = "Archive"});
  folder_->refresh();
  EXPECT_EQ(chmod(0750).error().code, Errc::kArchived);
  EXPECT_EQ(store_.content(kReport), "bytes");
}

}  // namespace
}  // namespace stsfs::fs
