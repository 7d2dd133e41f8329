// excl=strict: an exclusive create is decided in OSS before it returns.

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

constexpr int kExclusive = O_WRONLY | O_CREAT | O_EXCL;

class StrictExclusive : public FolderTest {
 protected:
  StrictExclusive() {
    options_.strict_exclusive = true;
    kill_and_begin();
    FolderOptions options = options_;
    options.staging_directory = directory_.path() + "/other";
    other_ = MountedFolder::make(faulty_, scheduler_, clock_, options).value();
  }
  ~StrictExclusive() override { other_->stop(); }
  Result<std::pair<Entry, Opened>> create(MountedFolder& folder) {
    return folder.create(context(), kRoot, "lock", 0600, kExclusive);
  }
  std::unique_ptr<MountedFolder> other_;
};

TEST_F(StrictExclusive, OneOfTwoMountsMakesALockFileAndTheOtherIsToldAtOnce) {
  EXPECT_EQ(names(kRoot).size(), 2U);  // both know that the directory is empty
  EXPECT_EQ(other_->lookup(context(), kRoot, "lock").error().code, Errc::kNotFound);
  const auto made = create(*folder_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(create(*other_).error().code, Errc::kExists);
  EXPECT_TRUE(other_->lookup(context(), kRoot, "lock"));  // whatever it knew before
  ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("me"), 0));
  ASSERT_TRUE(flush(made->second.handle));
  folder_->release(made->second.handle);
  EXPECT_EQ(store_.content("users/alice/lock"), "me");
  EXPECT_EQ(store_.keys().size(), 1U);
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "lock"));
  ASSERT_TRUE(drain());
  clock_.advance(std::chrono::minutes(1));
  const auto next = create(*other_);
  ASSERT_TRUE(next) << next.error().message;
  other_->release(next->second.handle);
}

TEST_F(StrictExclusive, IsNotHeldByWhoCouldNotAsk) {
  faulty_.fail({.operation = oss::Operation::kPut}, Error{Errc::kUnavailable, "gone", {}});
  EXPECT_EQ(create(*folder_).error().code, Errc::kUnavailable);
  EXPECT_EQ(lookup("lock").error().code, Errc::kNotFound);
  EXPECT_TRUE(create(*other_));
}

TEST_F(StrictExclusive, IsThereAfterAKillOfWhoMadeIt) {
  ASSERT_TRUE(create(*folder_));
  kill_and_begin();
  EXPECT_EQ(create(*folder_).error().code, Errc::kExists);
}

TEST_F(StrictExclusive, CostsNothingMoreWhenItIsClosedUnwritten) {
  const auto made = create(*folder_);
  const auto before = faulty_.started();
  ASSERT_TRUE(flush(made->second.handle));
  folder_->release(made->second.handle);
  EXPECT_EQ(faulty_.started(), before);
  EXPECT_EQ(lookup("lock")->attributes.mode & 07777U, 0600U);
}

}  // namespace
}  // namespace stsfs::fs
