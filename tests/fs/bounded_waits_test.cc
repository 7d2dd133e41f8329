// A change of names that has to wait for something else ends at its deadline, or when its caller is
// interrupted; and so do those that wait for it in turn.

#include <thread>

#include "pending/name_gate.h"

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;
using std::chrono::seconds;

class BoundedWaits : public FolderTest {
 protected:
  /// A file of which the upload is not answered.
  void begin_upload(std::string_view name) {
    faulty_.delay({.operation = Operation::kPut, .count = 1}, std::chrono::hours(10));
    auto made = folder_->create(context(), kRoot, name, 0644, O_WRONLY | O_CREAT);
    ASSERT_TRUE(made);
    ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("text"), 0));
    folder_->flush(
        context(), made->second.handle, [](pid_t) { return false; }, [](Result<void>) {});
    folder_->release(made->second.handle);
  }
  Context interrupted_by(Interrupt& interrupt) {
    Context out = context();
    out.interrupt = &interrupt;
    return out;
  }
  std::future<Result<void>> later(std::function<Result<void>()> what) {
    return std::async(std::launch::async, std::move(what));
  }
  static bool is_done(const std::future<Result<void>>& future, std::chrono::milliseconds within) {
    return future.wait_for(within) == std::future_status::ready;
  }
  /// Time goes on until it is done, but for no more than `limit`.
  Errc code_within(std::future<Result<void>>& future, seconds limit) {
    for (seconds at{0}; at < limit && !is_done(future, std::chrono::milliseconds(5)); ++at)
      scheduler_.advance(seconds(1));
    if (!is_done(future, std::chrono::milliseconds(1'000))) return Errc::kBusy;
    const auto result = future.get();
    return result ? Errc::kExists : result.error().code;
  }
};

// "Removing or renaming a file that is just being sent … waits for that, within the deadline of
// metadata: then it fails with ETIMEDOUT, and nothing has changed."
TEST_F(BoundedWaits, ARemovalOfWhatIsBeingSentEndsAtItsDeadline) {
  begin_upload("f");
  auto removed = later([&] { return folder_->unlink(context(), kRoot, "f"); });
  EXPECT_EQ(code_within(removed, seconds(40)), Errc::kTimedOut);
  EXPECT_TRUE(lookup("f"));
}

TEST_F(BoundedWaits, ARemovalOfWhatIsBeingSentIsInterrupted) {
  begin_upload("f");
  Interrupt interrupt;
  auto removed = later([&] { return folder_->unlink(interrupted_by(interrupt), kRoot, "f"); });
  EXPECT_FALSE(is_done(removed, std::chrono::milliseconds(20)));
  interrupt.raise();
  EXPECT_EQ(removed.get().error().code, Errc::kInterrupted);
  // Nothing holds it back: what is written now is sent when that is.
  faulty_.heal();
  scheduler_.advance(std::chrono::hours(11));
  EXPECT_EQ(store_.content("users/alice/f"), "text");
  EXPECT_TRUE(write_file(kRoot, "f", "more"));
  EXPECT_EQ(store_.content("users/alice/f"), "more");
}

/// A large file of which the parts arrive one after the other.
class LargeFileBeingSent : public BoundedWaits {
 protected:
  LargeFileBeingSent() {
    options_.plan = small_plan();
    kill_and_begin();
  }
  void hold_up_parts() {
    for (std::uint64_t i = 1; i <= 4; ++i)
      faulty_.delay({.operation = Operation::kUploadPart, .from = i}, kApart * i);
    faulty_.delay({.operation = Operation::kUploadPart, .from = 5, .count = Calls::kAll},
                  kApart * 5);
  }
  void fill(HandleNumber handle, std::uint64_t size) {
    for (std::uint64_t at = 0; at < size; at += kUnit)
      ASSERT_TRUE(folder_->write(context(), handle, as_bytes(std::string(kUnit, 'b')), at));
  }
  void begin_flush(HandleNumber handle) {
    folder_->flush(
        context(), handle, [](pid_t) { return false; },
        [closed = closed_](Result<void> result) { *closed = std::move(result); });
  }
  void begin_upload_of_parts() {
    hold_up_parts();
    auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
    fill(made->second.handle, 40 * kUnit);
    begin_flush(made->second.handle);
    folder_->release(made->second.handle);
    ASSERT_FALSE(*closed_);
  }
  std::future<Result<void>> begin_removal(seconds within) {
    Context ends = context();
    ends.deadline = Deadline::in(clock_, within);
    return later([this, ends] { return folder_->unlink(ends, kRoot, "f"); });
  }
  /// Whoever waits has a timer. Where others have ended, some seconds.
  void until_it_waits(const std::future<Result<void>>& removed, std::size_t timers) {
    for (int i = 0; i < 3'000 && scheduler_.pending() <= timers; ++i)
      if (is_done(removed, std::chrono::milliseconds(1))) return;
  }
  /// One part after the other arrives, until the removal has ended.
  Result<void> remove_meanwhile() {
    const std::size_t timers = scheduler_.pending();
    auto removed = begin_removal(kApart * 10);
    for (std::size_t arrived = 0; arrived < 5; ++arrived) {
      until_it_waits(removed, timers - arrived);
      scheduler_.advance(kApart);
      if (is_done(removed, std::chrono::milliseconds(50))) break;
    }
    return removed.get();
  }

  static constexpr seconds kApart{20};
  const std::shared_ptr<std::optional<Result<void>>> closed_ =
      std::make_shared<std::optional<Result<void>>>();
};

// "A large file that goes in parts is removed as soon as one of them has arrived, and the others
// are not sent."
TEST_F(LargeFileBeingSent, IsRemovedWhenAPartHasArrived) {
  begin_upload_of_parts();
  EXPECT_TRUE(remove_meanwhile());
  EXPECT_TRUE(*closed_ && **closed_);
  EXPECT_EQ(faulty_.started(Operation::kComplete), 0U);
  EXPECT_EQ(lookup("f").error().code, Errc::kNotFound);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.open_uploads(), 0U);
  EXPECT_FALSE(store_.content("users/alice/f"));
}

TEST_F(LargeFileBeingSent, GoesOnWhenNobodyWaitsForItsRemovalAnyMore) {
  begin_upload_of_parts();
  const std::size_t timers = scheduler_.pending();
  auto removed = begin_removal(seconds(5));
  until_it_waits(removed, timers);
  scheduler_.advance(seconds(6));
  const Error late = removed.get().error();
  EXPECT_EQ(late.code, Errc::kTimedOut);
  EXPECT_NE(late.message.find("users/alice/f is still being brought to OSS"), std::string::npos)
      << late.message;
  scheduler_.advance(kApart * 10);
  EXPECT_TRUE(*closed_ && **closed_);
  EXPECT_EQ(faulty_.started(Operation::kInitiate), 1U);
  EXPECT_EQ(store_.content("users/alice/f"), std::string(40 * kUnit, 'b'));
}

TEST_F(LargeFileBeingSent, IsSentAnewWhenItCannotBeRemovedAfterAll) {
  store_.put("users/alice/f", std::string(60 * kUnit, 'a'));
  auto handle = folder_->open(context(), lookup("f")->attributes.inode, O_RDWR)->handle;
  fill(handle, 32 * kUnit);
  hold_up_parts();
  begin_flush(handle);
  ASSERT_FALSE(*closed_);
  // Who has it open goes on reading it: what is not here is to be fetched.
  faulty_.fail({.operation = Operation::kGet, .count = Calls::kAll}, Error{Errc::kDenied, "", {}});
  EXPECT_EQ(remove_meanwhile().error().code, Errc::kDenied);
  EXPECT_FALSE(*closed_);
  EXPECT_EQ(faulty_.started(Operation::kInitiate), 2U);
  scheduler_.advance(kApart * 10);
  EXPECT_TRUE(*closed_ && **closed_);
  EXPECT_EQ(store_.open_uploads(), 0U);
  EXPECT_EQ(store_.content("users/alice/f"),
            std::string(32 * kUnit, 'b') + std::string(28 * kUnit, 'a'));
  folder_->release(handle);
}

TEST_F(BoundedWaits, TheEndOfTheMountDoesNotWaitForCommitsToHaveTheirTurn) {
  for (int i = 0; i < 60; ++i) begin_upload("f" + std::to_string(i));
  kill_and_begin();
  faulty_.heal();
  ASSERT_TRUE(drain());
}

// "Without progress until close(2) or fsync(2) fails. The data is kept and tried again. A close
// that waits for its turn behind many others fails together with them when OSS answers none."
TEST_F(BoundedWaits, ManyClosesEndTogetherWhenOssAnswersNone) {
  constexpr std::size_t kFiles = 150;
  const auto name = [](std::size_t number) { return "f" + std::to_string(number); };
  faulty_.delay({.operation = Operation::kPut, .count = Calls::kAll}, seconds(61));
  const auto told = std::make_shared<std::vector<Result<void>>>();
  for (std::size_t i = 0; i < kFiles; ++i) {
    auto made = folder_->create(context(), kRoot, name(i), 0644, O_WRONLY | O_CREAT);
    ASSERT_TRUE(made);
    ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes(name(i)), 0));
    folder_->flush(
        context(), made->second.handle, [](pid_t) { return false; },
        [told](Result<void> result) { told->push_back(std::move(result)); });
    folder_->release(made->second.handle);
  }
  EXPECT_TRUE(told->empty());
  scheduler_.advance(seconds(62));
  EXPECT_EQ(told->size(), kFiles);
  for (const auto& result : *told) EXPECT_TRUE(!result && result.error().code == Errc::kTimedOut);
  EXPECT_EQ(folder_->pending().size(), kFiles);
  // They are kept by then, and come to OSS once it answers.
  kill_and_begin();
  faulty_.heal();
  EXPECT_EQ(folder_->pending().size(), kFiles);
  ASSERT_TRUE(drain());
  for (std::size_t i = 0; i < kFiles; ++i)
    EXPECT_EQ(store_.content("users/alice/" + name(i)), name(i));
}

