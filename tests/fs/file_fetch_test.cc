// A commit that must fetch what it sends, and finds no room for it here.

#include "recovery_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;

class FetchWithoutRoom : public RecoveryTest {
 protected:
  /// Small enough to be put whole: a change of a part fetches the rest.
  const std::string base_ = std::string(3 * kMiB, 'b');
  std::string changed() const {
    std::string out = base_;
    return out.replace(kMiB, 7, "CHANGED");
  }
  void begin_with_room_for(std::uint64_t bytes) {
    options_.staging_budget_bytes = bytes;
    kill_and_begin();
    if (!store_.content(key_)) store_.put(key_, base_);
  }
  HandleNumber change() {
    const HandleNumber handle =
        folder_->open(context(), lookup("f")->attributes.inode, O_RDWR)->handle;
    EXPECT_TRUE(folder_->write(context(), handle, as_bytes("CHANGED"), kMiB));
    return handle;
  }
};

TEST_F(FetchWithoutRoom, FailsTheCloseAndLosesNothing) {
  begin_with_room_for(kMiB);
  const HandleNumber handle = change();
  const auto closed = flush(handle);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, Errc::kNoSpace);
  EXPECT_NE(closed.error().message.find("staging area"), std::string::npos)
      << closed.error().message;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(scheduler_.run_next()) << "it is not tried again";
  EXPECT_TRUE(read_handle(handle, {0, 4 * kMiB}) == changed());
  folder_->release(handle);
  EXPECT_TRUE(store_.content(key_) == base_);
  ASSERT_EQ(folder_->pending().size(), 1U);
  EXPECT_NE(folder_->pending()[0].last_error, "");
  begin_with_room_for(0);
  EXPECT_TRUE(read_file("f") == changed());
  resume();
  EXPECT_TRUE(store_.content(key_) == changed());
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(FetchWithoutRoom, GoesOnByItselfWhenOthersHaveGivenRoom) {
  begin_with_room_for(4 * kMiB);
  // Of its close, and of its release.
  faulty_.fail({.operation = Operation::kPut, .count = 2, .key = "users/alice/g"},
               Error{Errc::kUnavailable, "reset", {}});
  EXPECT_FALSE(write_file(kRoot, "g", std::string(2 * kMiB, 'g')));
  const HandleNumber handle = change();
  EXPECT_EQ(flush(handle).error().code, Errc::kNoSpace);
  folder_->release(handle);
  EXPECT_EQ(folder_->pending().size(), 2U);
  for (int i = 0; i < 20 && !folder_->pending().empty(); ++i) scheduler_.run_next();
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_TRUE(store_.content(key_) == changed());
}

}  // namespace
}  // namespace stsfs::fs
