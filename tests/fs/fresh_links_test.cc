// A second name of a file until OSS has it.

#include <algorithm>
#include <thread>

#include "links_fixture.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;

class FreshLinksTest : public LinksFixture {
 protected:
  void write_and_list(std::string_view name) {
    ASSERT_TRUE(write_file(kRoot, name, "text"));
    names(kRoot);  // from here on a name that is absent needs no request
  }
  std::optional<oss::ObjectType> type_of(std::string_view name) {
    const auto meta = store_.meta("users/alice/" + std::string(name));
    return meta ? std::optional(meta->type) : std::nullopt;
  }
};

TEST_F(FreshLinksTest, ThatReplaceATemporaryNameCostARenameAndLeaveAPlainObject) {
  write_and_list("tmp");
  const InodeNumber file = inode_of("tmp");
  const std::uint64_t before = faulty_.started();
  ASSERT_TRUE(link("tmp", "new"));
  EXPECT_EQ(faulty_.started(), before);
  ASSERT_TRUE(unlink("tmp"));
  EXPECT_EQ(faulty_.started(), before + 1);  // the copy; the delete may go with others
  EXPECT_NE(type_of("new"), oss::ObjectType::kSymlink);
  EXPECT_EQ(inode_of("new"), file);
  EXPECT_EQ(count_of("new"), 1U);
  EXPECT_EQ(read_file("new"), "text");
  EXPECT_EQ(lookup("tmp").error().code, Errc::kNotFound);
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "new"}));
  ASSERT_TRUE(drain());
  kill_and_begin();
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/new"});
}

TEST_F(FreshLinksTest, ThatGoAgainCostNothing) {
  write_and_list("a");
  const std::uint64_t before = faulty_.started();
  ASSERT_TRUE(link("a", "lock"));
  EXPECT_EQ(count_of("a"), 2U);
  ASSERT_TRUE(unlink("lock"));
  EXPECT_EQ(faulty_.started(), before);
  EXPECT_EQ(count_of("a"), 1U);
  EXPECT_EQ(lookup("lock").error().code, Errc::kNotFound);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/a"});
}

TEST_F(FreshLinksTest, OfWhatWasNeverUploadedNeedNoCopy) {
  options_.commit = CommitMode::kBackground;
  kill_and_begin();
  write_and_list("tmp");
  ASSERT_TRUE(link("tmp", "new"));
  ASSERT_TRUE(unlink("tmp"));
  kill_and_begin();
  EXPECT_EQ(read_file("new"), "text");
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/new"});
  EXPECT_EQ(faulty_.started(Operation::kCopy), 0U);
}

TEST_F(FreshLinksTest, AreKnownHereBeforeOssHasThem) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  const InodeNumber d = inode_of("d");
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  // Its thread may come to it at any moment from here on.
  faulty_.fail({.operation = Operation::kCopy, .count = Calls::kAll},
               Error{Errc::kUnavailable, "stopped", {}});
  ASSERT_TRUE(folder_->link(context(), inode_of("a"), d, "b"));
  clock_.advance(std::chrono::minutes(1));  // what was known of names is old, and OSS is asked
  EXPECT_EQ(lookup(d, "b")->attributes.inode, inode_of("a"));
  EXPECT_EQ(lookup(d, "b")->attributes.link_count, 2U);
  EXPECT_EQ(names(d), (std::vector<std::string>{".", "..", "b"}));
  EXPECT_EQ(read_file(d, "b"), "text");
  EXPECT_EQ(folder_->rmdir(context(), kRoot, "d").error().code, Errc::kNotEmpty);
  faulty_.heal();
  EXPECT_EQ(folder_->link(context(), inode_of("a"), d, "b").error().code, Errc::kExists);
}

TEST_F(FreshLinksTest, AreMadeInOssAMomentLater) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  ASSERT_EQ(type_of("b"), std::nullopt);
  // On a thread of its own; time goes only to the next timer, or its requests would be too late.
  while (!folder_->pending().empty())
    if (!scheduler_.run_next()) std::this_thread::yield();
  folder_->refresh();  // this clock stands still: an answer of meanwhile counts as one of now
  EXPECT_EQ(type_of("a"), oss::ObjectType::kSymlink);
  EXPECT_EQ(type_of("b"), oss::ObjectType::kSymlink);
  EXPECT_EQ(count_of("a"), 2U);
  EXPECT_EQ(inode_of("a"), inode_of("b"));
}

