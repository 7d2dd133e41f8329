// Several names of one file.

#include <algorithm>
#include <map>
#include <set>

#include "links_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;

class LinksTest : public LinksFixture {
 protected:
  /// What only this mount and its journal know is made in OSS.
  Result<Entry> link_in_oss(std::string_view from, std::string_view to) {
    auto made = link(from, to);
    if (auto drained = drain(); made && !drained) return fail(drained.error());
    return made;
  }
  Result<void> rename(std::string_view from, std::string_view to) {
    return folder_->rename(context(), kRoot, from, kRoot, to, RenameMode::kReplace);
  }
  /// A file whose second name nobody has looked at since the mount, with what OSS does not have
  /// yet.
  void write_with_an_unknown_name(const std::string& text) {
    options_.commit = CommitMode::kBackground;
    kill_and_begin();
    ASSERT_TRUE(write_file(kRoot, "a", "text"));
    ASSERT_TRUE(link("a", "b"));
    begin_anew();
    ASSERT_TRUE(write_file(kRoot, "a", text));
  }
  /// In this mount, and in the next.
  void expect_only_b(const std::string& text) {
    begin_anew();
    EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "b"}));
    EXPECT_EQ(read_file("b"), text);
  }
};

TEST_F(LinksTest, AreNamesOfOneInode) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  const InodeNumber a = inode_of("a");
  const auto made = link("a", "b");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->attributes.inode, a);
  EXPECT_EQ(made->attributes.link_count, 2U);
  EXPECT_EQ(count_of("a"), 2U);
  EXPECT_EQ(link("a", "b").error().code, Errc::kExists);
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "a", "b"}));
  EXPECT_EQ(read_file("b"), "text");
}

TEST_F(LinksTest, AreFoundAgainByTheNextMount) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  ASSERT_TRUE(link("a", "b", inode_of("d")));
  ASSERT_TRUE(link("a", "c"));
  begin_anew();
  EXPECT_EQ(inode_of("a"), inode_of("b", inode_of("d")));
  EXPECT_EQ(inode_of("a"), inode_of("c"));
  EXPECT_EQ(count_of("a"), 3U);
  EXPECT_EQ(read_file(inode_of("d"), "b"), "text");
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "a", "c", "d"}));
  EXPECT_EQ(lookup(".stsfs-links").error().code, Errc::kInvalid);
}

TEST_F(LinksTest, AreReadByEverybodyUnderEveryName) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link_in_oss("a", "b"));
  for (const char* name : {"users/alice/a", "users/alice/b"}) {
    EXPECT_EQ(store_.meta(name)->type, oss::ObjectType::kSymlink);
    const auto target = store_.content(name);  // a link's is its target's key
    EXPECT_EQ(store_.content(*target), "text");
  }
}

TEST_F(LinksTest, AreWrittenThroughAnyName) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  ASSERT_TRUE(write_file(kRoot, "b", "TEXT and more"));
  EXPECT_EQ(read_file("a"), "TEXT and more");
  ASSERT_TRUE(folder_->setattr(context(), inode_of("a"), std::nullopt, {.mode = 0600}));
  begin_anew();
  EXPECT_EQ(read_file("a"), "TEXT and more");
  EXPECT_EQ(lookup("b")->attributes.mode & 07777U, 0600U);
  EXPECT_EQ(count_of("a"), 2U);
}

TEST_F(LinksTest, GoOneByOneAndWithTheLastTheFile) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link_in_oss("a", "b"));
  ASSERT_TRUE(unlink("a"));
  EXPECT_EQ(lookup("a").error().code, Errc::kNotFound);
  EXPECT_EQ(count_of("b"), 1U);
  begin_anew();
  EXPECT_EQ(read_file("b"), "text");
  EXPECT_EQ(count_of("b"), 1U);
  const auto opened = folder_->open(context(), inode_of("b"), O_RDONLY);
  ASSERT_TRUE(unlink("b"));
  EXPECT_EQ(read_handle(opened->handle, {0, 10}), "text");
  folder_->release(opened->handle);
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(LinksTest, ThatAreNotKnownHereGetWhatWasWrittenThroughOneThatGoes) {
  write_with_an_unknown_name("written and not in OSS yet");
  ASSERT_TRUE(unlink("a"));
  scheduler_.advance(std::chrono::seconds(1));
  EXPECT_EQ(read_file("b"), "written and not in OSS yet");
  expect_only_b("written and not in OSS yet");
}

