#include "content/file_content.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/fake_executor.h"
#include "fakes/fake_object_store.h"
#include "fakes/fake_scheduler.h"
#include "fakes/faulty_store.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "stsfs/staging/rescue.h"
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

  stsfs::testing::TemporaryDirectory directory_{stsfs::testing::TemporaryDirectory::in_memory()};
  fakes::FakeClock clock_;
  fakes::FakeScheduler scheduler_{clock_};
  fakes::InlineExecutor executor_;
  fakes::FakeObjectStore store_{clock_, executor_};
  fakes::FaultyStore faulty_{store_, &scheduler_};
  std::shared_ptr<cache::BlockPool> pool_ = cache::BlockPool::create(0, clock_).value();
  PrefetchSlots prefetches_{32};
  Readers readers_;
  std::shared_ptr<staging::StagingArea> area_ =
      staging::StagingArea::open({.directory = directory_.path() + "/staging"}).value();
  /// A note that has become needless stays in it until there is another.
  std::unique_ptr<staging::Journal> journal_ =
      staging::Journal::open(
          {.file = directory_.path() + "/journal.db", .sync_interval = std::chrono::hours(1)})
          .value();
  CommitSlots slots_{4, clock_, std::chrono::seconds(30)};
  CopyUsers copy_users_;
  WatchfulOwner owner_;
  Successors successors_{clock_};
  ContentSurroundings around_{
      faulty_, scheduler_,  clock_, {faulty_, scheduler_, clock_, pool_, prefetches_, readers_},
      *area_,  *journal_,   slots_, copy_users_,
      owner_,  successors_, {}};
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

/// In OSS, while the journal still has its note, as for a moment after each commit.
class CommittedAndStillNoted : public FileContentTest {
 protected:
  CommittedAndStillNoted() {
    owner_.content = std::make_shared<FileContent>(around_, InodeNumber{2}, "file", "", 0);
    EXPECT_TRUE(owner_.content->write(as_bytes("first version"), 0));
    // An answer that came at once would end the note together with its beginning.
    faulty_.delay({.operation = oss::Operation::kPut}, std::chrono::seconds(1));
    owner_.content->commit([](Result<void> result) { EXPECT_TRUE(result); });
    scheduler_.advance(std::chrono::seconds(1));
    EXPECT_FALSE(owner_.content->dirty());
    EXPECT_EQ(store_.content("file"), "first version");
    EXPECT_EQ(left(), "first version");
  }
  /// What a daemon would find that is started after a kill of this one.
  std::string left() {
    const auto entries = staging::Journal::read(directory_.path() + "/journal.db").value();
    if (entries.size() != 1) return count_of(entries.size(), "note");
    const std::string target = directory_.path() + "/left";
    std::filesystem::remove(target);
    EXPECT_TRUE(staging::rescue_file(directory_.path() + "/staging", entries[0], target));
    return read_file(target, std::size_t{1} << 20).value();
  }
  std::size_t beside() const {
    const std::filesystem::directory_iterator files(directory_.path() + "/staging");
    return static_cast<std::size_t>(std::count_if(begin(files), end(files), [](const auto& file) {
      const std::string name = file.path().filename();
      return name.starts_with("file-") && name.find('.') != std::string::npos;
    }));
  }
};

TEST_F(CommittedAndStillNoted, AnOverwriteLeavesWhatTheNoteTellsOf) {
  ASSERT_TRUE(owner_.content->write(as_bytes("SEC"), 0));
  EXPECT_EQ(left(), "first version");
  EXPECT_EQ(beside(), 1U);
  // The next note takes that one along, and what was kept for it goes.
  owner_.content->commit([](Result<void> result) { EXPECT_TRUE(result); });
  EXPECT_EQ(store_.content("file"), "SECst version");
  EXPECT_EQ(beside(), 0U);
}

TEST_F(CommittedAndStillNoted, SoDoesATruncation) {
  ASSERT_TRUE(owner_.content->truncate(5));
  EXPECT_EQ(left(), "first version");
  ASSERT_TRUE(owner_.content->truncate(0));
  ASSERT_TRUE(owner_.content->write(as_bytes("SECOND"), 0));
  EXPECT_EQ(left(), "first version");
}

TEST_F(CommittedAndStillNoted, SoDoesAHole) {
  ASSERT_TRUE(owner_.content->allocate({0, 13}, Allocation::kPunch));
  EXPECT_EQ(left(), "first version");
}

}  // namespace
}  // namespace stsfs::fs