TEST_F(FreshLinksTest, AreInOssWhenFsyncReturns) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  const auto opened = folder_->open(context(), inode_of("b"), O_RDONLY);
  ASSERT_TRUE(wait([&](Callback<void> done) {
    folder_->fsync(context(), opened->handle, false, std::move(done));
  }));
  EXPECT_EQ(type_of("b"), oss::ObjectType::kSymlink);
  EXPECT_TRUE(folder_->pending().empty());
  folder_->release(opened->handle);
}

TEST_F(FreshLinksTest, AreInOssWhenTheyReturnWhereExclusiveCreatesAreStrict) {
  options_.strict_exclusive = true;
  kill_and_begin();
  write_and_list("a");
  store_.put("users/alice/lock", "another machine's");
  EXPECT_EQ(link("a", "lock").error().code, Errc::kExists);
  ASSERT_TRUE(link("a", "b"));
  EXPECT_EQ(type_of("b"), oss::ObjectType::kSymlink);
}

TEST_F(FreshLinksTest, SurviveAKill) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  kill_and_begin();
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "a", "b"}));
  EXPECT_EQ(inode_of("a"), inode_of("b"));
  EXPECT_EQ(count_of("b"), 2U);
  EXPECT_EQ(read_file("b"), "text");
}

TEST_F(FreshLinksTest, AreFoundAfterAKillByTheFirstWhoAsks) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  kill_and_begin();
  EXPECT_EQ(read_file("b"), "text");
  kill_and_begin();
  ASSERT_TRUE(unlink("a"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(read_file("b"), "text");
}

// Several are made at once by way of one directory, which nobody else uses.
TEST_F(FreshLinksTest, OfManyFilesBelowOneDirectorySurviveAKill) {
  constexpr int kCount = 40;
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  for (int i = 0; i < kCount; ++i) {
    const std::string name = "f" + std::to_string(i);
    ASSERT_TRUE(write_file(inode_of("d"), name, "text"));
    const auto file = lookup(inode_of("d"), name);
    ASSERT_TRUE(folder_->link(context(), file->attributes.inode, inode_of("d"), name + "-2"));
  }
  kill_and_begin();
  folder_->resume();
  ASSERT_TRUE(drain());
  for (int i = 0; i < kCount; ++i) {
    const auto entry = lookup(inode_of("d"), "f" + std::to_string(i) + "-2");
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->attributes.link_count, 2U);
  }
}

TEST_F(FreshLinksTest, AreMadeBeforeAnythingElseIsDoneWithTheName) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(write_file(kRoot, "n", "other"));
  ASSERT_TRUE(link("a", "b"));
  ASSERT_TRUE(folder_->rename(context(), kRoot, "n", kRoot, "a", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  kill_and_begin();
  EXPECT_EQ(read_file("a"), "other");
  EXPECT_EQ(read_file("b"), "text");
  EXPECT_EQ(count_of("b"), 1U);
}

TEST_F(FreshLinksTest, TakeChangesOfAttributesAlong) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  ASSERT_TRUE(folder_->setattr(context(), inode_of("b"), std::nullopt, {.mode = 0600}));
  ASSERT_TRUE(drain());
  kill_and_begin();
  EXPECT_EQ(lookup("a")->attributes.mode & 07777U, 0600U);
  EXPECT_EQ(lookup("b")->attributes.mode & 07777U, 0600U);
}

TEST_F(FreshLinksTest, LeaveANameThatAnotherClientTookMeanwhile) {
  write_and_list("a");
  ASSERT_TRUE(link("a", "b"));
  store_.put("users/alice/b", "theirs");
  ASSERT_TRUE(drain());
  kill_and_begin();
  EXPECT_EQ(read_file("a"), "text");
  EXPECT_EQ(read_file("b"), "theirs");
  const auto all = names(kRoot);
  const auto beside = std::find_if(all.begin(), all.end(), [](const std::string& name) {
    return name.starts_with("b.conflict-");
  });
  ASSERT_NE(beside, all.end());
  EXPECT_EQ(inode_of(*beside), inode_of("a"));
}

