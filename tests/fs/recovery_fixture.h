#pragma once

#include <string>

#include "folder_fixture.h"
#include "stsfs/base/fd.h"
#include "stsfs/staging/rescue.h"

namespace stsfs::fs {

/// A folder that "dies" by being dropped with everything it had under way, and another that begins
/// on the same staging directory. The tests are about one file, `f`.
class RecoveryTest : public FolderTest {
 protected:
  const std::string key_ = "users/alice/f";
  void network_gone() {
    names(kRoot);  // what is known by now stays usable
    faulty_.fail_everything(Error{Errc::kUnavailable, "network gone"});
  }
  void network_back() { faulty_.fail_everything(std::nullopt); }
  void resume() {
    folder_->resume();
    while (scheduler_.run_next()) {
    }
  }
  std::string rescued(const staging::JournalEntry& entry) {
    const std::string target = directory_.path() + "/rescued";
    EXPECT_TRUE(staging::rescue_file(options_.staging_directory, entry, target));
    return stsfs::read_file(target, std::size_t{1} << 30).value();
  }
};

/// The same with `commit=background`.
class BackgroundCommitTest : public RecoveryTest {
 protected:
  BackgroundCommitTest() {
    options_.commit = CommitMode::kBackground;
    folder_->stop();
    begin();
  }
};

}  // namespace stsfs::fs
