// Opening for reading: how many requests it takes, and which version is shown.
#include <atomic>
#include <thread>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;
using std::chrono::seconds;

class OpenTest : public FolderTest {
 protected:
  InodeNumber look_up(std::string_view name) { return lookup(name).value().attributes.inode; }
  Opened open(InodeNumber inode, int flags = O_RDONLY) {
    return folder_->open(context(), inode, flags).value();
  }
  /// To the kernel, which then looks the name up.
  bool is_news(InodeNumber inode, int flags = O_RDONLY) {
    const Opened opened = open(inode, flags);
    folder_->release(opened.handle);
    return opened.size_is_news;
  }
  std::string text(const Opened& opened) { return read_handle(opened.handle, {0, 100}).value(); }
  /// Requests since the last call.
  std::pair<std::uint64_t, std::uint64_t> gets_and_heads() {
    const std::pair now{faulty_.started(Operation::kGet), faulty_.started(Operation::kHead)};
    const std::pair out{now.first - seen_.first, now.second - seen_.second};
    seen_ = now;
    return out;
  }
  std::pair<std::uint64_t, std::uint64_t> seen_{0, 0};
  using Counts = std::pair<std::uint64_t, std::uint64_t>;
};

TEST_F(OpenTest, WithNothingCachedTheFirstBytesConfirmTheFile) {
  store_.put("users/alice/file", "content");
  const auto inode = look_up("file");
  clock_.advance(seconds(5));
  gets_and_heads();
  const Opened opened = open(inode);
  EXPECT_EQ(text(opened), "content");
  EXPECT_EQ(gets_and_heads(), Counts(1, 0));
  folder_->release(opened.handle);
}

TEST_F(OpenTest, ANewVersionIsFoundAndShown) {
  store_.put("users/alice/file", "old");
  const auto inode = look_up("file");
  store_.put("users/alice/file", "newer");
  clock_.advance(seconds(5));
  const Opened opened = open(inode);
  EXPECT_EQ(text(opened), "newer");
  EXPECT_EQ(folder_->getattr(context(), inode).value().attributes.size_bytes, 5U);
  folder_->release(opened.handle);
}

TEST_F(OpenTest, TheKernelIsToldOnceOfASizeThatItDoesNotKnow) {
  store_.put("users/alice/file", "old");
  const auto inode = look_up("file");
  EXPECT_FALSE(is_news(inode));
  for (const std::string theirs : {"another, longer", "short"}) {
    store_.put("users/alice/file", theirs);
    clock_.advance(seconds(5));
    EXPECT_TRUE(is_news(inode, O_WRONLY | O_APPEND));
    EXPECT_FALSE(is_news(inode, O_WRONLY | O_APPEND));  // opened without a name
    EXPECT_TRUE(is_news(inode));
    look_up("file");
    EXPECT_FALSE(is_news(inode));
  }
}

TEST_F(OpenTest, WhatIsWrittenHereIsNoNewsToTheKernel) {
  ASSERT_TRUE(write_file(kRoot, "file", "0123456789"));
  const auto inode = look_up("file");
  const Opened opened = open(inode, O_RDWR);
  ASSERT_TRUE(folder_->write(context(), opened.handle, as_bytes("more"), 10));
  EXPECT_FALSE(is_news(inode, O_RDONLY));
  ASSERT_TRUE(folder_->allocate(context(), opened.handle, {20, 30}, Allocation::kExtend));
  EXPECT_FALSE(is_news(inode, O_RDONLY));
  ASSERT_TRUE(folder_->setattr(context(), inode, opened.handle, {.size_bytes = 7}));
  EXPECT_FALSE(is_news(inode, O_RDONLY));
  const auto copy = folder_->create(context(), kRoot, "copy", 0644, O_WRONLY | O_CREAT).value();
  ASSERT_TRUE(folder_->copy_range(context(), opened.handle, {0, 100}, copy.second.handle, 3));
  EXPECT_FALSE(open(copy.first.attributes.inode).size_is_news);
  EXPECT_FALSE(is_news(inode, O_WRONLY | O_TRUNC));
  EXPECT_FALSE(is_news(inode, O_RDONLY));
}