TEST_F(LinksTest, ThatAreNotKnownHereGetItOverAKill) {
  write_with_an_unknown_name("written and not in OSS yet");
  ASSERT_TRUE(unlink("a"));
  kill_and_begin();
  folder_->resume();
  expect_only_b("written and not in OSS yet");
}

TEST_F(LinksTest, AreRenamedAlsoWithTheirDirectory) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  ASSERT_TRUE(write_file(inode_of("d"), "a", "text"));
  const InodeNumber file = inode_of("a", inode_of("d"));
  ASSERT_TRUE(folder_->link(context(), file, kRoot, "b"));
  ASSERT_TRUE(rename("b", "c"));
  EXPECT_EQ(inode_of("c"), file);
  ASSERT_TRUE(rename("d", "e"));
  begin_anew();
  EXPECT_EQ(read_file(inode_of("e"), "a"), "text");
  EXPECT_EQ(inode_of("c"), inode_of("a", inode_of("e")));
  EXPECT_EQ(count_of("c"), 2U);
}

TEST_F(LinksTest, AreReplacedByARename) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  ASSERT_TRUE(rename("a", "b"));  // two names of one file: nothing happens
  EXPECT_EQ(count_of("a"), 2U);
  ASSERT_TRUE(write_file(kRoot, "n", "new"));
  ASSERT_TRUE(rename("n", "b"));
  EXPECT_EQ(read_file("b"), "new");
  EXPECT_EQ(read_file("a"), "text");
  EXPECT_EQ(count_of("a"), 1U);
  ASSERT_TRUE(rename("a", "b"));
  begin_anew();
  EXPECT_EQ(read_file("b"), "text");
  EXPECT_EQ(kept_objects(), 2U);
  ASSERT_TRUE(unlink("b"));
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(LinksTest, OfAnotherClientAreRespected) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link_in_oss("a", "b"));
  // Another mount adds a name: a token of its own, and the name.
  const std::string content = *store_.content("users/alice/a");
  store_.put(content + ".another", "");
  ASSERT_TRUE(unlink("a"));
  ASSERT_TRUE(unlink("b"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content(content), "text");
}

TEST_F(LinksTest, ThatAnotherClientGaveToAnotherFileAreNotKeptByTheOthers) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link_in_oss("a", "b"));
  ASSERT_TRUE(drain());
  const InodeNumber file = lookup("b")->attributes.inode;
  store_.put("users/alice/b", "theirs");
  for (int i = 0; i < 4; ++i) {  // the file is known to be there all the time, under its other name
    clock_.advance(std::chrono::seconds(20));
    EXPECT_EQ(lookup("a")->attributes.inode, file);
  }
  EXPECT_NE(lookup("b")->attributes.inode, file);
  EXPECT_EQ(read_file("b"), "theirs");
  EXPECT_EQ(lookup("a")->attributes.inode, file);
  EXPECT_EQ(read_file("a"), "text");
}

/// stsfs(7) says so under WHAT IS DIFFERENT.
TEST_F(LinksTest, AreOnlyForFiles) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  EXPECT_EQ(link("d", "e").error().code, Errc::kNotPermitted);
  ASSERT_TRUE(folder_->symlink(context(), kRoot, "s", "d"));
  EXPECT_EQ(link("s", "t").error().code, Errc::kNotPermitted);
}

TEST_F(LinksTest, AreMadeOnlyWhereTheyAreWantedAndReadEverywhere) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  ASSERT_TRUE(drain());
  options_.hard_links = false;
  kill_and_begin();
  EXPECT_EQ(link("a", "c").error().code, Errc::kNotPermitted);
  EXPECT_EQ(inode_of("a"), inode_of("b"));
  EXPECT_EQ(count_of("b"), 2U);
  EXPECT_EQ(read_file("b"), "text");
  EXPECT_TRUE(unlink("a"));
  EXPECT_EQ(read_file("b"), "text");
}

