#include "journal_sync.h"

#include <chrono>
#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>

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
  JournalSync sync(log_, std::chrono::milliseconds(1), mark);
  at_hand = &sync;
  sync.noted({1, 1}, area_->create().value(), nullptr);
  EXPECT_EQ(marked.get_future().wait_for(kLong), std::future_status::ready);
}

}  // namespace
}  // namespace stsfs::staging