TEST_F(BoundedWaits, ADirectoryWithAFileThatIsBeingSentKeepsItsName) {
  const auto directory = folder_->mkdir(context(), kRoot, "d", 0755);
  ASSERT_TRUE(write_file(directory->attributes.inode, "other", "other"));
  faulty_.delay({.operation = Operation::kPut, .count = 1, .key = "users/alice/d/f"},
                std::chrono::hours(10));
  auto made =
      folder_->create(context(), directory->attributes.inode, "f", 0644, O_WRONLY | O_CREAT);
  ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("text"), 0));
  folder_->flush(
      context(), made->second.handle, [](pid_t) { return false; }, [](Result<void>) {});
  auto renamed = later(
      [&] { return folder_->rename(context(), kRoot, "d", kRoot, "e", RenameMode::kReplace); });
  EXPECT_EQ(code_within(renamed, seconds(40)), Errc::kTimedOut);
  EXPECT_TRUE(lookup("d"));
  EXPECT_EQ(lookup("e").error().code, Errc::kNotFound);
  faulty_.heal();
  scheduler_.advance(std::chrono::hours(11));
  folder_->release(made->second.handle);
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "e", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/e/f"), "text");
  EXPECT_EQ(store_.content("users/alice/e/other"), "other");
}

/// A second name of a file that is just being made in OSS, which does not answer.
class LinkBeingMade : public BoundedWaits {
 protected:
  LinkBeingMade() {
    options_.hard_links = true;
    kill_and_begin();
    EXPECT_TRUE(write_file(kRoot, "a", "text"));
    inode_ = lookup("a")->attributes.inode;
    EXPECT_TRUE(folder_->link(context(), inode_, kRoot, "b"));
    faulty_.delay({.operation = Operation::kCopy, .count = Calls::kAll}, std::chrono::hours(10));
    while (faulty_.started(Operation::kCopy) == 0) {  // its timer may not have begun yet
      scheduler_.advance(seconds(5));
      std::this_thread::yield();
    }
  }
  Context until_now() {
    return {.caller = context().caller, .deadline = Deadline::in(clock_, seconds(0))};
  }
  /// Both are made once OSS answers.
  void expect_both_names() {
    faulty_.heal();
    scheduler_.advance(std::chrono::hours(11));
    ASSERT_TRUE(drain());
    EXPECT_EQ(read_file("a"), "text");
    EXPECT_EQ(read_file("b"), "text");
    EXPECT_EQ(lookup("b")->attributes.inode, inode_);
  }
  InodeNumber inode_{};
};

