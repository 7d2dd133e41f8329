// Symbolic links: which are OSS Symlink objects and which are not, what they cost, and where they
// lead after they or what is around them was renamed.

#include <algorithm>
#include <thread>

#include "folder_fixture.h"
#include "stsfs/base/await.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;
using std::chrono::milliseconds;
using std::chrono::seconds;

const WallTime kMtime(seconds(1700000000) + std::chrono::nanoseconds(5));

class SymlinksTest : public FolderTest {
 protected:
  SymlinksTest() : SymlinksTest(fakes::FakeStoreOptions{}) {}
  explicit SymlinksTest(const fakes::FakeStoreOptions& store) : FolderTest(store) {
    options_.attribute_file = directory_.path() + "/attributes.db";
    kill_and_begin();
  }
  InodeNumber inode_of(std::string_view name, InodeNumber parent = kRoot) {
    const auto entry = lookup(parent, name);
    EXPECT_TRUE(entry) << name;
    return entry ? entry->attributes.inode : InodeNumber{};
  }
  InodeNumber link(std::string_view name, std::string_view target, InodeNumber parent = kRoot) {
    const auto made = folder_->symlink(context(), parent, name, target);
    EXPECT_TRUE(made) << name;
    return made ? made->attributes.inode : InodeNumber{};
  }
  std::string target_of(std::string_view name, InodeNumber parent = kRoot) {
    return folder_->readlink(context(), inode_of(name, parent)).value_or("");
  }
  /// Below the folder, where the OSS Symlink object leads; empty: it is none.
  std::string leads_to(const std::string& name) {
    const auto got = await<oss::Symlink>(nullptr, [&](Callback<oss::Symlink> done) {
      return store_.start_get_symlink("users/alice/" + name, context().deadline, std::move(done));
    });
    return got ? got->target.substr(std::string_view("users/alice/").size()) : "";
  }
  void put_link(const std::string& name, const std::string& target) {
    ASSERT_TRUE(await<oss::Written>(nullptr, [&](Callback<oss::Written> done) {
      return store_.start_put_symlink("users/alice/" + name, "users/alice/" + target, {},
                                      context().deadline, std::move(done));
    }));
  }
  std::string stored(const std::string& name, const std::string& attribute) {
    const auto meta = store_.meta("users/alice/" + name);
    return meta && meta->headers.user.contains(attribute) ? meta->headers.user.at(attribute) : "";
  }
  void change(InodeNumber inode, const AttributeChange& wanted) {
    ASSERT_TRUE(folder_->setattr(context(), inode, std::nullopt, wanted));
  }
  std::uint64_t asked() const {
    return faulty_.started(Operation::kHead) + faulty_.started(Operation::kGetSymlink) +
           faulty_.started(Operation::kGet);
  }
};

TEST_F(SymlinksTest, ToKeysOfTheFolderAreSymlinkObjects) {
  ASSERT_TRUE(write_file(kRoot, "f", "text"));
  const auto d = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
  link("l", ".././f", d);
  link("dangling", "nowhere/at all");
  EXPECT_EQ(leads_to("d/l"), "f");
  EXPECT_EQ(leads_to("dangling"), "nowhere/at all");
  for (int mount = 0; mount < 2; ++mount) {
    EXPECT_EQ(target_of("l", inode_of("d")), ".././f");
    EXPECT_EQ(target_of("dangling"), "nowhere/at all");
    const auto seen = lookup(inode_of("d"), "l");
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->attributes.mode, S_IFLNK | 0777U);
    EXPECT_EQ(seen->attributes.uid, 7U);
    EXPECT_EQ(seen->attributes.size_bytes, 6U);
    kill_and_begin();
  }
}