TEST_F(OpenTest, TheKernelDropsPagesOfAnAppendThatItTookToBeElsewhere) {
  class Listener final : public KernelNotifier {
   public:
    void inode_changed(InodeNumber inode) override { changed.push_back(inode); }
    void entry_changed(InodeNumber, std::string_view) override {}
    std::vector<InodeNumber> changed;
  } listener;
  folder_->set_notifier(&listener);
  store_.put("users/alice/file", "0123456789");
  const auto inode = look_up("file");
  const Opened opened = open(inode, O_WRONLY | O_APPEND);
  ASSERT_TRUE(folder_->write(context(), opened.handle, as_bytes("more"), 10));
  EXPECT_TRUE(listener.changed.empty());
  ASSERT_TRUE(folder_->write(context(), opened.handle, as_bytes("elsewhere"), 3));
  EXPECT_EQ(listener.changed, std::vector{inode});
  folder_->release(opened.handle);
  folder_->stop();
}

TEST_F(OpenTest, AFileThatIsGoneIsNotOpened) {
  store_.put("users/alice/file", "old");
  const auto inode = look_up("file");
  store_.erase("users/alice/file");
  clock_.advance(seconds(5));
  const auto opened = folder_->open(context(), inode, O_RDONLY);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kNotFound);
}

TEST_F(OpenTest, AskingBringsAttributesToo) {
  store_.put("users/alice/file", "content", {{"mode", "33188"}});
  const auto inode = look_up("file");
  store_.put("users/alice/file", "content", {{"mode", "33152"}});  // the same ETag
  clock_.advance(seconds(5));
  const Opened opened = open(inode);
  EXPECT_EQ(folder_->getattr(context(), inode).value().attributes.mode & 0777U, 0600U);
  folder_->release(opened.handle);
}

// Pages in the kernel are worth a question without a body.
TEST_F(OpenTest, PagesThatAreKeptAreConfirmedByAHead) {
  store_.put("users/alice/file", "content");
  const auto inode = look_up("file");
  const Opened first = open(inode);
  EXPECT_FALSE(first.keep_cache);
  text(first);
  folder_->release(first.handle);
  clock_.advance(seconds(5));
  gets_and_heads();
  const Opened second = open(inode);
  EXPECT_TRUE(second.keep_cache);
  EXPECT_EQ(gets_and_heads(), Counts(0, 1));
  folder_->release(second.handle);
  store_.put("users/alice/file", "another");
  clock_.advance(seconds(5));
  const Opened third = open(inode);
  EXPECT_FALSE(third.keep_cache);
  EXPECT_EQ(text(third), "another");
  folder_->release(third.handle);
}

// The kernel drops pages when it gets the answer to an open, which it does not where it looks the
// name up once more, or was interrupted.
TEST_F(OpenTest, PagesOfAnotherVersionAreNotKeptByAnOpenThatTheKernelNeverHeardOf) {
  store_.put("users/alice/file", "content");
  const auto inode = look_up("file");
  const Opened first = open(inode);
  text(first);
  folder_->release(first.handle);
  store_.put("users/alice/file", "theirs, and longer");
  clock_.advance(seconds(5));
  const Opened sent_back = open(inode);
  EXPECT_TRUE(sent_back.size_is_news);
  folder_->release(sent_back.handle);
  look_up("file");
  const Opened again = open(inode);
  EXPECT_FALSE(again.keep_cache);
  EXPECT_EQ(text(again), "theirs, and longer");
  const Opened beside = open(inode);
  EXPECT_TRUE(beside.keep_cache);
  folder_->release(again.handle);
  folder_->release(beside.handle);
}

