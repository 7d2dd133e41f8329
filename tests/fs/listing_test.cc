// What listing and looking up cost, and what they show while things change.

#include <set>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;

class ListingTest : public FolderTest {
 protected:
  ListingTest() {
    options_.attribute_file = directory_.path() + "/attributes.db";
    kill_and_begin();
  }

  /// Objects that are old enough to be remembered.
  void put_many(const std::string& directory, int count) {
    for (int i = 0; i < count; ++i) {
      char name[16];
      std::snprintf(name, sizeof(name), "f%05d", i);
      store_.put("users/alice/" + directory + name, "x", {{"mode", "33152"}});
    }
  }
  void put_symlink(const std::string& key, const std::string& target) {
    ASSERT_TRUE(await<oss::Written>(nullptr, [&](Callback<oss::Written> done) {
      return store_.start_put_symlink(key, target, {}, context().deadline, std::move(done));
    }));
  }
  void age() { clock_.advance(std::chrono::seconds(60)); }

  InodeNumber directory(std::string_view name, InodeNumber parent = kRoot) {
    return lookup(parent, name).value().attributes.inode;
  }
  /// As `ls -l`: the first answer is what a reader gets without asking, then every name is looked
  /// at.
  int list_long(InodeNumber inode) {
    const auto handle = folder_->opendir(context(), inode).value();
    std::vector<std::string> looked_at;
    std::uint64_t cookie = 0;
    int with_attributes = 0;
    for (bool more = true; more;) {
      more = false;
      EXPECT_TRUE(folder_->readdir_plus(context(), handle, cookie,
                                        [&](const DirectoryEntry& entry, const Entry& full) {
                                          cookie = entry.next_cookie;
                                          more = true;
                                          if (entry.name == "." || entry.name == "..") return true;
                                          if (full.attributes.inode == InodeNumber{0})
                                            looked_at.emplace_back(entry.name);
                                          else
                                            ++with_attributes;
                                          return looked_at.size() % 100 != 99;
                                        }));
      for (const std::string& name : looked_at)
        if (lookup(inode, name)) ++with_attributes;
      looked_at.clear();
    }
    folder_->releasedir(handle);
    return with_attributes;
  }
  /// As `find`: depth first.
  int walk(InodeNumber inode) {
    int found = 0;
    std::vector<std::string> below;
    const auto handle = folder_->opendir(context(), inode).value();
    EXPECT_TRUE(folder_->readdir(context(), handle, 0, [&](const DirectoryEntry& entry) {
      if (entry.name == "." || entry.name == "..") return true;
      ++found;
      if (S_ISDIR(entry.attributes.mode)) below.emplace_back(entry.name);
      return true;
    }));
    folder_->releasedir(handle);
    for (const std::string& name : below) {
      const auto entry = lookup(inode, name);
      if (entry) found += walk(entry->attributes.inode);
    }
    return found;
  }
  std::uint64_t requests(const std::function<void()>& during) {
    const std::uint64_t before = faulty_.started();
    during();
    return faulty_.started() - before;
  }
};