TEST_F(LinksTest, AreRefusedWhereTheBucketHasNoSymlinkObjects) {
  options_.symlink_objects = false;
  kill_and_begin();
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  EXPECT_EQ(link("a", "b").error().code, Errc::kNotPermitted);
}

TEST_F(LinksTest, WithChangesThatAreNotInOssYetComeBackAsOneFile) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  faulty_.fail({.operation = Operation::kPut, .count = fakes::Calls::kAll},
               Error{Errc::kUnavailable, "gone", {}});
  EXPECT_FALSE(write_file(kRoot, "b", "changed"));
  kill_and_begin();
  faulty_.heal();
  folder_->resume();
  scheduler_.advance(std::chrono::seconds(5));
  ASSERT_TRUE(drain());
  begin_anew();
  EXPECT_EQ(read_file("a"), "changed");
  EXPECT_EQ(read_file("b"), "changed");
  EXPECT_EQ(count_of("a"), 2U);
}

TEST_F(LinksTest, HaveTheSameNumberInEveryMount) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  const InodeNumber number = inode_of("a");
  begin_anew();
  EXPECT_EQ(inode_of("b"), number);
  EXPECT_EQ(inode_of("a"), number);
}

TEST_F(LinksTest, AreNotListedAsSymbolicLinks) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  ASSERT_TRUE(await<oss::Written>(nullptr, [&](Callback<oss::Written> done) {
    return store_.start_put_symlink("users/alice/l", "users/alice/n", {}, context().deadline,
                                    std::move(done));
  }));
  begin_anew();
  std::map<std::string, mode_t> types;
  auto handle = folder_->opendir(context(), kRoot).value();
  ASSERT_TRUE(folder_->readdir(context(), handle, 0, [&](const DirectoryEntry& entry) {
    types[std::string(entry.name)] = entry.attributes.mode & S_IFMT;
    return true;
  }));
  folder_->releasedir(handle);
  EXPECT_EQ(types["b"], 0U);  // whoever wants to know asks
  EXPECT_EQ(types["l"], static_cast<mode_t>(S_IFLNK));
}

TEST_F(LinksTest, ThatLostTheirContentAreSymbolicLinksToNothingAndCanBeRemoved) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link_in_oss("a", "b"));
  store_.erase(*store_.content("users/alice/a"));
  begin_anew();
  EXPECT_TRUE(S_ISLNK(lookup("a")->attributes.mode));
  ASSERT_TRUE(unlink("a"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(lookup("a").error().code, Errc::kNotFound);
}

TEST_F(LinksTest, GetALostTokenAgain) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link_in_oss("a", "b"));
  const std::string content = *store_.content("users/alice/a");
  const std::string token = store_.meta("users/alice/b")->headers.user.at("stsfs-link");
  store_.erase(content + "." + token);
  begin_anew();
  EXPECT_EQ(read_file("b"), "text");
  EXPECT_TRUE(store_.content(content + "." + token));
  begin_anew();
  EXPECT_EQ(count_of("b"), 2U);
}