/// The kernel has one size and one set of pages for an inode: a reader of the old version would end
/// where the new one does, and read what a mapping of that brought.
class ReplacedWhileRead : public OpenTest {
 protected:
  /// Of "old", which another client replaced by "newer" since.
  Opened open_old() {
    store_.put("users/alice/file", "old");
    inode_ = look_up("file");
    const Opened out = open(inode_);
    EXPECT_EQ(text(out), "old");
    store_.put("users/alice/file", "newer");
    clock_.advance(seconds(5));
    return out;
  }
  Errc code_of_open(InodeNumber inode, int flags = O_RDONLY) {
    const auto opened = folder_->open(context(), inode, flags);
    if (opened) folder_->release(opened->handle);
    return opened ? Errc::kExists : opened.error().code;
  }
  InodeNumber inode_{};
};

TEST_F(ReplacedWhileRead, TheNameLeadsToAnInodeOfItsOwn) {
  const Opened old = open_old();
  EXPECT_EQ(code_of_open(inode_), Errc::kStale);  // the kernel looks the name up
  const auto theirs = look_up("file");
  EXPECT_NE(theirs, inode_);
  const Opened fresh = open(theirs);
  EXPECT_FALSE(fresh.direct_io);
  EXPECT_EQ(text(fresh), "newer");
  EXPECT_EQ(folder_->getattr(context(), theirs)->attributes.size_bytes, 5U);
  const auto before = folder_->getattr(context(), inode_);
  EXPECT_EQ(before->attributes.size_bytes, 3U);
  EXPECT_EQ(before->attributes.link_count, 0U);
  EXPECT_EQ(text(old), "old");  // what is here may be shown; nothing of the new version ever is
  folder_->release(old.handle);
  EXPECT_EQ(look_up("file"), theirs);
  folder_->release(fresh.handle);
}

TEST_F(ReplacedWhileRead, ALookOfWhoeverElseFindsItToo) {
  const Opened old = open_old();
  clock_.advance(std::chrono::minutes(1));
  EXPECT_NE(look_up("file"), inode_);
  EXPECT_EQ(folder_->getattr(context(), inode_)->attributes.size_bytes, 3U);
  EXPECT_EQ(text(old), "old");
  folder_->release(old.handle);
}

TEST_F(ReplacedWhileRead, WhoAsksByTheHandleStaysOnWhatItWas) {
  const Opened old = open_old();
  clock_.advance(std::chrono::minutes(1));
  const auto seen = folder_->getattr(context(), inode_);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->attributes.size_bytes, 3U);
  EXPECT_EQ(seen->attributes.link_count, 0U);
  folder_->release(old.handle);
}

// What is done to the name must not be done to what nobody sees any more.
TEST_F(ReplacedWhileRead, ChangesByTheNameFindTheNewVersion) {
  const Opened old = open_old();
  EXPECT_EQ(code_of_open(inode_), Errc::kStale);
  const auto changed = folder_->setattr(context(), inode_, std::nullopt, {.mode = 0600});
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, Errc::kStale);
  EXPECT_EQ(folder_->setattr(context(), inode_, std::nullopt, {.size_bytes = 1}).error().code,
            Errc::kStale);
  EXPECT_EQ(folder_->setxattr(context(), inode_, "user.a", "b", 0).error().code, Errc::kStale);
  EXPECT_EQ(folder_->link(context(), inode_, kRoot, "second").error().code, Errc::kStale);
  EXPECT_EQ(code_of_open(inode_, O_WRONLY), Errc::kStale);
  ASSERT_TRUE(folder_->setattr(context(), look_up("file"), std::nullopt, {.mode = 0600}));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.meta("users/alice/file")->headers.user.at("mode"),
            std::to_string(S_IFREG | 0600));
  EXPECT_EQ(store_.content("users/alice/file"), "newer");
  ASSERT_TRUE(folder_->rename(context(), kRoot, "file", kRoot, "moved", RenameMode::kReplace));
  EXPECT_EQ(read_file("moved"), "newer");
  EXPECT_EQ(text(old), "old");
  folder_->release(old.handle);
}

