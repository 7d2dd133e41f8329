#include "stsfs/cache/directory_cache.h"

#include <functional>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"

namespace stsfs::cache {
namespace {

using Names = std::vector<std::string>;

Names names(const KnownDirectory& directory) {
  Names out;
  for (const auto& page : directory.pages())
    for (std::size_t row = 0; row < page->size(); ++row)
      if (!page->is_hidden(row)) out.emplace_back(page->name(row));
  return out;
}

KnownDirectory listed(SteadyTime asked, std::initializer_list<const char*> all) {
  KnownDirectory out;
  out.asked = asked;
  DirectoryPage page;
  for (const char* name : all) page.append(name, {});
  out.append(std::move(page));
  return out;
}

class DirectoryCacheTest : public ::testing::Test {
 protected:
  void put(const std::string& key, std::initializer_list<const char*> all) {
    const DirectoryCache::Changes changes(cache_, key);
    cache_.put(key, changes, listed(clock_.steady(), all));
  }

  fakes::FakeClock clock_;
  DirectoryCache cache_{{.fresh = std::chrono::seconds(30), .bytes_max = 2'000}, clock_};
};

TEST_F(DirectoryCacheTest, KnowsADirectoryWhileItIsFresh) {
  put("d/", {"a"});
  ASSERT_TRUE(cache_.find("d/"));
  clock_.advance(std::chrono::seconds(31));
  EXPECT_FALSE(cache_.find("d/"));
}

TEST_F(DirectoryCacheTest, TakesOurOwnChangesAtOnceAndLeavesReadersTheirs) {
  put("d/", {"a", "b"});
  const auto before = cache_.find("d/");
  cache_.set_entry("d/", "c", {});
  cache_.erase_entry("d/", "a");
  EXPECT_EQ(names(*before), (Names{"a", "b"}));
  EXPECT_EQ(names(*cache_.find("d/")), (Names{"b", "c"}));
}

TEST_F(DirectoryCacheTest, ForgetsADirectoryWhereOneWentThatHidAFile) {
  const auto with_file_beside = [&] {
    KnownDirectory out = listed(clock_.steady(), {"x"});
    DirectoryPage page;
    page.append("x", {.is_directory = true});
    page.append("y", {.is_directory = true});
    out.append(std::move(page));
    return out;
  };
  const DirectoryCache::Changes before(cache_, "d/");
  cache_.put("d/", before, with_file_beside());
  cache_.erase_directory("d/", "y");
  EXPECT_EQ(names(*cache_.find("d/")), Names{"x"});
  cache_.erase_directory("d/", "x");
  EXPECT_FALSE(cache_.find("d/"));
  const DirectoryCache::Changes changes(cache_, "d/");
  KnownDirectory listing = with_file_beside();
  cache_.erase_directory("d/", "x");
  cache_.put("d/", changes, std::move(listing));
  EXPECT_FALSE(cache_.find("d/"));
}

TEST_F(DirectoryCacheTest, WhatChangesWhileAListingRunsIsInItsResult) {
  const DirectoryCache::Changes changes(cache_, "d/");
  cache_.set_entry("d/", "new", {});
  cache_.erase_entry("d/", "gone");
  cache_.set_entry("elsewhere/", "x", {});
  const auto known = cache_.put("d/", changes, listed(clock_.steady(), {"gone", "old"}));
  EXPECT_EQ(names(*known), (Names{"new", "old"}));
  EXPECT_EQ(names(*cache_.find("d/")), (Names{"new", "old"}));
}

TEST_F(DirectoryCacheTest, WhoWatchesAPrefixSeesWhatChangesInEveryDirectoryBelow) {
  const DirectoryCache::Changes changes(cache_, "d/", true);
  EXPECT_FALSE(changes.any());
  cache_.set_entry("d/e/", "new", {});
  cache_.erase_entry("d/f/", "gone");
  cache_.set_entry("other/", "x", {});
  ASSERT_TRUE(changes.of("d/e/", "new"));
  EXPECT_TRUE(changes.of("d/e/", "new")->entry);
  ASSERT_TRUE(changes.of("d/f/", "gone"));
  EXPECT_FALSE(changes.of("d/f/", "gone")->entry);
  EXPECT_FALSE(changes.of("other/", "x"));
  EXPECT_EQ(changes.added("d/e/").size(), 1u);
}

// A walk asks page by page, and what we made before may be gone by then by another client.
TEST_F(DirectoryCacheTest, WhatChangedBeforeAPageWasAskedForIsNotInItsResult) {
  const DirectoryCache::Changes changes(cache_, "d/", true);
  cache_.set_entry("d/e/", "gone since", {});
  cache_.erase_entry("d/e/", "there again");
  clock_.advance(std::chrono::seconds(1));
  KnownDirectory asked = listed(clock_.steady(), {"there again"});
  cache_.set_entry("d/e/", "new", {});
  EXPECT_EQ(names(*cache_.put("d/e/", changes, std::move(asked))), (Names{"new", "there again"}));
}

TEST_F(DirectoryCacheTest, AListingThatWasForgottenMeanwhileIsNotKept) {
  const DirectoryCache::Changes changes(cache_, "d/e/");
  cache_.forget_below("d/");
  EXPECT_TRUE(changes.forgotten());
  EXPECT_EQ(names(*cache_.put("d/e/", changes, listed(clock_.steady(), {"a"}))), Names{"a"});
  EXPECT_FALSE(cache_.find("d/e/"));
}

TEST_F(DirectoryCacheTest, AListingThatIsOldWhenItEndsIsNotKept) {
  const DirectoryCache::Changes changes(cache_, "d/");
  KnownDirectory slow = listed(clock_.steady(), {"a"});
  clock_.advance(std::chrono::seconds(31));
  EXPECT_TRUE(cache_.put("d/", changes, std::move(slow)));
  EXPECT_FALSE(cache_.find("d/"));
}

TEST_F(DirectoryCacheTest, DropsTheLeastRecentlyUsedPastItsBound) {
  for (const char* key : {"a/", "b/", "c/"}) put(key, {"1", "2", "3", "4", "5"});
  cache_.find("a/");
  for (const char* key : {"d/", "e/"}) {
    put(key, {"1", "2", "3", "4", "5"});
    cache_.find("a/");
  }
  EXPECT_TRUE(cache_.find("a/"));
  EXPECT_FALSE(cache_.find("b/"));
  EXPECT_LE(cache_.usage().bytes, 2'000u);
}

TEST_F(DirectoryCacheTest, RemembersTheLastAbsentNameForASecond) {
  cache_.put_absent("d/", "x", clock_.steady(), cache_.changes_made());
  EXPECT_EQ(cache_.absent("d/", "x"), clock_.steady());
  EXPECT_EQ(cache_.absent("d/", "y"), std::nullopt);
  EXPECT_EQ(cache_.absent("e/", "x"), std::nullopt);
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(cache_.absent("d/", "x"), std::nullopt);
}

TEST_F(DirectoryCacheTest, ForgetsTheAbsentNameWithAnyChangeAlsoOneWhileItWasAskedFor) {
  const std::vector<std::function<void()>> changes{
      [&] { cache_.set_entry("e/", "a", {}); }, [&] { cache_.erase_entry("e/", "a"); },
      [&] { cache_.forget("e/"); }, [&] { cache_.forget_below(""); }};
  for (const auto& change : changes) {
    cache_.put_absent("d/", "x", clock_.steady(), cache_.changes_made());
    change();
    EXPECT_EQ(cache_.absent("d/", "x"), std::nullopt);
    const std::uint64_t before = cache_.changes_made();
    change();
    cache_.put_absent("d/", "x", clock_.steady(), before);
    EXPECT_EQ(cache_.absent("d/", "x"), std::nullopt);
  }
}

}  // namespace
}  // namespace stsfs::cache