TEST_F(LinksTest, OfAFolderWithinThisOneAreReadAndCounted) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "sub", 0755));
  FolderOptions within = options_;
  within.prefix = "users/alice/sub/";
  within.staging_directory = directory_.path() + "/within";
  {
    const auto sub = MountedFolder::make(faulty_, scheduler_, clock_, within).value();
    auto made = sub->create(context(), kRoot, "a", 0644, O_WRONLY | O_CREAT);
    ASSERT_TRUE(sub->write(context(), made->second.handle, as_bytes("text"), 0));
    sub->release(made->second.handle);
    ASSERT_TRUE(sub->link(context(), made->first.attributes.inode, kRoot, "b"));
    ASSERT_TRUE(sub->drain(Deadline::in(clock_, std::chrono::hours(1))));
    sub->stop();
  }
  begin_anew();
  const InodeNumber sub = inode_of("sub");
  EXPECT_EQ(names(sub), (std::vector<std::string>{".", "..", "a", "b"}));
  EXPECT_EQ(read_file(sub, "b"), "text");
  EXPECT_EQ(inode_of("a", sub), inode_of("b", sub));
  ASSERT_TRUE(folder_->unlink(context(), sub, "a"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(read_file(sub, "b"), "text");
}

TEST_F(LinksTest, AreWrittenWithCommitBackgroundAlsoOverAKill) {
  options_.commit = CommitMode::kBackground;
  kill_and_begin();
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  ASSERT_TRUE(folder_->setattr(context(), inode_of("b"), std::nullopt, {.mode = 0600}));
  ASSERT_TRUE(write_file(kRoot, "b", "changed"));
  EXPECT_EQ(read_file("a"), "changed");
  kill_and_begin();
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(read_file("a"), "changed");
  EXPECT_EQ(lookup("a")->attributes.mode & 07777U, 0600U);
  EXPECT_EQ(count_of("a"), 2U);
  EXPECT_EQ(inode_of("a"), inode_of("b"));
}

TEST_F(LinksTest, AreExchanged) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link("a", "b"));
  ASSERT_TRUE(write_file(kRoot, "n", "other"));
  const auto exchange = [&](std::string_view from, std::string_view to) {
    return folder_->rename(context(), kRoot, from, kRoot, to, RenameMode::kExchange);
  };
  ASSERT_TRUE(exchange("a", "b"));  // two names of one file: nothing happens
  ASSERT_TRUE(exchange("b", "n"));
  begin_anew();
  EXPECT_EQ(read_file("b"), "other");
  EXPECT_EQ(read_file("n"), "text");
  EXPECT_EQ(inode_of("n"), inode_of("a"));
  EXPECT_EQ(count_of("a"), 2U);
  EXPECT_EQ(kept_objects(), 3U);
}

// --- a kill at every request ---

class LinksKilled : public LinksTest, public ::testing::WithParamInterface<bool> {
 protected:
  /// In place of a name: the other file is there under some name.
  static constexpr const char* kOther = "*other";
  const Error killed_{Errc::kUnavailable, "killed", {}};

  void try_everywhere(const std::function<void()>& act, const std::set<std::string>& stay) {
    for (std::uint64_t call = 1;; ++call) {
      SCOPED_TRACE("killed at request " + std::to_string(call));
      ASSERT_LT(call, 60U);
      for (const std::string& key : store_.keys()) store_.erase(key);
      kill_and_begin();
      ASSERT_TRUE(write_file(kRoot, "p", "text"));
      ASSERT_TRUE(write_file(kRoot, "a", "text"));
      ASSERT_TRUE(link("a", "b"));
      ASSERT_TRUE(write_file(kRoot, "n", "other"));
      begin_anew();
      faulty_.die_at(call, GetParam(), killed_);
      act();
      static_cast<void>(drain());
      const bool died = faulty_.died();
      if (!died) faulty_.die_at(1, true, killed_);
      kill_and_begin();
      faulty_.heal();
      folder_->resume();
      ASSERT_TRUE(drain());
      begin_anew();
      look_at_what_is_there(stay);
      if (HasFatalFailure() || !died) return;
    }
  }

  /// Every name leads to a content; and each still does when the others have gone one by one.
  void look_at_what_is_there(const std::set<std::string>& stay) {
    std::vector<std::string> there = names(kRoot);
    there.erase(there.begin(), there.begin() + 2);
    for (const std::string& name : stay) {
      if (name == kOther) continue;
      EXPECT_TRUE(std::count(there.begin(), there.end(), name)) << name;
    }
    std::map<std::string, std::string> content;
    for (const std::string& name : there) {
      const auto text = read_file(name);
      ASSERT_TRUE(text) << name << ": " << text.error().message;
      EXPECT_TRUE(text == "text" || text == "other") << name << ": " << *text;
      content[name] = *text;
    }
    EXPECT_EQ(std::count_if(content.begin(), content.end(),
                            [](const auto& one) { return one.second == "other"; }) > 0,
              stay.contains("n") || stay.contains(kOther));
    while (!there.empty()) {
      ASSERT_TRUE(unlink(there.back())) << there.back();
      there.pop_back();
      ASSERT_TRUE(drain());
      clock_.advance(std::chrono::minutes(1));
      for (const std::string& name : there) {
        const auto text = read_file(name);
        EXPECT_EQ(text, content[name]) << name << (text ? "" : ": " + text.error().message);
      }
    }
  }
};