TEST_F(SymlinksTest, ThatOssWouldNotFollowAreInTheFormOfS3fs) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  link("first", "f");
  const std::string targets[] = {"/etc/motd",
                                 "../outside",
                                 "d",
                                 "d/",
                                 "d/.",
                                 "first",
                                 std::string(2'000, '\xff'),
                                 std::string(1'100, 'k')};
  for (const std::string& target : targets) {
    link("l", target);
    EXPECT_EQ(leads_to("l"), "") << target;
    EXPECT_EQ(store_.content("users/alice/l"), target);
    kill_and_begin();
    EXPECT_EQ(target_of("l"), target);
    ASSERT_TRUE(folder_->unlink(context(), kRoot, "l"));
    ASSERT_TRUE(drain());
  }
}

// Their target is in the body, which is asked for as the version that HEAD has told of.
TEST_F(SymlinksTest, OfS3fsThatAreReplacedWhileTheyAreLookedAtAreLookedAtAgain) {
  const oss::UserMetadata user{{"mode", std::to_string(S_IFLNK | 0777)}};
  store_.put("users/alice/l", "/before", user);
  faulty_.before({.operation = Operation::kGet},
                 [&] { store_.put("users/alice/l", "/behind", user); });
  EXPECT_EQ(target_of("l"), "/behind");
  store_.put("users/alice/m", "/before", user);
  faulty_.before({.operation = Operation::kGet}, [&] { store_.put("users/alice/m", "a file"); });
  EXPECT_EQ(read_file("m"), "a file");
  store_.put("users/alice/n", "/before", user);
  faulty_.before({.operation = Operation::kGet}, [&] { store_.erase("users/alice/n"); });
  EXPECT_EQ(lookup("n").error().code, Errc::kNotFound);
}

// Others write blanks around a target, and mean none.
TEST_F(SymlinksTest, InTheFormOfS3fsKeepTheBlanksThatWereGiven) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  const std::string long_one = "/" + std::string(4'000, '\xff') + "\t";
  for (const std::string& target : {std::string("/data/a "), std::string("\t /../../../a"),
                                    std::string("/ "), std::string("/a b"), long_one}) {
    SCOPED_TRACE(target.substr(0, 20));
    link("l", target);
    change(inode_of("l"), {.uid = 11U});
    ASSERT_TRUE(folder_->rename(context(), kRoot, "l", inode_of("d"), "l", RenameMode::kReplace));
    ASSERT_TRUE(drain());
    EXPECT_EQ(leads_to("d/l"), "");
    EXPECT_TRUE(store_.content("users/alice/d/l") == target);
    kill_and_begin();
    EXPECT_TRUE(target_of("l", inode_of("d")) == target);
    EXPECT_EQ(lookup(inode_of("d"), "l")->attributes.size_bytes, target.size());
    ASSERT_TRUE(folder_->unlink(context(), inode_of("d"), "l"));
    ASSERT_TRUE(drain());
  }
  store_.put("users/alice/foreign", "/data/a ", {{"mode", std::to_string(S_IFLNK | 0777)}});
  EXPECT_EQ(target_of("foreign"), "/data/a");
}

TEST_F(SymlinksTest, WithBlanksKeepThemWhenTheyGetAnotherForm) {
  ASSERT_TRUE(write_file(kRoot, "f ", "text"));
  link("l", "../f ", folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode);
  EXPECT_EQ(leads_to("d/l"), "f ");
  ASSERT_TRUE(folder_->rename(context(), inode_of("d"), "l", kRoot, "l", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  EXPECT_EQ(leads_to("l"), "");  // out of the folder
  kill_and_begin();
  EXPECT_EQ(target_of("l"), "../f ");
}

TEST_F(SymlinksTest, AreFoundByTheirNamesWhereverTheyLead) {
  ASSERT_TRUE(write_file(kRoot, "f", "text"));
  link("to-file", "f");
  link("to-nothing", "none");
  link("to-itself", "to-itself");
  kill_and_begin();
  EXPECT_EQ(target_of("to-file"), "f");
  kill_and_begin();
  EXPECT_EQ(target_of("to-nothing"), "none");
  kill_and_begin();
  EXPECT_EQ(target_of("to-itself"), "to-itself");
}

TEST_F(SymlinksTest, AreAskedForTogetherAndRememberedOverARestart) {
  for (int i = 0; i < 200; ++i) link("l" + std::to_string(1000 + i), "a-target-that-is-not-there");
  kill_and_begin();
  clock_.advance(std::chrono::minutes(1));
  const auto list_long = [&] {
    int links = 0;
    for (const std::string& name : names(kRoot))
      if (name.starts_with('l') && S_ISLNK(lookup(name)->attributes.mode)) ++links;
    return links;
  };
  const std::uint64_t heads = faulty_.started(Operation::kHead);
  EXPECT_EQ(list_long(), 200);
  EXPECT_LE(faulty_.started(Operation::kHead) - heads, 1U);  // of the folder itself
  const std::uint64_t before = asked();
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(list_long(), 200);
  kill_and_begin();
  EXPECT_EQ(list_long(), 200);
  EXPECT_LE(asked() - before, 1U);  // of the folder itself
}

TEST_F(SymlinksTest, ThatOthersMadeAreAskedForOnce) {
  for (int i = 0; i < 100; ++i) put_link("l" + std::to_string(1000 + i), "t");
  clock_.advance(std::chrono::minutes(1));
  const auto look_at_all = [&] {
    for (const std::string& name : names(kRoot)) {
      if (name.starts_with('l')) {
        EXPECT_EQ(target_of(name), "t");
      }
    }
  };
  look_at_all();
  EXPECT_EQ(faulty_.started(Operation::kGetSymlink), 100U);
  kill_and_begin();
  look_at_all();
  EXPECT_EQ(faulty_.started(Operation::kGetSymlink), 100U);
}

// As tar and rsync leave them: one more request for all attributes.
TEST_F(SymlinksTest, TakeChangedAttributesInOneRequest) {
  const InodeNumber l = link("l", "f");
  change(l, {.uid = 3, .gid = 4});
  change(l, {.mtime = kMtime});
  const std::uint64_t before = faulty_.started();
  scheduler_.advance(milliseconds(301));
  EXPECT_EQ(faulty_.started() - before, 1U);
  EXPECT_EQ(leads_to("l"), "f");
  EXPECT_EQ(stored("l", "uid"), "3");
  EXPECT_EQ(stored("l", "mtime"), "1700000000.000000005");
  clock_.advance(seconds(5));
  change(l, {.uid = 5});
  EXPECT_EQ(stored("l", "uid"), "5");
  EXPECT_EQ(leads_to("l"), "f");
  kill_and_begin();
  EXPECT_EQ(target_of("l"), "f");
  EXPECT_EQ(lookup("l")->attributes.uid, 5U);
  EXPECT_EQ(lookup("l")->attributes.mtime, kMtime);
}

TEST_F(SymlinksTest, KeepHeldBackAttributesOverAKill) {
  const InodeNumber object = link("object", "f");
  const InodeNumber plain = link("plain", "/etc/motd");
  change(object, {.uid = 3});
  change(plain, {.uid = 4});
  kill_and_begin();
  EXPECT_EQ(lookup("object")->attributes.uid, 3U);
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(stored("object", "uid"), "3");
  EXPECT_EQ(stored("plain", "uid"), "4");
  EXPECT_EQ(leads_to("object"), "f");
  EXPECT_EQ(store_.content("users/alice/plain"), "/etc/motd");
  kill_and_begin();
  EXPECT_EQ(target_of("object"), "f");
  EXPECT_EQ(target_of("plain"), "/etc/motd");
}

TEST_F(SymlinksTest, OfAnotherClientAreLeftAlone) {
  const InodeNumber l = link("l", "f");
  change(l, {.uid = 3});
  kill_and_begin();
  put_link("l", "theirs");
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(leads_to("l"), "theirs");
  EXPECT_EQ(stored("l", "uid"), "");
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(target_of("l"), "theirs");
}

TEST_F(SymlinksTest, LeadOthersToTheSameWordsAfterTheyWereRenamed) {
  const auto d = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
  const InodeNumber l = link("l", "f");
  change(l, {.uid = 3});
  ASSERT_TRUE(folder_->rename(context(), kRoot, "l", d, "m", RenameMode::kReplace));
  EXPECT_EQ(leads_to("d/m"), "d/f");
  EXPECT_EQ(stored("d/m", "uid"), "3");
  EXPECT_EQ(lookup("l").error().code, Errc::kNotFound);
  EXPECT_EQ(target_of("m", d), "f");
  const InodeNumber up = link("up", "../f", d);
  EXPECT_EQ(leads_to("d/up"), "f");
  ASSERT_TRUE(folder_->rename(context(), d, "up", kRoot, "up", RenameMode::kNoReplace));
  EXPECT_EQ(leads_to("up"), "");  // out of the folder from here
  EXPECT_EQ(folder_->readlink(context(), up), "../f");
  kill_and_begin();
  EXPECT_EQ(target_of("up"), "../f");
  EXPECT_EQ(target_of("m", inode_of("d")), "f");
}

TEST_F(SymlinksTest, OfAnotherClientThatLeadOutOfTheFolderGoOnToDoSoWhenRenamed) {
  ASSERT_TRUE(await<oss::Written>(nullptr, [&](Callback<oss::Written> done) {
    return store_.start_put_symlink("users/alice/l", "users/bob/f", {}, context().deadline,
                                    std::move(done));
  }));
  EXPECT_EQ(target_of("l"), "/users/bob/f");
  ASSERT_TRUE(folder_->rename(context(), kRoot, "l", kRoot, "m", RenameMode::kReplace));
  kill_and_begin();
  EXPECT_EQ(target_of("m"), "/users/bob/f");
  EXPECT_EQ(store_.meta("users/alice/m")->type, oss::ObjectType::kSymlink);
}

/// Whatever request the daemon is killed at.
TEST_F(SymlinksTest, MoveWithTheTreeThatTheyLeadInto) {
  for (std::uint64_t at = 1;; ++at) {
    folder_->refresh();
    ASSERT_TRUE(
        write_file(folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode, "f", "x"));
    const InodeNumber d = inode_of("d");
    link("in", "f", d);
    link("out", "../f", d);
    link("none", "nowhere", d);
    std::uint64_t seen = 0;
    const auto dies = [&] {
      if (++seen == at) faulty_.fail_everything(Error{Errc::kUnavailable, "killed", {}});
    };
    for (const Operation kind : {Operation::kList, Operation::kCopy, Operation::kGetSymlink,
                                 Operation::kPutSymlink, Operation::kDeleteMany})
      faulty_.before({.operation = kind, .count = Calls::kAll}, dies);
    const auto renamed = folder_->rename(context(), kRoot, "d", kRoot, "n", RenameMode::kReplace);
    const bool all = renamed && drain();
    kill_and_begin();
    faulty_.fail_everything(std::nullopt);
    faulty_.heal();
    folder_->resume();
    ASSERT_TRUE(drain());
    const std::string now = renamed ? "n" : "d";
    EXPECT_EQ(store_.keys(), (std::vector<std::string>{
                                 "users/alice/" + now + "/", "users/alice/" + now + "/f",
                                 "users/alice/" + now + "/in", "users/alice/" + now + "/none",
                                 "users/alice/" + now + "/out"}))
        << at;
    EXPECT_EQ(leads_to(now + "/in"), now + "/f") << at;
    EXPECT_EQ(leads_to(now + "/out"), "f") << at;
    EXPECT_EQ(target_of("in", inode_of(now)), "f") << at;
    EXPECT_EQ(target_of("out", inode_of(now)), "../f") << at;
    for (const char* name : {"f", "in", "none", "out"})
      ASSERT_TRUE(folder_->unlink(context(), inode_of(now), name));
    ASSERT_TRUE(folder_->rmdir(context(), kRoot, now));
    ASSERT_TRUE(drain());
    if (all) break;  // it was not killed any more
  }
}

/// Renamed to "n" with a link to a file beside it, and every object still where it was.
class SymlinksOnTheirWay : public SymlinksTest {
 protected:
  void rename_only() {
    d_ = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
    ASSERT_TRUE(write_file(d_, "f", "x"));
    l_ = link("l", "f", d_);
    clock_.advance(age_);
    faulty_.fail({.operation = Operation::kPutSymlink, .count = Calls::kAll},
                 Error{Errc::kUnavailable, "stopped", {}});
    ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "n", RenameMode::kReplace));
    EXPECT_FALSE(drain());
    ASSERT_EQ(leads_to("d/l"), "d/f");
    faulty_.heal();
  }
  void expect_changed() {
    ASSERT_TRUE(drain());
    EXPECT_EQ(stored("n/l", "gid"), "660");
    EXPECT_EQ(leads_to("n/l"), "n/f");
    kill_and_begin();
    EXPECT_EQ(lookup(inode_of("n"), "l")->attributes.gid, 660U);
    EXPECT_EQ(target_of("l", inode_of("n")), "f");
  }
  bool is_at(const std::string& key) {
    const auto keys = store_.keys();
    return std::find(keys.begin(), keys.end(), "users/alice/" + key) != keys.end();
  }

  seconds age_{5};
  InodeNumber d_{}, l_{};
};

TEST_F(SymlinksOnTheirWay, LeadWithTheirTreeWhenTheyAreChangedAtOnce) {
  rename_only();
  change(l_, {.gid = 660});
  expect_changed();
}

TEST_F(SymlinksOnTheirWay, LeadWithTheirTreeWhenTheyAreChangedABitLater) {
  age_ = seconds(0);
  rename_only();
  change(l_, {.gid = 660});
  scheduler_.advance(milliseconds(301));
  expect_changed();
}

TEST_F(SymlinksOnTheirWay, LeadWithTheirTreeWhenTheyAreLookedAt) {
  rename_only();
  clock_.advance(std::chrono::minutes(1));
  EXPECT_EQ(target_of("l", inode_of("n")), "f");
  change(l_, {.gid = 6});
  change(l_, {.gid = 660});
  expect_changed();
}

// What the commit of a change looks at leaves its old key, and is another version at the new one.
TEST_F(SymlinksOnTheirWay, TakeChangesThatMeetThemWhileTheyMove) {
  options_.open_fresh = milliseconds(0);  // so that it is looked at again
  kill_and_begin();
  d_ = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
  ASSERT_TRUE(write_file(d_, "f", "x"));
  l_ = link("l", "f", d_);
  std::promise<void> moves;
  std::promise<void> may_move;
  faulty_.before({.operation = Operation::kPutSymlink, .key = "users/alice/n/l"}, [&] {
    moves.set_value();
    may_move.get_future().wait();
  });
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "n", RenameMode::kReplace));
  moves.get_future().wait();
  change(l_, {.gid = 660});
  bool has_moved = false;
  faulty_.before({.operation = Operation::kGetSymlink, .key = "users/alice/d/l"}, [&] {
    may_move.set_value();
    for (int i = 0; i < 60'000 && !has_moved; ++i) {
      std::this_thread::sleep_for(milliseconds(1));
      has_moved = !is_at("d/l");
    }
  });
  scheduler_.advance(milliseconds(301));
  EXPECT_TRUE(has_moved);
  expect_changed();
}