TEST_F(FreshLinksTest, GoWithAFileThatAnotherClientRemoved) {
  write_and_list("a");
  ASSERT_TRUE(link("a", "b"));
  store_.erase("users/alice/a");
  EXPECT_FALSE(drain());
  EXPECT_TRUE(drain());
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(lookup("a").error().code, Errc::kNotFound);
  EXPECT_EQ(lookup("b").error().code, Errc::kNotFound);
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(FreshLinksTest, LeadToWhatAnotherClientWroteMeanwhile) {
  write_and_list("a");
  ASSERT_TRUE(link("a", "b"));
  store_.put("users/alice/a", "another text");
  ASSERT_TRUE(drain());
  kill_and_begin();
  EXPECT_EQ(read_file("a"), "another text");
  EXPECT_EQ(read_file("b"), "another text");
  EXPECT_EQ(inode_of("b"), inode_of("a"));
}

TEST_F(FreshLinksTest, StayWhenAnotherClientGivesTheFileAThirdName) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  FolderOptions options = options_;
  options.staging_directory = directory_.path() + "/other";
  const auto other = MountedFolder::make(faulty_, scheduler_, clock_, options).value();
  const auto known = other->lookup(context(), kRoot, "a");
  ASSERT_TRUE(other->link(context(), known->attributes.inode, kRoot, "c"));
  ASSERT_TRUE(other->drain(Deadline::in(clock_, std::chrono::hours(1))));
  other->stop();
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(count_of("a"), 3U);
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(inode_of("a"), inode_of("b"));  // asked for by its names, of which OSS lacks one
  auto shown = names(kRoot);
  std::sort(shown.begin(), shown.end());
  EXPECT_EQ(shown, (std::vector<std::string>{".", "..", "a", "b", "c"}));
  ASSERT_TRUE(drain());
  kill_and_begin();
  EXPECT_EQ(count_of("b"), 3U);
  EXPECT_EQ(inode_of("c"), inode_of("b"));
}

TEST_F(FreshLinksTest, BeyondACertainNumberAreMadeAtOnce) {
  options_.fresh_links_max = 2;
  kill_and_begin();
  for (const std::string name : {"a", "b", "c"}) {
    ASSERT_TRUE(write_file(kRoot, name, "text"));
    ASSERT_TRUE(link(name, name + "2"));
  }
  EXPECT_EQ(type_of("b2"), std::nullopt);
  EXPECT_EQ(type_of("c2"), oss::ObjectType::kSymlink);
  ASSERT_TRUE(unlink("a2"));
  ASSERT_TRUE(write_file(kRoot, "d", "text"));
  ASSERT_TRUE(link("d", "d2"));
  EXPECT_EQ(type_of("d2"), std::nullopt);
}

// Eight are made at once, and each of the others can be taken away meanwhile.
TEST_F(FreshLinksTest, OfManyFilesAreMadeAndTakenAway) {
  constexpr int kCount = 60;
  const auto name_of = [](int i) { return "f" + std::to_string(i); };
  for (int i = 0; i < kCount; ++i) {
    ASSERT_TRUE(write_file(kRoot, name_of(i), "text"));
    ASSERT_TRUE(link(name_of(i), name_of(i) + "-2"));
  }
  EXPECT_EQ(folder_->pending().size(), static_cast<std::size_t>(kCount));
  std::thread draining([&] { EXPECT_TRUE(drain()); });
  for (int i = kCount - 1; i >= 0; i -= 2) EXPECT_TRUE(unlink(name_of(i)));
  draining.join();
  ASSERT_TRUE(drain());
  EXPECT_TRUE(folder_->pending().empty());
  kill_and_begin();
  for (int i = 0; i < kCount; ++i) {
    EXPECT_EQ(read_file(name_of(i) + "-2"), "text");
    EXPECT_EQ(count_of(name_of(i) + "-2"), i % 2 == 0 ? 2U : 1U);
    EXPECT_EQ(lookup(name_of(i)).has_value(), i % 2 == 0);
  }
}

TEST_F(FreshLinksTest, GoAlongWithADirectoryThatIsRenamed) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  ASSERT_TRUE(write_file(inode_of("d"), "a", "text"));
  ASSERT_TRUE(write_file(kRoot, "other", "text 2"));
  const InodeNumber file = lookup(inode_of("d"), "a")->attributes.inode;
  ASSERT_TRUE(folder_->link(context(), file, kRoot, "b"));
  ASSERT_TRUE(folder_->link(context(), inode_of("other"), inode_of("d"), "c"));
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "e", RenameMode::kReplace));
  ASSERT_TRUE(unlink("b"));
  ASSERT_TRUE(unlink("other"));
  ASSERT_TRUE(drain());
  kill_and_begin();
  const InodeNumber e = inode_of("e");
  EXPECT_EQ(names(e), (std::vector<std::string>{".", "..", "a", "c"}));
  EXPECT_EQ(read_file(e, "a"), "text");
  EXPECT_EQ(read_file(e, "c"), "text 2");
}