TEST_P(LinksKilled, WhileOneIsMade) {
  try_everywhere([&] { static_cast<void>(link("p", "q")); }, {"p", "a", "b", "n"});
  try_everywhere([&] { static_cast<void>(link("a", "c")); }, {"p", "a", "b", "n"});
}

TEST_P(LinksKilled, WhileOneIsRemoved) {
  try_everywhere([&] { static_cast<void>(unlink("b")); }, {"p", "a", "n"});
  try_everywhere(
      [&] {
        static_cast<void>(unlink("b"));
        static_cast<void>(unlink("a"));
      },
      {"p", "n"});
}

TEST_P(LinksKilled, WhileOneIsRenamed) {
  try_everywhere([&] { static_cast<void>(rename("b", "c")); }, {"p", "a", "n"});
  try_everywhere([&] { static_cast<void>(rename("b", "p")); }, {"p", "a", "n"});
}

TEST_P(LinksKilled, WhileOneIsReplaced) {
  try_everywhere([&] { static_cast<void>(rename("n", "b")); }, {"p", "a", "b", kOther});
}

TEST_P(LinksKilled, WhileOneIsExchanged) {
  try_everywhere(
      [&] {
        static_cast<void>(
            folder_->rename(context(), kRoot, "b", kRoot, "n", RenameMode::kExchange));
      },
      {"p", "a", "b", "n"});
}

TEST_P(LinksKilled, WhileTheirDirectoryIsRenamed) {
  for (std::uint64_t call = 1;; ++call) {
    SCOPED_TRACE("killed at request " + std::to_string(call));
    ASSERT_LT(call, 80U);
    for (const std::string& key : store_.keys()) store_.erase(key);
    kill_and_begin();
    ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
    ASSERT_TRUE(write_file(kRoot, "a", "text"));
    ASSERT_TRUE(link("a", "b", inode_of("d")));
    begin_anew();
    faulty_.die_at(call, GetParam(), killed_);
    const auto renamed = rename("d", "e");
    static_cast<void>(drain());
    const bool died = faulty_.died();
    kill_and_begin();
    faulty_.heal();
    folder_->resume();
    ASSERT_TRUE(drain());
    begin_anew();
    const InodeNumber directory = inode_of(renamed ? "e" : lookup("d") ? "d" : "e");
    EXPECT_EQ(read_file(directory, "b"), "text");
    EXPECT_EQ(inode_of("b", directory), inode_of("a"));
    EXPECT_EQ(count_of("a"), 2U);
    ASSERT_TRUE(unlink("a"));
    ASSERT_TRUE(drain());
    EXPECT_EQ(read_file(directory, "b"), "text");
    if (!died) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Answer, LinksKilled, ::testing::Bool(),
                         [](const auto& with) { return with.param ? "Came" : "WasLost"; });

// --- two mounts of one folder ---

class LinksOfTwo : public LinksTest {
 protected:
  LinksOfTwo() {
    FolderOptions options = options_;
    options.staging_directory = directory_.path() + "/other";
    other_ = MountedFolder::make(faulty_, scheduler_, clock_, options).value();
  }
  ~LinksOfTwo() override { other_->stop(); }

  InodeNumber of_other(std::string_view name) {
    const auto entry = other_->lookup(context(), kRoot, name);
    EXPECT_TRUE(entry) << name;
    return entry ? entry->attributes.inode : InodeNumber{};
  }
  Result<void> drain_other() { return other_->drain(Deadline::in(clock_, std::chrono::hours(1))); }
  void let_it_get_old() { clock_.advance(std::chrono::minutes(1)); }

  std::unique_ptr<MountedFolder> other_;
};

TEST_F(LinksOfTwo, AreCountedByBoth) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link_in_oss("a", "b"));
  EXPECT_EQ(of_other("a"), inode_of("a"));
  ASSERT_TRUE(other_->link(context(), of_other("a"), kRoot, "c"));
  ASSERT_TRUE(drain_other());
  let_it_get_old();
  EXPECT_EQ(count_of("a"), 3U);
  EXPECT_EQ(inode_of("c"), inode_of("a"));
  ASSERT_TRUE(unlink("a"));
  ASSERT_TRUE(unlink("b"));
  ASSERT_TRUE(drain());
  let_it_get_old();
  EXPECT_EQ(other_->lookup(context(), kRoot, "c")->attributes.link_count, 1U);
  EXPECT_EQ(read_file("c"), "text");
}