TEST_F(ListingTest, NamesAndTypesCostThePagesAndNoHead) {
  put_many("d/", 2'500);
  store_.put("users/alice/d/sub/x", "x");
  const InodeNumber d = directory("d");
  EXPECT_EQ(requests([&] { EXPECT_EQ(names(d).size(), 2'503u); }), 3u);
  EXPECT_EQ(requests([&] { EXPECT_EQ(names(d).size(), 2'503u); }), 0u);
}

TEST_F(ListingTest, AttributesAreAskedForOnceAndRememberedOverARestart) {
  put_many("d/", 300);
  age();
  const InodeNumber d = directory("d");
  EXPECT_EQ(list_long(d), 300);
  EXPECT_EQ(faulty_.started(Operation::kHead), 1u + 300u);  // and one of `d`
  EXPECT_EQ(requests([&] { EXPECT_EQ(list_long(d), 300); }), 0u);
  age();
  EXPECT_EQ(requests([&] { EXPECT_EQ(list_long(d), 300); }), 1u);
  kill_and_begin();
  const InodeNumber again = directory("d");
  EXPECT_EQ(lookup(again, "f00007")->attributes.mode, mode_t{0100600});
  EXPECT_LE(requests([&] { EXPECT_EQ(list_long(again), 300); }), 1u);
}

TEST_F(ListingTest, AReaderSlowerThanItsListingIsFreshCostsAHeadAnEntryAndNoMore) {
  put_many("d/", 250);
  age();
  const InodeNumber d = directory("d");
  const auto handle = folder_->opendir(context(), d).value();
  std::uint64_t cookie = 0;
  int with_attributes = 0;
  const auto read_some = [&](int count) {
    ASSERT_TRUE(folder_->readdir_plus(
        context(), handle, cookie, [&](const DirectoryEntry& entry, const Entry& full) {
          if (count-- == 0) return false;
          cookie = entry.next_cookie;
          with_attributes += full.attributes.inode != InodeNumber{0} ? 1 : 0;
          return true;
        }));
  };
  read_some(52);
  age();
  with_attributes = 0;
  EXPECT_LE(requests([&] { read_some(1'000); }), 200u);
  EXPECT_EQ(with_attributes, 200);
  folder_->releasedir(handle);
}

TEST_F(ListingTest, AChangedObjectIsAskedForAgain) {
  put_many("d/", 100);
  age();
  list_long(directory("d"));
  store_.put("users/alice/d/f00042", "other", {{"mode", "33279"}});
  age();
  kill_and_begin();
  EXPECT_EQ(requests([&] { EXPECT_EQ(list_long(directory("d")), 100); }), 3u);
  EXPECT_EQ(lookup(directory("d"), "f00042")->attributes.mode, mode_t{0100777});
}

TEST_F(ListingTest, WhatWasWrittenHereNeedsNoHead) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0700));
  const InodeNumber d = directory("d");
  const std::uint64_t made = requests([&] {
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(write_file(d, "f" + std::to_string(i), "x"));
  });
  EXPECT_EQ(made, 20u);  // a put each: nothing is looked up in a directory that we made
  age();
  EXPECT_EQ(requests([&] { EXPECT_EQ(list_long(d), 20); }), 1u);
  kill_and_begin();
  // HEAD `d` and LIST `d/`: which it is.
  EXPECT_EQ(requests([&] { EXPECT_EQ(list_long(directory("d")), 20); }), 2u);
}

TEST_F(ListingTest, AChangeOfAttributesHereIsNotMistakenForTheStateBefore) {
  ASSERT_TRUE(write_file(kRoot, "f", "x"));
  const InodeNumber f = directory("f");
  ASSERT_TRUE(folder_->setattr(context(), f, std::nullopt, {.mode = 0600}));
  age();
  EXPECT_EQ(lookup("f")->attributes.mode, mode_t{0100600});
  kill_and_begin();
  EXPECT_EQ(lookup("f")->attributes.mode, mode_t{0100600});
}

TEST_F(ListingTest, ANameElsewhereCostsHeadAndListAtOnceAndTheThirdAPage) {
  put_many("d/", 10);
  const InodeNumber d = directory("d");
  kill_and_begin();  // nothing is known of `d` but its being there
  EXPECT_EQ(requests([&] { ASSERT_TRUE(lookup("d")); }), 2u);
  age();
  EXPECT_EQ(requests([&] { ASSERT_TRUE(lookup("d")); }), 2u);
  static_cast<void>(d);
}

TEST_F(ListingTest, InAFreshListingNothingIsAskedAlsoForWhatIsNotThere) {
  put_many("d/", 10);
  const InodeNumber d = directory("d");
  names(d);
  EXPECT_EQ(requests([&] {
              EXPECT_EQ(lookup(d, "absent").error().code, Errc::kNotFound);
              EXPECT_EQ(lookup(d, "f").error().code, Errc::kNotFound);
            }),
            0u);
}

// As rsync and editors leave them.
TEST_F(ListingTest, WhatWasWrittenAndRenamedIsNotAskedForLater) {
  const InodeNumber d = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
  for (int i = 0; i < 20; ++i) {
    const std::string name = "f" + std::to_string(i);
    ASSERT_TRUE(write_file(d, "tmp", name));
    const InodeNumber inode = lookup(d, "tmp")->attributes.inode;
    ASSERT_TRUE(folder_->setattr(context(), inode, std::nullopt, {.mode = 0640}));
    ASSERT_TRUE(folder_->rename(context(), d, "tmp", d, name, RenameMode::kReplace));
  }
  ASSERT_TRUE(drain());
  age();
  kill_and_begin();
  const std::uint64_t before = faulty_.started(Operation::kHead);
  EXPECT_EQ(list_long(directory("d")), 20);
  EXPECT_LE(faulty_.started(Operation::kHead) - before, 1U);  // of `d`
  EXPECT_EQ(lookup(directory("d"), "f7")->attributes.mode, S_IFREG | 0640U);
}

// As the kernel does it: a lookup, then the call that makes it.
TEST_F(ListingTest, WhatIsMadeWhereNothingIsListedIsAskedForOnce) {
  store_.put("users/alice/d/f", "x");
  const InodeNumber d = directory("d");
  kill_and_begin();
  ASSERT_TRUE(lookup("d"));
  EXPECT_EQ(lookup(d, "new").error().code, Errc::kNotFound);
  EXPECT_EQ(requests([&] { ASSERT_TRUE(folder_->mkdir(context(), d, "new", 0755)); }), 1u);
  EXPECT_TRUE(lookup(d, "new"));
}

TEST_F(ListingTest, ADanglingSymlinkObjectIsFoundWhereNothingIsListed) {
  put_symlink("users/alice/l", "users/alice/nowhere");
  EXPECT_TRUE(S_ISLNK(lookup("l").value().attributes.mode));
}

// HEAD of such a one is refused: "Links to links are refused by OSS on read".
TEST_F(ListingTest, ASymlinkObjectThatLeadsToAnotherIsFoundWhereNothingIsListed) {
  store_.put("users/alice/f", "text");
  put_symlink("users/alice/l", "users/alice/f");
  put_symlink("users/alice/chain", "users/alice/l");
  const auto chain = lookup("chain");
  ASSERT_TRUE(chain) << chain.error().message;
  EXPECT_EQ(folder_->readlink(context(), chain->attributes.inode), "l");
}

TEST_F(ListingTest, AWalkThroughManyDirectoriesCostsAPagePerThousandEntries) {
  for (int i = 0; i < 100; ++i) put_many("t/d" + std::to_string(100 + i) + "/", 50);
  const InodeNumber t = directory("t");
  EXPECT_LE(requests([&] { EXPECT_EQ(walk(t), 5'100); }), 9u);
  EXPECT_EQ(requests([&] { EXPECT_EQ(walk(t), 5'100); }), 0u);
}

// As `git status` does, of a tree that was listed some time ago.
TEST_F(ListingTest, WhoLooksNamesUpDirectoryByDirectoryWalksToo) {
  for (int i = 0; i < 50; ++i) put_many("t/d" + std::to_string(100 + i) + "/", 20);
  const InodeNumber t = directory("t");
  walk(t);
  clock_.advance(std::chrono::minutes(2));
  EXPECT_LE(requests([&] {
              for (int i = 0; i < 50; ++i) {
                const InodeNumber below = directory("d" + std::to_string(100 + i), t);
                EXPECT_EQ(folder_->lookup(context(), below, "no").error().code, Errc::kNotFound);
              }
            }),
            10U);
}

TEST_F(ListingTest, WhoLooksNamesUpHereAndThereDoesNotWaitForAllBetween) {
  for (int i = 0; i < 6; ++i) put_many("t/d" + std::to_string(i) + "/", 3'000);
  for (int i = 0; i < 6; ++i) put_many("t/d" + std::to_string(i) + "-small/", 2);
  const InodeNumber t = directory("t");
  for (int i = 0; i < 6; ++i) names(directory("d" + std::to_string(i) + "-small", t));
  clock_.advance(std::chrono::minutes(2));
  EXPECT_LE(requests([&] {
              for (int i = 0; i < 6; ++i) {
                const InodeNumber below = directory("d" + std::to_string(i) + "-small", t);
                EXPECT_EQ(folder_->lookup(context(), below, "no").error().code, Errc::kNotFound);
              }
            }),
            18U);
}

TEST_F(ListingTest, AWalkSeesNestedDirectoriesMarkersAndWhatIsMadeOnItsWay) {
  for (const char* a : {"a", "b", "c", "d", "e"})
    for (const char* b : {"x", "y", "z"}) put_many(std::string("t/") + a + "/" + b + "/", 3);
  store_.put("users/alice/t/c/empty/", "");
  store_.put("users/alice/t/c.txt", "x");
  store_.put("users/alice/t/c-dir/f", "x");
  const int all = walk(directory("t"));
  kill_and_begin();
  std::set<std::string> seen;
  for (const char* a : {"a", "b", "c", "d", "e"})
    for (const std::string& name : names(directory(a, directory("t"))))
      seen.insert(std::string(a) + "/" + name);
  EXPECT_EQ(all, 5 + 5 * 3 + 5 * 3 * 3 + 1 + 1 + 2);
  EXPECT_TRUE(seen.contains("c/empty"));
  EXPECT_EQ(seen.size(), 5u * (3 + 2) + 1);
}

TEST_F(ListingTest, AnEntryThatIsThereAllTheTimeIsGivenOnceWhateverChanges) {
  put_many("", 3'000);
  const auto handle = folder_->opendir(context(), kRoot).value();
  std::multiset<std::string> given;
  std::uint64_t cookie = 0;
  int calls = 0;
  for (bool more = true; more; ++calls) {
    more = false;
    int left = 70;
    ASSERT_TRUE(folder_->readdir(context(), handle, cookie, [&](const DirectoryEntry& entry) {
      if (left-- == 0) return false;
      given.emplace(entry.name);
      cookie = entry.next_cookie;
      return more = true;
    }));
    char name[16];
    std::snprintf(name, sizeof(name), "f%05d", calls * 60);
    ASSERT_TRUE(folder_->unlink(context(), kRoot, name)) << name;
    ASSERT_TRUE(write_file(kRoot, "e" + std::to_string(calls), "x"));
    ASSERT_TRUE(write_file(kRoot, "g" + std::to_string(calls), "x"));
  }
  folder_->releasedir(handle);
  for (int i = 0; i < 3'000; ++i) {
    char name[16];
    std::snprintf(name, sizeof(name), "f%05d", i);
    EXPECT_LE(given.count(name), 1u) << name;
    const bool stays = i % 60 != 0 || i / 60 >= calls;
    EXPECT_TRUE(!stays || given.count(name) == 1u) << name;
  }
  for (const std::string& name : given) EXPECT_EQ(given.count(name), 1u) << name;
}

// In the order of the keys theirs come later.
TEST_F(ListingTest, ANameThatIsNotInItsKeyAsItIsIsFoundWhileItsDirectoryIsListed) {
  const std::string raw = "a\xff";
  store_.put("users/alice/d/stsfs%bytes:a%FF", "x");
  put_many("d/", 2'500);
  const InodeNumber d = directory("d");
  const auto handle = folder_->opendir(context(), d).value();
  ASSERT_TRUE(folder_->readdir(context(), handle, 0,
                               [](const DirectoryEntry& entry) { return entry.name != "f00001"; }));
  EXPECT_TRUE(lookup(d, raw));
  folder_->releasedir(handle);
}

TEST_F(ListingTest, ANameThatIsNotInItsKeyAsItIsIsGivenWhateverIsForgottenMeanwhile) {
  put_many("d/", 2'500);
  store_.put("users/alice/d/z/x", "x");
  store_.put("users/alice/d/z", "beside");
  store_.put("users/alice/d/stsfs%bytes:a%FF", "x");
  const InodeNumber d = directory("d");
  const auto handle = folder_->opendir(context(), d).value();
  std::uint64_t cookie = 0;
  std::multiset<std::string> given;
  const auto read = [&](int count) {
    ASSERT_TRUE(folder_->readdir(context(), handle, cookie, [&](const DirectoryEntry& entry) {
      if (count-- == 0) return false;
      cookie = entry.next_cookie;
      given.emplace(entry.name);
      return true;
    }));
  };
  read(10);
  folder_->refresh();
  read(5'000);
  folder_->releasedir(handle);
  EXPECT_EQ(given.size(), 2'505U);
  for (const char* name : {"z", "stsfs%file:z", "a\xff"}) EXPECT_EQ(given.count(name), 1U) << name;
}

TEST_F(ListingTest, WhatIsWrittenAndNotInOssYetIsListed) {
  put_many("", 5);
  const auto made = folder_->create(context(), kRoot, "new", 0644, O_WRONLY | O_CREAT);
  ASSERT_TRUE(made);
  const auto all = names(kRoot);
  EXPECT_EQ(std::count(all.begin(), all.end(), "new"), 1);
  ASSERT_TRUE(flush(made->second.handle));
  folder_->release(made->second.handle);
  const auto after = names(kRoot);
  EXPECT_EQ(std::count(after.begin(), after.end(), "new"), 1);
}

TEST_F(ListingTest, APageThatFailsIsAskedForAgainFromWhereItWas) {
  put_many("", 2'500);
  faulty_.fail({.operation = Operation::kList, .from = 2}, Error{Errc::kTimedOut, "slow"});
  const auto handle = folder_->opendir(context(), kRoot).value();
  std::set<std::string> given;
  std::uint64_t cookie = 0;
  int failures = 0;
  for (bool more = true; more;) {
    more = false;
    auto done = folder_->readdir(context(), handle, cookie, [&](const DirectoryEntry& entry) {
      given.emplace(entry.name);
      cookie = entry.next_cookie;
      return more = true;
    });
    if (!done) {
      EXPECT_EQ(done.error().code, Errc::kTimedOut);
      more = ++failures < 3;
    }
  }
  folder_->releasedir(handle);
  EXPECT_LE(failures, 1);
  EXPECT_EQ(given.size(), 2'502u);
  EXPECT_LE(faulty_.started(Operation::kList), 4u);
}

TEST_F(ListingTest, AnImpliedDirectoryKeepsItsTimes) {
  store_.put("users/alice/d/f", "x");
  const auto before = lookup("d")->attributes.mtime;
  age();
  EXPECT_EQ(lookup("d")->attributes.mtime, before);
}

TEST_F(ListingTest, LinksInTheFormOfS3fsAreSeenForWhatTheyAreOnceOneWas) {
  store_.put("users/alice/l", "target", {{"mode", "41471"}});
  store_.put("users/alice/f", "x");
  age();
  EXPECT_TRUE(S_ISLNK(lookup("l")->attributes.mode));
  kill_and_begin();
  const auto handle = folder_->opendir(context(), kRoot).value();
  std::map<std::string, mode_t> types;
  ASSERT_TRUE(folder_->readdir(context(), handle, 0, [&](const DirectoryEntry& entry) {
    types[std::string(entry.name)] = entry.attributes.mode;
    return true;
  }));
  folder_->releasedir(handle);
  EXPECT_EQ(types["l"], mode_t{S_IFLNK});
  EXPECT_EQ(types["f"], mode_t{0});  // nobody has looked yet
}

TEST_F(ListingTest, StrictAlwaysAsks) {
  options_.fresh = options_.open_fresh = std::chrono::milliseconds(0);
  kill_and_begin();
  put_many("d/", 10);
  const InodeNumber d = directory("d");
  names(d);
  store_.put("users/alice/d/other", "x");
  const auto all = names(d);
  EXPECT_EQ(std::count(all.begin(), all.end(), "other"), 1);
  store_.erase("users/alice/d/other");
  EXPECT_EQ(lookup(d, "other").error().code, Errc::kNotFound);
}

/// A server may give less in a page than it was asked for.
class ListingOfShortPages : public FolderTest {
 protected:
  ListingOfShortPages() : FolderTest({.page_max = 1}) {}
};

TEST_F(ListingOfShortPages, TellsThatADirectoryIsNotEmpty) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  store_.put("users/alice/d/theirs", "theirs");
  EXPECT_EQ(folder_->rmdir(context(), kRoot, "d").error().code, Errc::kNotEmpty);
  store_.erase("users/alice/d/theirs");
  folder_->refresh("");
  EXPECT_TRUE(folder_->rmdir(context(), kRoot, "d"));
}

}  // namespace
}  // namespace stsfs::fs
