// Another client writes while one of our requests is being repeated: the first tries end with 503,
// and theirs is there before the next. Nothing of theirs is replaced or deleted.

#include "fakes/at_once_scheduler.h"
#include "folder_fixture.h"

#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

using oss::Operation;

const std::string kKey = "users/alice/f";
const std::string kTheirs = "written by another client";
const Error kBusy{Errc::kThrottled, "503", {}};

class RepeatedWrites : public FolderTest {
 protected:
  RepeatedWrites() {
    folder_->stop();
    folder_ = MountedFolder::make(retrying_, scheduler_, clock_, options_).value();
    store_.put(kKey, "before");
  }
  ~RepeatedWrites() override {
    faulty_.heal();
    kill_and_begin();  // over what is there longer
  }

  void meets(Operation operation, std::function<void()> their_write) {
    faulty_.fail({.operation = operation, .count = 3}, kBusy);
    faulty_.before({.operation = operation}, [this, their_write = std::move(their_write)] {
      clock_.advance(std::chrono::seconds(5));
      their_write();
    });
  }
  void meets(Operation operation) {
    meets(operation, [this] { store_.put(kKey, kTheirs); });
  }
  HandleNumber open(std::string_view name, int flags) {
    return folder_->open(context(), lookup(name)->attributes.inode, flags)->handle;
  }
  void write_at(HandleNumber handle, std::uint64_t at, const std::string& text) {
    ASSERT_TRUE(folder_->write(context(), handle, as_bytes(text), at));
  }
  Result<void> close(HandleNumber handle) {
    auto flushed = flush(handle);
    folder_->release(handle);
    return flushed;
  }
  /// What lies under a name of its own.
  std::vector<std::string> beside() const {
    std::vector<std::string> out;
    for (const std::string& key : store_.keys())
      if (key.find(".conflict-") != std::string::npos) out.push_back(*store_.content(key));
    return out;
  }
  void expect_kept(const Result<void>& told, const std::string& ours) {
    EXPECT_FALSE(told);
    if (!told) {
      EXPECT_EQ(told.error().code, Errc::kStale) << told.error().message;
    }
    EXPECT_EQ(store_.content(kKey), kTheirs);
    const auto kept = beside();
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_TRUE(kept[0] == ours);
  }

  fakes::AtOnceScheduler at_once_;
  oss::RetryingStore retrying_{faulty_, at_once_, clock_};
};

TEST_F(RepeatedWrites, OfAFileWrittenAnew) {
  const HandleNumber handle = open("f", O_WRONLY | O_TRUNC);
  write_at(handle, 0, "ours");
  meets(Operation::kPut);
  expect_kept(close(handle), "ours");
}

TEST_F(RepeatedWrites, OfALargeFileWrittenAnew) {
  const std::string piece(kMiB, 'o');
  const HandleNumber handle = open("f", O_WRONLY | O_TRUNC);
  for (std::uint64_t at = 0; at < 30; ++at) write_at(handle, at * kMiB, piece);
  meets(Operation::kComplete);
  expect_kept(close(handle), std::string(30 * kMiB, 'o'));
}

TEST_F(RepeatedWrites, OfAFileThatAnotherRemoves) {
  const HandleNumber handle = open("f", O_WRONLY | O_TRUNC);
  write_at(handle, 0, "ours");
  meets(Operation::kPut, [this] { store_.erase(kKey); });
  EXPECT_EQ(close(handle).error().code, Errc::kStale);
  EXPECT_FALSE(store_.content(kKey));
  EXPECT_EQ(beside(), std::vector<std::string>{"ours"});
}

TEST_F(RepeatedWrites, OfASmallFileThatWasChanged) {
  const HandleNumber handle = open("f", O_RDWR);
  write_at(handle, 0, "BE");
  meets(Operation::kPut);
  expect_kept(close(handle), "BEfore");
}

TEST_F(RepeatedWrites, OfAPartOfALargeFile) {
  store_.put(kKey, std::string(20 * kMiB, 'b'));
  const HandleNumber handle = open("f", O_RDWR);
  write_at(handle, 10 * kMiB, "CHANGED");
  meets(Operation::kComplete);
  EXPECT_EQ(close(handle).error().code, Errc::kStale);
  EXPECT_EQ(store_.content(kKey), kTheirs);
}

TEST_F(RepeatedWrites, OfACopyWithinTheMount) {
  const std::string bytes(20 * kMiB, 's');
  store_.put("users/alice/source", bytes);
  const HandleNumber from = open("source", O_RDONLY);
  const HandleNumber to = open("f", O_WRONLY | O_TRUNC);
  ASSERT_TRUE(folder_->copy_range(context(), from, {0, 20 * kMiB}, to, 0));
  meets(Operation::kCopy);
  expect_kept(close(to), bytes);
  EXPECT_GE(faulty_.started(Operation::kCopy), 2U);
  folder_->release(from);
}