TEST_F(ReplacedWhileRead, WhatThisMountMadeOfItIsNoOther) {
  store_.put("users/alice/file", "old");
  const auto inode = look_up("file");
  const Opened reader = open(inode);
  ASSERT_TRUE(write_file(kRoot, "file", "ours, longer"));
  ASSERT_TRUE(folder_->setattr(context(), inode, std::nullopt, {.mode = 0600}));
  ASSERT_TRUE(drain());
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(look_up("file"), inode);
  EXPECT_EQ(text(reader), "ours, longer");
  folder_->release(reader.handle);
}

TEST_F(OpenTest, WithoutANetworkItFailsAndSaysWhy) {
  store_.put("users/alice/file", "content");
  const auto inode = look_up("file");
  clock_.advance(seconds(5));
  faulty_.fail_everything(Error{Errc::kUnavailable, "no route", {}});
  const auto opened = folder_->open(context(), inode, O_RDONLY);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kUnavailable);
  EXPECT_EQ(faulty_.started(Operation::kGet), 1U);
}

TEST_F(OpenTest, AnAnswerFromBeforeOurOwnWriteChangesNothing) {
  store_.put("users/alice/file", "old");
  const auto inode = look_up("file");
  clock_.advance(std::chrono::minutes(1));
  bool written = false;
  faulty_.after({.operation = Operation::kHead, .key = "users/alice/file"}, [&] {
    clock_.advance(seconds(1));
    written = write_file(InodeNumber::kRoot, "file", "what is new").has_value();
  });
  EXPECT_EQ(look_up("file"), inode);
  EXPECT_TRUE(written);
  EXPECT_EQ(folder_->getattr(context(), inode)->attributes.size_bytes, 11U);
  EXPECT_EQ(read_file("file"), "what is new");
}

TEST_F(OpenTest, AnAnswerFromBeforeOurOwnChangeOfAttributesChangesNothing) {
  store_.put("users/alice/file", "text");
  const auto inode = look_up("file");
  clock_.advance(std::chrono::minutes(1));
  const WallTime given = clock_.wall() - std::chrono::hours(5);
  bool set = false;
  faulty_.after({.operation = Operation::kHead, .key = "users/alice/file"}, [&] {
    clock_.advance(seconds(1));
    set = folder_->setattr(context(), inode, std::nullopt, {.mtime = given}) && drain();
  });
  EXPECT_EQ(look_up("file"), inode);
  EXPECT_TRUE(set);
  EXPECT_EQ(folder_->getattr(context(), inode)->attributes.mtime, given);
}

/// RELEASE comes when the kernel finds the time: also while the next handle is being opened.
TEST_F(OpenTest, WhileTheLastHandleIsReleasedTheFileKeepsOneContent) {
  ASSERT_TRUE(write_file(InodeNumber::kRoot, "file", "0123456789"));
  const auto inode = look_up("file");
  for (int i = 0; i < 3000; ++i) {
    const Opened last = open(inode, O_RDWR);
    std::atomic<int> ready = 0;
    const auto together = [&] {
      ++ready;
      while (ready < 2) std::this_thread::yield();
    };
    std::jthread release([&] {
      together();
      folder_->release(last.handle);
    });
    together();
    const Opened now = open(inode, O_RDWR);
    release.join();
    const Opened next = open(inode, O_RDWR);
    ASSERT_FALSE(next.direct_io) << i << ": it has another content than the handle before";
    folder_->release(now.handle);
    folder_->release(next.handle);
  }
}

TEST_F(OpenTest, ClosingEndsWhatNobodyReads) {
  store_.put("users/alice/file", std::string(3 << 20, 'x'));
  const auto inode = look_up("file");
  clock_.advance(seconds(5));
  folder_->release(open(inode).handle);
  EXPECT_EQ(folder_->read_memory().used_bytes, 0U);
}