// "The same goes for a change of a file whose second name is just being made in OSS."
TEST_F(LinkBeingMade, KeepsNobodyBehindItsDeadline) {
  EXPECT_EQ(folder_->unlink(until_now(), kRoot, "a").error().code, Errc::kTimedOut);
  EXPECT_EQ(folder_->unlink(until_now(), kRoot, "b").error().code, Errc::kTimedOut);
  EXPECT_EQ(folder_->setattr(until_now(), inode_, std::nullopt, {.mode = 0600}).error().code,
            Errc::kTimedOut);
  expect_both_names();
  EXPECT_EQ(lookup("a")->attributes.mode, mode_t{S_IFREG | 0644});
}

TEST_F(LinkBeingMade, LetsTheInterruptedGo) {
  Interrupt interrupt;
  Context patient = interrupted_by(interrupt);
  patient.deadline = Deadline::in(clock_, std::chrono::hours(1'000));
  auto removed = later([&] { return folder_->unlink(patient, kRoot, "b"); });
  EXPECT_FALSE(is_done(removed, std::chrono::milliseconds(20)));
  interrupt.raise();
  EXPECT_EQ(removed.get().error().code, Errc::kInterrupted);
  expect_both_names();
}

// --- the gate ---

class Gate : public ::testing::Test {
 protected:
  Context until(seconds left, Interrupt* interrupt = nullptr) {
    return {.interrupt = interrupt, .deadline = Deadline::in(clock_, left)};
  }
  fakes::FakeClock clock_;
  NameGate gate_;
};

TEST_F(Gate, KeepsNobodyBehindItsDeadline) {
  auto inside = gate_.enter(until(seconds(1)), clock_);
  ASSERT_TRUE(inside);
  EXPECT_EQ(gate_.enter_alone(until(seconds(0)), clock_).error().code, Errc::kTimedOut);
  EXPECT_TRUE(gate_.enter(until(seconds(0)), clock_));
  { const auto gone = std::move(inside); }
  const auto alone = gate_.enter_alone(until(seconds(0)), clock_);
  ASSERT_TRUE(alone);
  EXPECT_EQ(gate_.enter(until(seconds(0)), clock_).error().code, Errc::kTimedOut);
  EXPECT_EQ(gate_.enter_alone(until(seconds(0)), clock_).error().code, Errc::kTimedOut);
}

TEST_F(Gate, LetsTheInterruptedGo) {
  const auto alone = gate_.enter_alone(until(seconds(1)), clock_);
  Interrupt interrupt;
  auto waits = std::async(std::launch::async, [&] {
    return gate_.enter(until(seconds(1'000), &interrupt), clock_).error().code;
  });
  EXPECT_EQ(waits.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  interrupt.raise();
  EXPECT_EQ(waits.get(), Errc::kInterrupted);
}

}  // namespace
}  // namespace stsfs::fs
