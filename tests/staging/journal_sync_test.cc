#include "journal_sync.h"

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "stsfs/base/mutex.h"
#include "stsfs/staging/staging_area.h"
#include "support/temporary_directory.h"

namespace stsfs::staging {
namespace {

constexpr std::chrono::seconds kLong{20};

class JournalSyncTest : public ::testing::Test {
 protected:
  stsfs::testing::TemporaryDirectory directory_;
  const std::string log_ = directory_.path() + "/log";
  const std::shared_ptr<StagingArea> area_ =
      StagingArea::open({.directory = directory_.path() + "/staging"}).value();
  const JournalSync::Fold at_once_ = [](Callback<void> done) { done({}); };
};

// Nothing else may come for hours, as without a network.
TEST_F(JournalSyncTest, WhatIsNotedWhileTheDiskIsBusyIsBroughtThereNext) {
  std::promise<void> marked;
  JournalSync* at_hand = nullptr;
  const auto mark = [&](const std::vector<JournalSync::Note>& notes,
                        Callback<std::vector<std::uint64_t>> done) {
    std::vector<std::uint64_t> ids;
    for (const auto& note : notes) ids.push_back(note.id);
    if (!ids.empty() && ids[0] == 1) at_hand->noted({2, 2}, area_->create().value(), nullptr);
    if (!ids.empty() && ids[0] == 2) marked.set_value();
    done(std::move(ids));
  };
  JournalSync sync(log_, std::chrono::milliseconds(1), mark, at_once_);
  at_hand = &sync;
  sync.noted({1, 1}, area_->create().value(), nullptr);
  EXPECT_EQ(marked.get_future().wait_for(kLong), std::future_status::ready);
}

/// Marks as a journal does, and counts how often each file was.
class Marks {
 public:
  void operator()(const std::vector<JournalSync::Note>& notes,
                  Callback<std::vector<std::uint64_t>> done) {
    std::vector<std::uint64_t> ids;
    for (const auto& note : notes) ids.push_back(note.id);
    {
      MutexLock lock(mutex_);
      for (const std::uint64_t id : ids) ++marked_[id];
      ++rounds_;
      changed_.notify_all();
    }
    done(std::move(ids));
  }
  int of(std::uint64_t id) {
    MutexLock lock(mutex_);
    return marked_[id];
  }
  bool wait_for(std::uint64_t id) {
    return wait([&] { return marked_[id] > 0; });
  }
  /// That whatever was noted has been tried.
  bool wait_rounds() {
    const int until = rounds() + 4;
    return wait([&] { return rounds_ >= until; });
  }

 private:
  int rounds() {
    MutexLock lock(mutex_);
    return rounds_;
  }
  template <class Holds>
  bool wait(Holds&& holds) STSFS_NO_TSA {
    MutexLock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + kLong;
    while (!holds())
      if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) return false;
    return true;
  }

  Mutex mutex_;
  Condition changed_;
  std::map<std::uint64_t, int> marked_;
  int rounds_ = 0;
};

class RefusingDisk : public JournalSyncTest {
 protected:
  std::unique_ptr<JournalSync> sync(JournalSync::Fold fold) {
    return std::make_unique<JournalSync>(
        log_, std::chrono::milliseconds(1),
        [this](auto notes, auto done) { marks_(std::move(notes), std::move(done)); },
        std::move(fold));
  }
  std::string staging() const { return directory_.path() + "/staging"; }
  Marks marks_;
};

TEST_F(RefusingDisk, WhatItRefusesIsTriedAgainAndTheNoteBeforeKeepsItsFile) {
  const auto sync = this->sync(at_once_);
  auto before = area_->create().value(), file = area_->create().value();
  const std::string name = before->name();
  // A directory that is not there cannot be brought to the disk.
  std::filesystem::rename(staging(), staging() + "-away");
  sync->noted({1, 2}, std::move(file), std::move(before));
  ASSERT_TRUE(marks_.wait_rounds());
  EXPECT_EQ(marks_.of(1), 0);
  EXPECT_TRUE(std::filesystem::exists(staging() + "-away/" + name));
  std::filesystem::rename(staging() + "-away", staging());
  EXPECT_TRUE(marks_.wait_for(1));
}

// It would be made known as being there, although the kernel says so only because it forgot.
TEST_F(RefusingDisk, BytesThatItRefusedOnceAreNeverTakenForWritten) {
  const std::string path = staging() + "/file-1";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);  // what cannot be synced
  const auto file = area_->reopen("file-1").value();
  EXPECT_FALSE(file->is_refused());
  EXPECT_FALSE(file->sync());
  EXPECT_TRUE(file->is_refused());
  const auto sync = this->sync(at_once_);
  sync->noted({1, 1}, file, nullptr);
  ASSERT_TRUE(marks_.wait_rounds());
  EXPECT_EQ(marks_.of(1), 0);
  sync->noted({1, 2}, area_->create().value(), nullptr);  // written anew
  EXPECT_TRUE(marks_.wait_for(1));
}

TEST_F(RefusingDisk, WhatWasErasedStaysUntilTheLogIsThere) {
  std::atomic<bool> works{false};
  std::atomic<int> folds{0};
  const auto sync = this->sync([&](Callback<void> done) {
    done(works ? Result<void>() : fail(Errc::kIo, "the disk is broken"));
    ++folds;
  });
  const auto wait_folds = [&] {
    for (const int until = folds + 2; folds < until;) std::this_thread::yield();
  };
  auto file = area_->create().value(), before = area_->create().value();
  const std::string name = file->name(), name_before = before->name();
  sync->noted({1, 2}, file, std::move(before));
  ASSERT_TRUE(marks_.wait_for(1));
  wait_folds();
  sync->erased(1, std::move(file), false);
  wait_folds();
  EXPECT_TRUE(area_->has(name));
  EXPECT_TRUE(area_->has(name_before));
  EXPECT_TRUE(sync->log_failed());
  works = true;
  const auto until = std::chrono::steady_clock::now() + kLong;
  while (sync->log_failed() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_FALSE(sync->log_failed());
}

}  // namespace
}  // namespace stsfs::staging
