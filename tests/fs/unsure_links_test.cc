// Names of files whose answer was lost, so that nobody knows at first whether they are there.

#include <algorithm>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;

class UnsureLinksTest : public FolderTest {
 protected:
  UnsureLinksTest() {
    options_.hard_links = true;
    kill_and_begin();
  }
  Result<void> unlink(std::string_view name) { return folder_->unlink(context(), kRoot, name); }
  const Error gone_{Errc::kUnavailable, "gone", {}};
};

// --- what takes the name of a symbolic link ---

TEST_F(UnsureLinksTest, OfSymbolicLinksAreTakenByFilesBeforeTheirDeleteCameThrough) {
  for (const char* target : {"nowhere", "l", "n"}) {  // to nothing, to a link, to a file
    ASSERT_TRUE(write_file(kRoot, "n", "other"));
    ASSERT_TRUE(folder_->symlink(context(), kRoot, "l", target));
    ASSERT_TRUE(unlink("l"));
    faulty_.fail({.operation = Operation::kDelete, .count = Calls::kAll}, gone_);
    EXPECT_FALSE(write_file(kRoot, "l", "text"));
    faulty_.heal();
    folder_->resume();
    EXPECT_TRUE(write_file(kRoot, "l", "text")) << target;
    EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "l", "n"})) << target;
    EXPECT_EQ(read_file("l"), "text") << target;
    for (const char* name : {"l", "n"}) ASSERT_TRUE(unlink(name));
    begin_anew();
  }
}

TEST_F(UnsureLinksTest, OfSymbolicLinksAreTakenByFilesThatAreNotInOssYet) {
  options_.commit = CommitMode::kBackground;
  kill_and_begin();
  for (const char* target : {"nowhere", "m", "n"}) {  // to nothing, to a link, to a file
    ASSERT_TRUE(write_file(kRoot, "n", "other"));
    ASSERT_TRUE(folder_->symlink(context(), kRoot, "l", target));
    ASSERT_TRUE(folder_->symlink(context(), kRoot, "m", "nowhere"));
    ASSERT_TRUE(drain());
    ASSERT_TRUE(write_file(kRoot, "f", "text"));
    ASSERT_TRUE(folder_->rename(context(), kRoot, "f", kRoot, "l", RenameMode::kReplace));
    begin_anew();
    EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "l", "m", "n"})) << target;
    EXPECT_EQ(read_file("l"), "text") << target;
    for (const char* name : {"l", "m", "n"}) ASSERT_TRUE(unlink(name));
    begin_anew();
  }
}

}  // namespace
}  // namespace stsfs::fs
