// One version of a file is open here while another client's is at its name: what is done through a
// handle is done to what that has open.

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

const std::string kKey = "users/alice/f";

class TwoVersions : public FolderTest {
 protected:
  TwoVersions() {
    EXPECT_TRUE(write_file(kRoot, "f", "ours, closed"));
    inode_ = lookup("f")->attributes.inode;
    before_ = open(O_RDWR);
    store_.put(kKey, "theirs, and longer");
    folder_->refresh("");
    EXPECT_EQ(lookup("f")->attributes.size_bytes, 18U);
  }
  HandleNumber open(int flags) { return folder_->open(context(), inode_, flags)->handle; }
  Result<void> write(HandleNumber handle, std::string_view text) {
    auto written = folder_->write(context(), handle, as_bytes(text), 0);
    return written ? Result<void>() : fail(written.error());
  }
  /// Of the name and what stands beside it.
  std::vector<std::string> contents() {
    std::vector<std::string> out;
    for (const std::string& key : store_.keys()) out.push_back(*store_.content(key));
    std::sort(out.begin(), out.end());
    return out;
  }

  InodeNumber inode_{};
  HandleNumber before_{};
};

TEST_F(TwoVersions, ACutIsOfTheOneThatIsOpen) {
  ASSERT_TRUE(folder_->setattr(context(), inode_, before_, {.size_bytes = 3}));
  EXPECT_EQ(read_handle(before_, {0, 100}), "our");
  EXPECT_EQ(flush(before_).error().code, Errc::kStale);
  folder_->release(before_);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content(kKey), "theirs, and longer");
  EXPECT_EQ(read_file("f"), "theirs, and longer");
}

TEST_F(TwoVersions, ACutAfterAWriteIsOfWhatWasWritten) {
  ASSERT_TRUE(write(before_, "new"));
  ASSERT_TRUE(folder_->setattr(context(), inode_, before_, {.size_bytes = 3}));
  EXPECT_EQ(flush(before_).error().code, Errc::kStale);
  EXPECT_EQ(contents(), (std::vector<std::string>{"new", "theirs, and longer"}));
}

TEST_F(TwoVersions, TheEndOfTheOneBeforeLeavesWhatIsWrittenOfTheOther) {
  const HandleNumber after = open(O_WRONLY | O_TRUNC);
  ASSERT_TRUE(write(after, "newest"));
  ASSERT_TRUE(write(before_, "OURS, CLOSED"));
  EXPECT_EQ(flush(before_).error().code, Errc::kStale);
  EXPECT_EQ(lookup("f")->attributes.size_bytes, 6U);
  const HandleNumber reader = open(O_RDONLY);
  EXPECT_EQ(read_handle(reader, {0, 100}), "newest");
  ASSERT_TRUE(flush(after));
  EXPECT_EQ(contents(), (std::vector<std::string>{"OURS, CLOSED", "newest"}));
}

}  // namespace
}  // namespace stsfs::fs
