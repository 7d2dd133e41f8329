// Who has a name that several make at once: OSS decides. With excl=strict exclusive creates of
// files are decided before they return, too.

#include <functional>
#include <map>

#include "fakes/at_once_scheduler.h"
#include "folder_fixture.h"

#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

constexpr int kExclusive = O_WRONLY | O_CREAT | O_EXCL;

class NewNames : public FolderTest {
 protected:
  using Make = std::function<Result<Entry>(MountedFolder& folder, const std::string& name)>;
  const std::map<std::string, Make> makers_{
      {"directory/",
       [&](auto& folder, auto& name) { return folder.mkdir(context(), kRoot, name, 0700); }},
      {"link",
       [&](auto& folder, auto& name) { return folder.symlink(context(), kRoot, name, "to"); }},
      {"pipe", [&](auto& folder, auto& name) {
         return folder.mknod(context(), kRoot, name, S_IFIFO | 0600, 0);
       }}};
};

/// By which such a one is made.
oss::Operation operation_of(const std::string& key) {
  return key == "link" ? oss::Operation::kPutSymlink : oss::Operation::kPut;
}

TEST_F(NewNames, OfAnotherClientShowAtOnceWhereTheyWereKnownNotToBe) {
  names(kRoot);
  for (const auto& [key, make] : makers_) {
    SCOPED_TRACE(key);
    const std::string name = key.substr(0, key.find('/'));
    EXPECT_EQ(lookup(name).error().code, Errc::kNotFound);
    faulty_.before({.operation = operation_of(key)},
                   [&, key = key] { store_.put("users/alice/" + key, ""); });
    EXPECT_EQ(make(*folder_, name).error().code, Errc::kExists);
    EXPECT_TRUE(lookup(name));
  }
}

TEST_F(NewNames, ThatCameIntoBeingAfterTheyFailedShow) {
  names(kRoot);
  for (const auto& [key, make] : makers_) {
    SCOPED_TRACE(key);
    const std::string name = key.substr(0, key.find('/'));
    faulty_.lose_answer({.operation = operation_of(key)}, Error{Errc::kTimedOut, "lost", {}});
    EXPECT_EQ(make(*folder_, name).error().code, Errc::kTimedOut);
    EXPECT_TRUE(lookup(name));
  }
}

TEST_F(NewNames, WhoseAnswerWasLostAreKnownForOurs) {
  fakes::AtOnceScheduler at_once;
  oss::RetryingStore retrying(faulty_, at_once, clock_);
  FolderOptions options = options_;
  options.staging_directory = directory_.path() + "/retrying";
  const auto folder = MountedFolder::make(retrying, scheduler_, clock_, options).value();
  for (const auto& [key, make] : makers_) {
    SCOPED_TRACE(key);
    faulty_.lose_answer({.operation = operation_of(key)}, Error{Errc::kUnavailable, "lost", {}});
    const auto made = make(*folder, key.substr(0, key.find('/')));
    EXPECT_TRUE(made) << made.error().message;
  }
  folder->stop();
}

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

// "With excl=strict it is decided in OSS before open(2) returns … so that lock files work between
// machines."
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