// As a program or a library is that is replaced while it runs.
TEST_F(OpenTest, WhatIsRenamedOverIsReadOnByWhoHasItOpen) {
  store_.put("users/alice/old", std::string(300'000, 'o'));
  store_.put("users/alice/new", "new");
  clock_.advance(std::chrono::seconds(5));
  const auto opened = folder_->open(context(), lookup("old")->attributes.inode, O_RDONLY);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(folder_->rename(context(), kRoot, "new", kRoot, "old", RenameMode::kReplace));
  EXPECT_EQ(read_file("old"), "new");
  EXPECT_TRUE(read_handle(opened->handle, {0, 300'000}) == std::string(300'000, 'o'));
  folder_->release(opened->handle);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/old"});
}

/// Forgets a file when it hears that it has changed.
class Forgetful final : public KernelNotifier {
 public:
  explicit Forgetful(MountedFolder& folder) : folder_(folder) {}
  void inode_changed(InodeNumber number) override { folder_.forget(number, 1'000); }
  void entry_changed(InodeNumber, std::string_view) override {}

 private:
  MountedFolder& folder_;
};

// The kernel forgets what it knew of an earlier lookup while it looks up again.
TEST_F(OpenTest, WorksWhenTheFileIsForgottenWhileItIsLookedUp) {
  Forgetful forgetful(*folder_);
  const auto write_theirs = [this](const std::string& text) {
    store_.put("users/alice/file", text);
    clock_.advance(std::chrono::minutes(1));
  };
  write_theirs("before");
  ASSERT_EQ(read_file("file"), "before");
  folder_->set_notifier(&forgetful);
  write_theirs("theirs");
  const auto entry = lookup("file");
  ASSERT_TRUE(entry);
  const auto opened = folder_->open(context(), entry->attributes.inode, O_RDONLY);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(read_handle(opened->handle, {0, 100}), "theirs");
  folder_->release(opened->handle);
  write_theirs("once more");
  const auto made = folder_->create(context(), kRoot, "file", 0644, O_RDWR | O_CREAT);
  ASSERT_TRUE(made);
  EXPECT_EQ(read_handle(made->second.handle, {0, 100}), "once more");
  folder_->release(made->second.handle);
  EXPECT_TRUE(folder_->getattr(context(), made->first.attributes.inode));
  folder_->set_notifier(nullptr);
}

// The same while its directory is listed, where a name need not have an inode.
TEST_F(OpenTest, WorksWhenTheFileIsForgottenWhileItIsListed) {
  Forgetful forgetful(*folder_);
  store_.put("users/alice/file", "before");
  ASSERT_EQ(read_file("file"), "before");
  folder_->set_notifier(&forgetful);
  store_.put("users/alice/file", "theirs");
  clock_.advance(std::chrono::minutes(1));
  const auto handle = folder_->opendir(context(), kRoot).value();
  constexpr std::uint64_t kBehindTheDots = 3;
  InodeNumber given{};
  int entries = 0;
  EXPECT_TRUE(folder_->readdir_plus(context(), handle, kBehindTheDots,
                                    [&](const DirectoryEntry& entry, const Entry& full) {
                                      EXPECT_EQ(entry.name, "file");
                                      given = full.attributes.inode;
                                      ++entries;
                                      return true;
                                    }));
  folder_->releasedir(handle);
  EXPECT_EQ(entries, 1);
  if (given != InodeNumber{}) {
    const auto opened = folder_->open(context(), given, O_RDONLY);
    ASSERT_TRUE(opened) << opened.error().message;
    folder_->release(opened->handle);
  }
  EXPECT_EQ(read_file("file"), "theirs");
  folder_->set_notifier(nullptr);
}

}  // namespace
}  // namespace stsfs::fs
