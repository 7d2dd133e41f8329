// A commit that must fetch what it sends, and finds no room for it here.

#include <functional>
#include <future>
#include <thread>

#include "recovery_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;
using std::chrono::seconds;

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

/// Two files, each of which there is room for, and not for both.
class FetchesTogether : public FetchWithoutRoom {
 protected:
  FetchesTogether() {
    begin_with_room_for(4 * kMiB);
    for (const char* name : {"f", "g"}) store_.put(key_of(name), base_);
  }
  static std::string key_of(const std::string& name) { return "users/alice/" + name; }
  /// What its close says.
  using Told = std::shared_ptr<std::optional<Result<void>>>;
  Told change_and_close(const std::string& name) {
    auto told = std::make_shared<std::optional<Result<void>>>();
    const HandleNumber handle =
        folder_->open(context(), lookup(name)->attributes.inode, O_RDWR)->handle;
    EXPECT_TRUE(folder_->write(context(), handle, as_bytes("CHANGED"), kMiB));
    folder_->flush(
        context(), handle, [](pid_t) { return false; },
        [told](Result<void> result) { *told = std::move(result); });
    folder_->release(handle);
    return told;
  }
  /// What is fetched for it comes only after `hangs`.
  Told change_and_hang(const std::string& name, std::chrono::minutes hangs) {
    faulty_.delay({.operation = Operation::kGet, .count = 2, .key = key_of(name)}, hangs);
    return change_and_close(name);
  }
  std::string error_of(const std::string& path) const {
    for (const auto& file : folder_->pending())
      if (file.path == path) return file.last_error;
    return "not pending";
  }
  /// Room comes back in real time: the journal has a thread of its own.
  bool within_a_minute(const std::function<bool()>& is_so) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!is_so() && std::chrono::steady_clock::now() < until) {
      scheduler_.advance(std::chrono::milliseconds(250));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return is_so();
  }
};

TEST_F(FetchesTogether, GoOneAfterTheOther) {
  options_.commit_timeout = std::chrono::hours(1);
  kill_and_begin();
  // In two pieces, the second when both would have the first.
  for (const char* name : {"f", "g"})
    for (const std::uint64_t piece : {1, 2})
      faulty_.delay({.operation = Operation::kGet, .from = piece, .key = key_of(name)},
                    seconds(piece));
  const Told f = change_and_close("f"), g = change_and_close("g");
  ASSERT_TRUE(within_a_minute([&] { return folder_->pending().empty(); }));
  ASSERT_TRUE(*f && *g);
  EXPECT_TRUE(**f) << (*f)->error().message;
  // The disk of this machine may keep the room of the first for longer than this clock waits.
  EXPECT_TRUE(**g || (*g)->error().code == Errc::kNoSpace) << (*g)->error().message;
  for (const char* name : {"f", "g"}) EXPECT_TRUE(store_.content(key_of(name)) == changed());
}

// "A close that has to wait for it does so while others are being sent, for commit_timeout at most,
// and fails with ENOSPC then; stsfs status says that it waits for room."
TEST_F(FetchesTogether, WaitNoLongerThanCommitTimeoutAndSayWhy) {
  const Told f = change_and_hang("f", std::chrono::minutes(10)), g = change_and_close("g");
  scheduler_.advance(seconds(50));
  EXPECT_FALSE(*g);
  EXPECT_NE(error_of("g").find("3.0 MiB that are sent again: the staging area"), std::string::npos)
      << error_of("g");
  scheduler_.advance(seconds(11));
  ASSERT_TRUE(*g);
  ASSERT_FALSE(**g);
  EXPECT_EQ((*g)->error().code, Errc::kNoSpace);
  EXPECT_FALSE(*f);
  // And goes on when there is room.
  scheduler_.advance(std::chrono::minutes(10));
  EXPECT_TRUE(within_a_minute([&] { return folder_->pending().empty(); }));
  EXPECT_TRUE(store_.content(key_of("g")) == changed());
}

TEST_F(FetchesTogether, GiveWayToARemovalWhileTheyWait) {
  options_.commit_timeout = std::chrono::hours(24);
  kill_and_begin();
  const Told f = change_and_hang("f", std::chrono::hours(10)), g = change_and_close("g");
  scheduler_.advance(seconds(10));
  auto removed = std::async(std::launch::async, [this] {
    const Deadline deadline = Deadline::in(clock_, std::chrono::hours(10));
    return folder_->unlink({.caller = context().caller, .deadline = deadline}, kRoot, "g");
  });
  ASSERT_TRUE(
      within_a_minute([&] { return removed.wait_for(seconds(0)) == std::future_status::ready; }));
  EXPECT_TRUE(removed.get());
  EXPECT_FALSE(*f);
  ASSERT_TRUE(*g);
  EXPECT_TRUE(**g);
}

}  // namespace
}  // namespace stsfs::fs