// What is removed here while the network is away goes hours later: who has linked it meanwhile
// keeps it.
TEST_F(LinksOfTwo, ThatCameWhileARemovalWaitedKeepTheContent) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link_in_oss("a", "b"));
  ASSERT_TRUE(unlink("b"));
  ASSERT_TRUE(drain());
  ASSERT_TRUE(unlink("a"));  // the last one, as far as this mount knows; not sent yet
  ASSERT_TRUE(other_->link(context(), of_other("a"), kRoot, "c"));
  ASSERT_TRUE(drain());
  begin_anew();
  EXPECT_EQ(read_file("c"), "text");
  EXPECT_EQ(lookup("a").error().code, Errc::kNotFound);
  EXPECT_EQ(count_of("c"), 1U);
}

TEST_F(LinksOfTwo, ToAFileThatTheOtherHasRemovedAreNotMade) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link_in_oss("a", "b"));
  const InodeNumber known = of_other("a");
  ASSERT_TRUE(unlink("a"));
  ASSERT_TRUE(unlink("b"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(other_->link(context(), known, kRoot, "c").error().code, Errc::kNotFound);
  ASSERT_TRUE(drain_other());
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(LinksOfTwo, ThatTheOtherReplacedLeadToWhatItPutThere) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link_in_oss("a", "b"));
  const InodeNumber known = inode_of("a");
  of_other("a");
  of_other("b");
  auto made = other_->create(context(), kRoot, "n", 0644, O_WRONLY | O_CREAT);
  ASSERT_TRUE(other_->write(context(), made->second.handle, as_bytes("other"), 0));
  other_->release(made->second.handle);
  ASSERT_TRUE(other_->rename(context(), kRoot, "n", kRoot, "a", RenameMode::kReplace));
  clock_.advance(std::chrono::seconds(2));
  // Whoever opens what the name led to is told to look again.
  EXPECT_EQ(folder_->open(context(), known, O_RDONLY).error().code, Errc::kStale);
  EXPECT_EQ(read_file("a"), "other");
  EXPECT_EQ(read_file("b"), "text");
  EXPECT_EQ(inode_of("b"), known);
  EXPECT_NE(inode_of("a"), known);
  ASSERT_TRUE(drain_other());
  let_it_get_old();
  EXPECT_EQ(count_of("b"), 1U);
}

TEST_F(LinksOfTwo, AreWrittenByOneAndReadByTheOther) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link_in_oss("a", "b"));
  of_other("b");
  ASSERT_TRUE(write_file(kRoot, "a", "changed and longer"));
  clock_.advance(std::chrono::seconds(2));
  const auto opened = other_->open(context(), of_other("b"), O_RDONLY);
  ASSERT_TRUE(opened);
  EXPECT_EQ(other_->getattr(context(), of_other("b"))->attributes.size_bytes, 18U);
  other_->release(opened->handle);
}

TEST_F(LinksOfTwo, KeepBothContentsWhenBothWrite) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(link_in_oss("a", "b"));
  const auto mine = folder_->open(context(), inode_of("a"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(folder_->write(context(), mine->handle, as_bytes("mine"), 0));
  const auto theirs = other_->open(context(), of_other("b"), O_WRONLY | O_TRUNC);
  ASSERT_TRUE(other_->write(context(), theirs->handle, as_bytes("theirs"), 0));
  other_->release(theirs->handle);
  EXPECT_EQ(flush(mine->handle).error().code, Errc::kStale);
  folder_->release(mine->handle);
  begin_anew();
  EXPECT_EQ(read_file("a"), "theirs");
  const auto all = names(kRoot);
  const auto beside = std::find_if(all.begin(), all.end(), [](const std::string& name) {
    return name.starts_with("a.conflict-") || name.starts_with("b.conflict-");
  });
  ASSERT_NE(beside, all.end());
  EXPECT_EQ(read_file(*beside), "mine");
}

}  // namespace
}  // namespace stsfs::fs
