// copy_file_range: what is copied on the server, and what becomes of it when the source does not
// hold still.

#include <functional>
#include <map>

#include "folder_fixture.h"

#include "stsfs/oss/object_store.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;

/// Bytes that differ from one offset to the next.
std::string text_of(std::uint64_t size, char salt) {
  std::string out(size, '\0');
  std::uint64_t state = static_cast<unsigned char>(salt) + std::uint64_t{1};
  for (char& c : out) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    c = static_cast<char>(state >> 56);
  }
  return out;
}

class CopyRange : public FolderTest {
 protected:
  CopyRange() {
    options_.plan = small_plan();
    kill_and_begin();
  }
  HandleNumber open(const std::string& name, int flags) {
    return folder_->open(context(), lookup(name)->attributes.inode, flags)->handle;
  }
  HandleNumber create(const std::string& name) {
    return folder_->create(context(), kRoot, name, 0640, O_RDWR | O_CREAT)->second.handle;
  }
  Result<std::uint64_t> copy(HandleNumber from, ByteRange range, HandleNumber to,
                             std::uint64_t at) {
    return folder_->copy_range(context(), from, range, to, at);
  }
  /// As `cp` does it, up to the close.
  HandleNumber copied(const std::string& from, const std::string& to) {
    const HandleNumber source = open(from, O_RDONLY);
    const HandleNumber target = create(to);
    EXPECT_TRUE(copy(source, {0, std::uint64_t{1} << 40}, target, 0));
    folder_->release(source);
    return target;
  }
  void run_timers() {
    while (scheduler_.run_next()) {
    }
  }

  const std::string source_ = text_of(20 * kUnit, 's');
  const std::string key_ = "users/alice/target";
};