TEST_F(RepeatedWrites, OfAttributes) {
  AttributeChange change;
  change.mode = 0600;
  meets(Operation::kCopy);
  static_cast<void>(
      folder_->setattr(context(), lookup("f")->attributes.inode, std::nullopt, change));
  static_cast<void>(drain());
  EXPECT_EQ(store_.content(kKey), kTheirs);
}

TEST_F(RepeatedWrites, AsOneFileIsDeleted) {
  meets(Operation::kDelete);
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "f"));
  EXPECT_TRUE(drain());
  EXPECT_EQ(store_.content(kKey), kTheirs);
  EXPECT_EQ(read_file("f").value_or("none"), kTheirs);
}

TEST_F(RepeatedWrites, AsALockFileIsDeleted) {
  store_.put(kKey, "");
  meets(Operation::kDelete, [this] { store_.put(kKey, ""); });
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "f"));
  EXPECT_TRUE(drain());
  EXPECT_TRUE(store_.content(kKey));
}

TEST_F(RepeatedWrites, AsSeveralAreDeleted) {
  store_.put("users/alice/g", "g");
  meets(Operation::kDeleteMany);
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "f"));
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "g"));
  EXPECT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{kKey});
  EXPECT_EQ(store_.content(kKey), kTheirs);
}

TEST_F(RepeatedWrites, AsADirectoryIsRemoved) {
  store_.put("users/alice/d/", "");
  clock_.advance(std::chrono::seconds(10));
  meets(Operation::kDelete, [this] { store_.put("users/alice/d/", ""); });
  ASSERT_TRUE(folder_->rmdir(context(), kRoot, "d"));
  EXPECT_TRUE(drain());
  EXPECT_TRUE(store_.content("users/alice/d/"));
}

TEST_F(RepeatedWrites, AsADirectoryIsRenamed) {
  store_.put("users/alice/d/one", "one");
  store_.put("users/alice/d/two", "two");
  meets(Operation::kDeleteMany, [this] { store_.put("users/alice/d/one", kTheirs); });
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "e", RenameMode::kReplace));
  EXPECT_TRUE(drain());
  bool is_there = false;
  for (const std::string& key : store_.keys()) is_there |= store_.content(key) == kTheirs;
  EXPECT_TRUE(is_there);
}

TEST_F(RepeatedWrites, OfARenameOverAFile) {
  store_.put("users/alice/new", "ours");
  static_cast<void>(lookup("f"));
  meets(Operation::kCopy);
  const auto renamed = folder_->rename(context(), kRoot, "new", kRoot, "f", RenameMode::kReplace);
  EXPECT_TRUE(renamed) << renamed.error().message;
  EXPECT_EQ(store_.content(kKey), "ours");
  EXPECT_EQ(beside(), std::vector<std::string>{kTheirs});
}

TEST_F(RepeatedWrites, OfARenameWhoseAnswerWasLostFindOurOwn) {
  ASSERT_TRUE(write_file(kRoot, "new", "ours"));
  ASSERT_TRUE(drain());
  static_cast<void>(lookup("f"));
  faulty_.lose_answer({.operation = Operation::kCopy}, kBusy);
  ASSERT_TRUE(folder_->rename(context(), kRoot, "new", kRoot, "f", RenameMode::kReplace));
  EXPECT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{kKey});
  EXPECT_EQ(store_.content(kKey), "ours");
}

TEST_F(RepeatedWrites, OfALinkRenamedOverALink) {
  ASSERT_TRUE(folder_->symlink(context(), kRoot, "new", "f"));
  ASSERT_TRUE(folder_->symlink(context(), kRoot, "link", "g"));
  meets(Operation::kPutSymlink, [this] { store_.put("users/alice/link", kTheirs); });
  const auto renamed =
      folder_->rename(context(), kRoot, "new", kRoot, "link", RenameMode::kReplace);
  EXPECT_TRUE(renamed) << renamed.error().message;
  EXPECT_EQ(beside(), std::vector<std::string>{kTheirs});
}

// OSS says that there is one already: nobody knows yet whose.
TEST_F(FolderTest, ANewFileIsNoConflictBecauseNobodyCanTellWhoseIsThere) {
  EXPECT_TRUE(names(kRoot).size() > 0);
  faulty_.lose_answer({.operation = Operation::kPut}, Error{Errc::kExists, "409", {}});
  faulty_.fail({.operation = Operation::kHead}, Error{Errc::kUnavailable, "reset", {}});
  EXPECT_EQ(write_file(kRoot, "new", "ours").error().code, Errc::kUnavailable);
  EXPECT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/new"});
}

}  // namespace
}  // namespace stsfs::fs