TEST_F(FreshLinksTest, ThatCannotBeMadeYetAreNotInTheWayOfTheirFile) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(write_file(kRoot, "n", "text"));
  ASSERT_TRUE(link("a", "b"));
  kill_and_begin();
  faulty_.fail({.operation = Operation::kCopy, .count = fakes::Calls::kAll},
               Error{Errc::kUnavailable, "503", {}});
  EXPECT_EQ(read_file("a"), "text");
  EXPECT_EQ(lookup("b").error().code, Errc::kUnavailable);
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "a", "n"}));
  faulty_.heal();
  EXPECT_EQ(read_file("b"), "text");
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "a", "b", "n"}));
}

// The kernel has forgotten the file meanwhile: nothing keeps it here once its name is made.
TEST_F(FreshLinksTest, DoNotKeepWhatTheKernelForgot) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  const InodeNumber file = inode_of("a");
  ASSERT_TRUE(folder_->link(context(), file, kRoot, "b"));
  folder_->forget(file, 1'000);
  EXPECT_TRUE(folder_->getattr(context(), file));
  ASSERT_TRUE(drain());
  EXPECT_EQ(folder_->getattr(context(), file).error().code, Errc::kStale);
  EXPECT_EQ(read_file("b"), "text");
}

TEST_F(FreshLinksTest, ThatOssRefusesAreSaidToBeRefusedFromThenOn) {
  write_and_list("a");
  ASSERT_TRUE(link("a", "b"));
  faulty_.fail({.operation = Operation::kCopy, .count = fakes::Calls::kAll},
               Error{Errc::kDenied, "AccessDenied", {}});
  EXPECT_FALSE(drain());
  EXPECT_EQ(lookup("b").error().code, Errc::kNotFound);
  EXPECT_EQ(count_of("a"), 1U);
  EXPECT_EQ(link("a", "b").error().code, Errc::kDenied);
  faulty_.heal();
  EXPECT_EQ(read_file("a"), "text");
}

// --- a kill at every request ---

class FreshLinksKilled : public FreshLinksTest, public ::testing::WithParamInterface<bool> {
 protected:
  void try_everywhere(const std::function<void()>& act, const std::vector<std::string>& stay) {
    for (std::uint64_t call = 1;; ++call) {
      SCOPED_TRACE("killed at request " + std::to_string(call));
      ASSERT_LT(call, 60U);
      for (const std::string& key : store_.keys()) store_.erase(key);
      kill_and_begin();
      write_and_list("a");
      faulty_.die_at(call, GetParam(), Error{Errc::kUnavailable, "killed", {}});
      act();
      const bool died = faulty_.died();
      kill_and_begin();
      faulty_.heal();
      folder_->resume();
      ASSERT_TRUE(drain());
      kill_and_begin();
      for (const std::string& name : stay) EXPECT_EQ(read_file(name), "text") << name;
      for (const std::string& name : names(kRoot)) {
        if (name == "." || name == "..") continue;
        EXPECT_EQ(read_file(name), "text") << name;
      }
      if (HasFailure() || !died) return;
    }
  }
};

TEST_P(FreshLinksKilled, WhileTheyAreMade) {
  try_everywhere(
      [&] {
        static_cast<void>(link("a", "b"));
        static_cast<void>(drain());
      },
      {"a", "b"});
}

TEST_P(FreshLinksKilled, WhileTheFirstNameGoes) {
  try_everywhere(
      [&] {
        static_cast<void>(link("a", "b"));
        static_cast<void>(unlink("a"));
      },
      {"b"});
}

TEST_P(FreshLinksKilled, WhileTheSecondNameGoes) {
  try_everywhere(
      [&] {
        static_cast<void>(link("a", "b"));
        static_cast<void>(unlink("b"));
        static_cast<void>(drain());
      },
      {"a"});
}

INSTANTIATE_TEST_SUITE_P(Answer, FreshLinksKilled, ::testing::Bool(),
                         [](const auto& with) { return with.param ? "Came" : "WasLost"; });

// It is that of the link, or what was given since.
TEST_F(FreshLinksTest, LeaveTheTimeOfTheirDirectoryWhenTheFirstNameGoes) {
  const InodeNumber d = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b", d));
  const WallTime given(std::chrono::seconds(1'700'000'000));
  ASSERT_TRUE(folder_->setattr(context(), d, std::nullopt, {.mtime = given}));
  ASSERT_TRUE(unlink("a"));
  EXPECT_EQ(lookup("d")->attributes.mtime, given);
  begin_anew();
  EXPECT_EQ(lookup("d")->attributes.mtime, given);
  EXPECT_EQ(read_file(inode_of("d"), "b"), "text");
}

}  // namespace
}  // namespace stsfs::fs
