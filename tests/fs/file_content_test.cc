#include "file_content.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/fake_executor.h"
#include "fakes/fake_object_store.h"
#include "fakes/fake_scheduler.h"
#include "stsfs/base/text.h"
#include "support/temporary_directory.h"

namespace stsfs::fs {
namespace {

/// Notes what a content says of itself while its owner is being told.
class WatchfulOwner final : public CommitOwner {
 public:
  CommitRequest describe(InodeNumber) override { return {.path = "file", .key = "file"}; }
  std::optional<std::string> found_name(InodeNumber, const oss::Symlink&) override { return {}; }
  void committed(InodeNumber, const CommitOutcome&) override {
    ++told;
    dirty_while_told = content->dirty();
    busy_while_told = content->busy();
  }
  void set_aside(InodeNumber, const FileContent&, const staging::JournalEntry&) override {}
  void commit_ended(InodeNumber) override { dirty_at_the_end = content->dirty(); }
  Transfer look_settled(const std::string& key, Callback<oss::ObjectMeta> done) override {
    done(fail(Errc::kNotFound, key));
    return Transfer();
  }

  std::shared_ptr<FileContent> content;
  int told = 0;
  std::optional<bool> dirty_while_told, busy_while_told, dirty_at_the_end;
};

class FileContentTest : public ::testing::Test {
 protected:
  ~FileContentTest() override { owner_.content->stop(); }

  stsfs::testing::TemporaryDirectory directory_;
  fakes::FakeClock clock_;
  fakes::FakeScheduler scheduler_{clock_};
  fakes::InlineExecutor executor_;
  fakes::FakeObjectStore store_{clock_, executor_};
  std::shared_ptr<cache::BlockPool> pool_ = cache::BlockPool::create(0, clock_).value();
  PrefetchSlots prefetches_{32};
  Readers readers_;
  std::shared_ptr<staging::StagingArea> area_ =
      staging::StagingArea::open({.directory = directory_.path() + "/staging"}).value();
  std::unique_ptr<staging::Journal> journal_ =
      staging::Journal::open({.file = directory_.path() + "/journal.db"}).value();
  CommitSlots slots_{4};
  CopyUsers copy_users_;
  WatchfulOwner owner_;
  Successors successors_{clock_};
  ContentSurroundings around_{
      store_, scheduler_,  clock_, {store_, scheduler_, clock_, pool_, prefetches_, readers_},
      *area_, *journal_,   slots_, copy_users_,
      owner_, successors_, {}};
};

// In between, a lookup found neither a dirty file nor its name in what is known of the directory:
// "no such file".
TEST_F(FileContentTest, IsDirtyUntilItsOwnerKnowsThatItIsInOss) {
  owner_.content = std::make_shared<FileContent>(around_, InodeNumber{2}, "file", "", 0);
  ASSERT_TRUE(owner_.content->write(as_bytes("text"), 0));
  bool committed = false;
  owner_.content->commit([&](Result<void> result) { committed = result.has_value(); });
  EXPECT_TRUE(committed);
  EXPECT_EQ(store_.content("file"), "text");
  EXPECT_EQ(owner_.told, 1);
  EXPECT_EQ(owner_.dirty_while_told, true);
  EXPECT_EQ(owner_.busy_while_told, true);
  EXPECT_EQ(owner_.dirty_at_the_end, false);
}

}  // namespace
}  // namespace stsfs::fs
