// What this mount itself has just put in place of a version of a file, as another version with the
// same bytes, and somebody looks at before the answer is here.

#include <functional>

#include "fakes/at_once_scheduler.h"
#include "links_fixture.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

using oss::Operation;

class JustReplaced : public LinksFixture {
 protected:
  JustReplaced() : LinksFixture({.copy_keeps_etag = false}) {
    EXPECT_TRUE(write_file(kRoot, "f", "before"));
    reader_ = folder_->open(context(), inode_of("f"), O_RDONLY)->handle;
  }
  /// Before the next answer of that kind, when nothing that is known of the file is good any more.
  void write_before_answer(Operation operation) {
    faulty_.after({.operation = operation}, [this] {
      folder_->refresh("");
      const auto opened = folder_->open(context(), inode_of("f"), O_WRONLY | O_TRUNC);
      ASSERT_TRUE(opened) << opened.error().message;
      ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("what is new"), 0));
      folder_->release(opened->handle);
      ++written_;
    });
  }
  void expect_news() {
    EXPECT_EQ(written_, 1);
    EXPECT_EQ(read_handle(reader_, {0, 100}), "what is new");
    EXPECT_EQ(read_file("f"), "what is new");
    ASSERT_TRUE(drain());
    EXPECT_EQ(read_handle(reader_, {0, 100}), "what is new");
    clock_.advance(std::chrono::minutes(1));
    EXPECT_EQ(read_file("f"), "what is new");
  }

  HandleNumber reader_{};
  int written_ = 0;
};

TEST_F(JustReplaced, IsWhatItWasForThoseWhoHaveItOpenWhenItGetsAnotherName) {
  ASSERT_TRUE(link("f", "g"));
  write_before_answer(Operation::kPutSymlink);
  ASSERT_TRUE(drain());
  expect_news();
  EXPECT_EQ(read_file("g"), "what is new");
  EXPECT_EQ(kept_objects(), 3U);
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "f", "g"}));
}

TEST_F(JustReplaced, IsWhatItWasForThoseWhoHaveItOpenWhenItGetsOtherAttributes) {
  clock_.advance(std::chrono::seconds(5));
  write_before_answer(Operation::kCopy);
  ASSERT_TRUE(folder_->setattr(context(), inode_of("f"), std::nullopt, {.mode = 0600}));
  expect_news();
  EXPECT_EQ(lookup("f")->attributes.mode & 07777U, 0600U);
}

TEST_F(JustReplaced, IsWhatItWasWhenOneOfSeveralNamesGetsOtherAttributes) {
  ASSERT_TRUE(link("f", "g"));
  ASSERT_TRUE(drain());
  clock_.advance(std::chrono::seconds(5));
  write_before_answer(Operation::kCopy);
  ASSERT_TRUE(folder_->setattr(context(), inode_of("g"), std::nullopt, {.mode = 0600}));
  expect_news();
  EXPECT_EQ(read_file("g"), "what is new");
}

TEST_F(JustReplaced, IsWhatItWasForThoseWhoHaveItOpenWhenTheAnswerIsLost) {
  clock_.advance(std::chrono::seconds(5));
  const auto writer = folder_->open(context(), inode_of("f"), O_WRONLY);
  faulty_.lose_answer({.operation = Operation::kCopy}, {Errc::kUnavailable, "gone", {}});
  EXPECT_TRUE(folder_->setattr(context(), inode_of("f"), std::nullopt, {.mode = 0600}));
  folder_->refresh("");
  EXPECT_EQ(lookup("f")->attributes.mode & 07777U, 0600U);
  ASSERT_TRUE(folder_->write(context(), writer->handle, as_bytes("what is new"), 0));
  EXPECT_EQ(lookup("f")->attributes.size_bytes, 11U);
  EXPECT_TRUE(flush(writer->handle));
  folder_->release(writer->handle);
  EXPECT_EQ(read_handle(reader_, {0, 100}), "what is new");
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "f"}));
}

// There is time to look once the time of the change itself is up.
TEST_F(JustReplaced, IsWhatItWasForThoseWhoHaveItOpenWhenTheAnswerIsLate) {
  clock_.advance(std::chrono::seconds(5));
  const auto writer = folder_->open(context(), inode_of("f"), O_WRONLY);
  faulty_.lose_answer({.operation = Operation::kCopy}, {Errc::kTimedOut, "late", {}});
  Context late = context();
  late.deadline = Deadline::in(clock_, std::chrono::seconds(1));
  faulty_.before({.operation = Operation::kCopy}, [&] { clock_.advance(std::chrono::seconds(2)); });
  EXPECT_TRUE(folder_->setattr(late, inode_of("f"), std::nullopt, {.mode = 0600}));
  ASSERT_TRUE(folder_->write(context(), writer->handle, as_bytes("what is new"), 0));
  EXPECT_TRUE(flush(writer->handle));
  folder_->release(writer->handle);
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "f"}));
}

// As the daemon asks, which repeats what was not answered: the copy finds another version then.
TEST_F(JustReplaced, IsWhatItWasForThoseWhoHaveItOpenWhenTheCopyIsRepeated) {
  fakes::AtOnceScheduler at_once;
  oss::RetryingStore retrying(faulty_, at_once, clock_);
  FolderOptions options = options_;
  options.staging_directory = directory_.path() + "/other";
  const auto other = MountedFolder::make(retrying, scheduler_, clock_, options).value();
  clock_.advance(std::chrono::seconds(5));
  const InodeNumber f = other->lookup(context(), kRoot, "f")->attributes.inode;
  const auto writer = other->open(context(), f, O_WRONLY);
  faulty_.lose_answer({.operation = Operation::kCopy}, {Errc::kUnavailable, "gone", {}});
  EXPECT_TRUE(other->setattr(context(), f, std::nullopt, {.mode = 0600}));
  ASSERT_TRUE(other->write(context(), writer->handle, as_bytes("what is new"), 0));
  EXPECT_EQ(other->getattr(context(), f)->attributes.size_bytes, 11U);
  EXPECT_TRUE(other->drain(Deadline::in(clock_, std::chrono::hours(1))));
  other->release(writer->handle);
  other->stop();
  EXPECT_EQ(store_.content("users/alice/f"), "what is new");
}

TEST_F(JustReplaced, IsReadOnBeforeItIsKnownThatTheCopyWasMade) {
  ASSERT_TRUE(write_file(kRoot, "g", "text"));
  folder_->refresh("");  // its bytes are to be asked for
  const auto reader = folder_->open(context(), inode_of("g"), O_RDONLY);
  EXPECT_TRUE(folder_->setattr(context(), inode_of("g"), std::nullopt, {.mode = 0600}));
  faulty_.lose_answer({.operation = Operation::kCopy}, {Errc::kUnavailable, "gone", {}});
  scheduler_.advance(std::chrono::milliseconds(300));  // it is tried again a second later
  ASSERT_EQ(faulty_.started(Operation::kCopy), 1U);
  EXPECT_EQ(read_handle(reader->handle, {0, 100}), "text");
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_EQ(lookup("g")->attributes.mode & 07777U, 0600U);
}

}  // namespace
}  // namespace stsfs::fs