TEST_F(CopyRange, AWholeFileIsOneCopyObject) {
  store_.put("users/alice/source", source_);
  const HandleNumber target = copied("source", "target");
  ASSERT_TRUE(flush(target));
  EXPECT_TRUE(store_.content(key_) == source_);
  EXPECT_EQ(store_.meta(key_)->headers.user.at("mode"), std::to_string(S_IFREG | 0640));
  EXPECT_EQ(faulty_.started(Operation::kCopy), 1U);
  EXPECT_EQ(faulty_.started(Operation::kGet), 0U);
  EXPECT_EQ(faulty_.started(Operation::kPut), 0U);
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(CopyRange, IsReadableBeforeItIsInOssAndAfter) {
  store_.put("users/alice/source", source_);
  const HandleNumber target = copied("source", "target");
  EXPECT_TRUE(read_handle(target, {5 * kUnit + 3, 1000}) == source_.substr(5 * kUnit + 3, 1000));
  ASSERT_TRUE(flush(target));
  store_.erase("users/alice/source");
  EXPECT_TRUE(read_handle(target, {6 * kUnit, 1000}) == source_.substr(6 * kUnit, 1000));
}

TEST_F(CopyRange, RangesAreCopiedInParts) {
  options_.plan = {};  // where the least part of OSS is less than what lies between
  kill_and_begin();
  const std::string text = text_of(20 * kMiB, 's');
  store_.put("users/alice/source", text);
  const HandleNumber source = open("source", O_RDONLY);
  const HandleNumber target = create("target");
  ASSERT_TRUE(folder_->write(context(), target, as_bytes("head"), 0));
  EXPECT_EQ(copy(source, {3 * kMiB + 1, 10 * kMiB}, target, 200'000), 10 * kMiB);
  EXPECT_EQ(copy(source, {19 * kMiB, 10 * kMiB}, target, 12 * kMiB), kMiB);  // to its end
  ASSERT_TRUE(flush(target));
  std::string expected = "head";
  expected.resize(200'000);
  expected += text.substr(3 * kMiB + 1, 10 * kMiB);
  expected.resize(12 * kMiB);
  expected += text.substr(19 * kMiB);
  EXPECT_TRUE(store_.content(key_) == expected);
  EXPECT_EQ(faulty_.started(Operation::kCopyPart), 2U);
  EXPECT_EQ(faulty_.started(Operation::kGet), 0U);
}

TEST_F(CopyRange, SmallRangesAreFetched) {
  store_.put("users/alice/source", source_);
  const HandleNumber source = open("source", O_RDONLY);
  const HandleNumber target = create("target");
  for (std::uint64_t i = 0; i < 10; ++i)
    ASSERT_TRUE(copy(source, {i * kUnit, 1000}, target, (9 - i) * 1000));
  ASSERT_TRUE(flush(target));
  std::string expected;
  for (std::uint64_t i = 10; i-- > 0;) expected += source_.substr(i * kUnit, 1000);
  EXPECT_TRUE(store_.content(key_) == expected);
}

TEST_F(CopyRange, ASmallFileThatWasReadIsWrittenAndHangsOnNothing) {
  store_.put("users/alice/source", "little");
  const HandleNumber source = open("source", O_RDONLY);
  EXPECT_EQ(read_handle(source, {0, 100}), "little");
  const HandleNumber target = create("target");
  EXPECT_EQ(copy(source, {2, std::uint64_t{1} << 40}, target, 0), 4U);
  store_.put("users/alice/source", "theirs");
  ASSERT_TRUE(flush(target));
  EXPECT_EQ(store_.content(key_), "ttle");
  EXPECT_EQ(faulty_.started(Operation::kCopy), 0U);
  EXPECT_EQ(faulty_.started(Operation::kGet), 1U);
}

TEST_F(CopyRange, ASmallFileComesWithTheOpenOfItsSource) {
  store_.put("users/alice/source", "little");
  ASSERT_TRUE(lookup("source"));
  clock_.advance(std::chrono::seconds(2));  // so that opening it asks
  const HandleNumber target = copied("source", "target");
  ASSERT_TRUE(flush(target));
  EXPECT_EQ(store_.content(key_), "little");
  EXPECT_EQ(faulty_.started(Operation::kGet), 1U);
  EXPECT_EQ(faulty_.started(Operation::kPut), 1U);
  EXPECT_EQ(faulty_.started(Operation::kCopy), 0U);
}

TEST_F(CopyRange, WhatIsNotLittleIsCopiedOnTheServerThoughItIsHere) {
  const std::string large(200'000, 'x');
  store_.put("users/alice/source", large);
  const HandleNumber source = open("source", O_RDONLY);
  EXPECT_EQ(read_handle(source, {0, large.size()}), large);
  const HandleNumber target = create("target");
  ASSERT_TRUE(copy(source, {0, std::uint64_t{1} << 40}, target, 0));
  ASSERT_TRUE(flush(target));
  EXPECT_EQ(store_.content(key_), large);
  EXPECT_EQ(faulty_.started(Operation::kCopy), 1U);
}

TEST_F(CopyRange, AChangedSourceGivesItsChangesAlong) {
  store_.put("users/alice/source", source_);
  const HandleNumber source = open("source", O_RDWR);
  ASSERT_TRUE(folder_->write(context(), source, as_bytes("CHANGED"), 8 * kUnit));
  const HandleNumber target = create("target");
  ASSERT_TRUE(copy(source, {0, 20 * kUnit}, target, 0));
  ASSERT_TRUE(flush(target));
  std::string expected = source_;
  expected.replace(8 * kUnit, 7, "CHANGED");
  EXPECT_TRUE(store_.content(key_) == expected);
  EXPECT_TRUE(store_.content("users/alice/source") == source_);
}

TEST_F(CopyRange, SurvivesWhatThisMountDoesToTheSource) {
  using Change = std::function<void(const std::string&)>;
  const auto rename = [&](const std::string& from, const std::string& to) {
    ASSERT_TRUE(folder_->rename(context(), kRoot, from, kRoot, to, RenameMode::kReplace));
  };
  const std::map<std::string, Change> changes{
      {"remove", [&](auto& name) { ASSERT_TRUE(folder_->unlink(context(), kRoot, name)); }},
      {"rename", [&](auto& name) { rename(name, "moved"); }},
      {"replace",
       [&](auto& name) {
         ASSERT_TRUE(write_file(kRoot, "other", "other"));
         rename("other", name);
       }},
      {"rewrite",
       [&](auto& name) {
         const HandleNumber source = open(name, O_WRONLY | O_TRUNC);
         ASSERT_TRUE(folder_->write(context(), source, as_bytes("new"), 0));
         ASSERT_TRUE(flush(source));
         folder_->release(source);
       }},
      {"patch", [&](auto& name) {
         const HandleNumber source = open(name, O_RDWR);
         ASSERT_TRUE(folder_->write(context(), source, as_bytes("patched"), kUnit));
         ASSERT_TRUE(flush(source));
         folder_->release(source);
       }}};
  for (const auto& [kind, change] : changes) store_.put("users/alice/" + kind, source_);
  for (const auto& [kind, change] : changes) {
    SCOPED_TRACE(kind);
    const HandleNumber target = copied(kind, "target-" + kind);
    change(kind);
    const auto closed = flush(target);
    EXPECT_TRUE(closed) << closed.error().message;
    folder_->release(target);
    EXPECT_TRUE(store_.content("users/alice/target-" + kind) == source_);
    ASSERT_TRUE(folder_->drain(Deadline::in(clock_, std::chrono::seconds(10))));
    EXPECT_FALSE(store_.content("users/alice/" + kind) == source_);
  }
}

TEST_F(CopyRange, SaysThatAnotherClientReplacedTheSource) {
  store_.put("users/alice/source", source_);
  const HandleNumber target = copied("source", "target");
  store_.put("users/alice/source", "theirs");
  const auto closed = flush(target);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, Errc::kStale);
  EXPECT_EQ(store_.content("users/alice/source"), "theirs");
  EXPECT_FALSE(store_.content(key_));
  EXPECT_TRUE(folder_->pending().empty());  // none of it was here
  EXPECT_EQ(lookup("target").error().code, Errc::kNotFound);
}

TEST_F(CopyRange, WhoseSourceIsGoneIsSetAsideWithWhatIsHere) {
  for (const bool small : {false, true}) {
    SCOPED_TRACE(small);
    store_.put("users/alice/source", source_);
    store_.put(key_, source_);
    const HandleNumber source = open("source", O_RDONLY);
    const HandleNumber target = open("target", O_RDWR);
    ASSERT_TRUE(folder_->write(context(), target, as_bytes("ours"), 0));
    ASSERT_TRUE(copy(source, {kUnit, small ? 1000 : 10 * kUnit}, target, 5 * kUnit));
    store_.erase("users/alice/source");
    EXPECT_EQ(flush(target).error().code, Errc::kStale);
    EXPECT_TRUE(store_.content(key_) == source_);
    const auto aside = folder_->pending();
    ASSERT_EQ(aside.size(), small ? 2U : 1U);
    EXPECT_TRUE(aside.back().aside);
    EXPECT_NE(aside.back().last_error.find("alice/source"), std::string::npos);
    EXPECT_TRUE(folder_->drain(Deadline::in(clock_, std::chrono::seconds(10))));
    folder_->release(source);
    folder_->release(target);
  }
}

TEST_F(CopyRange, IsTriedAgainAsLongAsItsSourceIsThere) {
  store_.put("users/alice/source", source_);
  const HandleNumber target = copied("source", "target");
  faulty_.fail(Calls{.operation = Operation::kCopy, .from = 1, .count = 1},
               Error{Errc::kChanged, "a lie", {}});
  EXPECT_EQ(flush(target).error().code, Errc::kStale);
  ASSERT_EQ(folder_->pending().size(), 1U);
  EXPECT_FALSE(folder_->pending()[0].aside);
  run_timers();
  EXPECT_TRUE(store_.content(key_) == source_);
}

TEST_F(CopyRange, InTheBackgroundACloseWaitsForTheServersCopy) {
  folder_->stop();
  options_.commit = CommitMode::kBackground;
  begin();
  store_.put("users/alice/source", source_);
  const HandleNumber target = copied("source", "target");
  ASSERT_TRUE(flush(target));
  EXPECT_TRUE(store_.content(key_) == source_);
}

TEST_F(CopyRange, InTheBackgroundASecondCloseWaitsForItToo) {
  folder_->stop();
  options_.commit = CommitMode::kBackground;
  begin();
  store_.put("users/alice/source", source_);
  const HandleNumber target = copied("source", "target");
  faulty_.fail_everything(Error{Errc::kUnavailable, "network gone"});
  EXPECT_FALSE(flush(target));
  EXPECT_FALSE(flush(target));
  faulty_.fail_everything(std::nullopt);
  EXPECT_TRUE(flush(target));
  EXPECT_TRUE(store_.content(key_) == source_);
}

TEST_F(CopyRange, ThatFailedIsMadeGoodByTheNextDaemon) {
  store_.put("users/alice/source", source_);
  const HandleNumber target = copied("source", "target");
  faulty_.fail_everything(Error{Errc::kUnavailable, "network gone"});
  ASSERT_FALSE(flush(target));
  kill_and_begin();
  faulty_.fail_everything(std::nullopt);
  ASSERT_EQ(folder_->pending().size(), 1U);
  folder_->resume();
  run_timers();
  EXPECT_TRUE(store_.content(key_) == source_);
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(CopyRange, WithinOneFileIsLeftToTheKernel) {
  store_.put("users/alice/source", source_);
  const HandleNumber one = open("source", O_RDWR);
  const HandleNumber two = open("source", O_RDWR);
  EXPECT_EQ(copy(one, {0, 10}, two, kUnit).error().code, Errc::kNotSupported);
}

TEST_F(CopyRange, DoesNotOverwriteAnotherClientsFile) {
  store_.put("users/alice/source", source_);
  const HandleNumber target = copied("source", "target");
  store_.put(key_, "theirs");
  EXPECT_EQ(flush(target).error().code, Errc::kExists);
  EXPECT_EQ(store_.content(key_), "theirs");
  ASSERT_EQ(store_.keys().size(), 3U);
  EXPECT_TRUE(store_.content(store_.keys()[2]) == source_);  // beside it
}

// --- space and holes ---

class Space : public CopyRange {
 protected:
  Result<void> allocate(HandleNumber handle, ByteRange range, Allocation kind) {
    return folder_->allocate(context(), handle, range, kind);
  }
  std::optional<std::uint64_t> seek(HandleNumber handle, std::uint64_t offset, SeekTo what) {
    return folder_->seek(context(), handle, offset, what).value();
  }
};

TEST_F(Space, IsReservedWithinTheFileOrBehindIt) {
  const HandleNumber file = create("f");
  ASSERT_TRUE(folder_->write(context(), file, as_bytes("text"), 0));
  ASSERT_TRUE(allocate(file, {0, 100}, Allocation::kReserve));
  EXPECT_EQ(lookup("f")->attributes.size_bytes, 4U);
  ASSERT_TRUE(allocate(file, {50, 50}, Allocation::kExtend));
  ASSERT_TRUE(flush(file));
  EXPECT_EQ(store_.content("users/alice/f"), "text" + std::string(96, '\0'));
}

TEST_F(Space, ZerosAndHolesReplaceWhatWasThere) {
  store_.put("users/alice/f", std::string(100, 'x'));
  const HandleNumber file = open("f", O_RDWR);
  ASSERT_TRUE(folder_->write(context(), file, as_bytes(std::string(20, 'y')), 40));
  ASSERT_TRUE(allocate(file, {10, 40}, Allocation::kPunch));
  ASSERT_TRUE(allocate(file, {95, 10}, Allocation::kZero));
  ASSERT_TRUE(allocate(file, {103, 100}, Allocation::kPunch));  // the size stays
  std::string expected(100, 'x');
  expected.replace(40, 20, std::string(20, 'y'));
  expected.replace(10, 40, std::string(40, '\0'));
  expected.replace(95, 5, std::string(10, '\0'));
  EXPECT_EQ(read_handle(file, {0, 1000}), expected);
  ASSERT_TRUE(flush(file));
  EXPECT_EQ(store_.content("users/alice/f"), expected);
}

TEST_F(Space, HolesAndDataAreFound) {
  store_.put("users/alice/g", "all data");
  const HandleNumber file = create("f");
  ASSERT_TRUE(folder_->write(context(), file, as_bytes("data"), 1000));
  ASSERT_TRUE(allocate(file, {0, 5000}, Allocation::kExtend));
  EXPECT_EQ(seek(file, 0, SeekTo::kData), 1000U);
  EXPECT_EQ(seek(file, 1002, SeekTo::kData), 1002U);
  EXPECT_EQ(seek(file, 1004, SeekTo::kData), std::nullopt);
  EXPECT_EQ(seek(file, 0, SeekTo::kHole), 0U);
  EXPECT_EQ(seek(file, 1000, SeekTo::kHole), 1004U);
  EXPECT_EQ(seek(file, 5000, SeekTo::kHole), std::nullopt);
  const HandleNumber whole = open("g", O_RDONLY);
  EXPECT_EQ(seek(whole, 3, SeekTo::kHole), 8U);
}

TEST_F(Space, NoFileGrowsBeyondWhatAnObjectHolds) {
  constexpr std::uint64_t kFar = (std::uint64_t{1} << 63) - 65'536;
  store_.put("users/alice/source", std::string(2 * kMiB, 's'));
  const HandleNumber source = open("source", O_RDONLY);
  const HandleNumber file = create("f");
  for (const auto kind : {Allocation::kReserve, Allocation::kExtend, Allocation::kZero})
    EXPECT_EQ(allocate(file, {kFar, 4096}, kind).error().code, Errc::kTooLarge);
  for (const std::uint64_t length : {std::uint64_t{4096}, 2 * kMiB})
    EXPECT_EQ(
        folder_->copy_range(context(), source, {0, length}, file, kFar - 2 * kMiB).error().code,
        Errc::kTooLarge);
  ASSERT_TRUE(allocate(file, {0, kFar}, Allocation::kPunch));  // the size stays
  ASSERT_TRUE(flush(file));
  EXPECT_EQ(store_.content("users/alice/f"), "");
}

TEST_F(Space, AReservationBeyondTheBudgetIsRefused) {
  folder_->stop();
  options_.staging_budget_bytes = kMiB;
  begin();
  const HandleNumber file = create("f");
  ASSERT_TRUE(folder_->write(context(), file, as_bytes("kept"), 0));
  EXPECT_EQ(allocate(file, {0, 2 * kMiB}, Allocation::kExtend).error().code, Errc::kNoSpace);
  ASSERT_TRUE(flush(file));
  EXPECT_EQ(store_.content("users/alice/f"), "kept");
}

}  // namespace
}  // namespace stsfs::fs