// Found by fsstress: the move was tried for ever, and whatever touched it waited.
TEST_F(SymlinksTest, MoveWhereTheirTargetWouldBeTooLongAKey) {
  const InodeNumber d = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
  std::string target(1'000, 'k');
  for (std::size_t i = 100; i < target.size(); i += 100) target[i] = '/';
  link("l", target, d);
  ASSERT_EQ(leads_to("d/l"), "d/" + target);
  const std::string longer(20, 'n');
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, longer, RenameMode::kReplace));
  ASSERT_TRUE(drain());
  EXPECT_EQ(leads_to(longer + "/l"), "d/" + target);
  EXPECT_EQ(target_of("l", inode_of(longer)), target);
}

class SymlinksInAHierarchyTest : public SymlinksTest {
 protected:
  SymlinksInAHierarchyTest() : SymlinksTest({.hierarchical_namespace = true}) {}
};

TEST_F(SymlinksInAHierarchyTest, AreAllInTheFormOfS3fs) {
  link("l", "f");
  EXPECT_EQ(store_.content("users/alice/l"), "f");
  EXPECT_NE(store_.meta("users/alice/l")->type, oss::ObjectType::kSymlink);
  kill_and_begin();
  EXPECT_EQ(target_of("l"), "f");
}

}  // namespace
}  // namespace stsfs::fs
