#include "stsfs/cache/directory_cache.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"

namespace stsfs::cache {
namespace {

class DirectoryCacheTest : public ::testing::Test {
 protected:
  static KnownDirectory listed(SteadyTime asked, std::initializer_list<const char*> names) {
    KnownDirectory out;
    out.asked = asked;
    for (const char* name : names) out.entries[name] = {};
    return out;
  }
  void put(const std::string& key, std::initializer_list<const char*> names) {
    DirectoryCache::Listing listing(cache_, key);
    cache_.put(listing, listed(clock_.steady(), names));
  }
  std::vector<std::string> names(const KnownDirectoryPointer& directory) {
    std::vector<std::string> out;
    for (const auto& [name, entry] : directory->entries) out.push_back(name);
    return out;
  }

  fakes::FakeClock clock_;
  DirectoryCache cache_{{.fresh = std::chrono::seconds(30), .entries_max = 10}, clock_};
};

using Names = std::vector<std::string>;

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
  EXPECT_EQ(names(before), (Names{"a", "b"}));
  EXPECT_EQ(names(cache_.find("d/")), (Names{"b", "c"}));
}

TEST_F(DirectoryCacheTest, WhatChangesWhileAListingRunsIsInItsResult) {
  DirectoryCache::Listing listing(cache_, "d/");
  cache_.set_entry("d/", "new", {});
  cache_.erase_entry("d/", "gone");
  cache_.set_entry("elsewhere/", "x", {});
  const auto known = cache_.put(listing, listed(clock_.steady(), {"gone", "old"}));
  EXPECT_EQ(names(known), (Names{"new", "old"}));
  EXPECT_EQ(names(cache_.find("d/")), (Names{"new", "old"}));
}

TEST_F(DirectoryCacheTest, AListingThatWasForgottenMeanwhileIsNotKept) {
  DirectoryCache::Listing listing(cache_, "d/e/");
  cache_.forget_below("d/");
  EXPECT_EQ(names(cache_.put(listing, listed(clock_.steady(), {"a"}))), Names{"a"});
  EXPECT_FALSE(cache_.find("d/e/"));
}

TEST_F(DirectoryCacheTest, DropsTheLeastRecentlyUsedPastItsBound) {
  put("a/", {"1", "2", "3", "4", "5"});
  put("b/", {"1", "2", "3", "4", "5"});
  cache_.find("a/");
  put("c/", {"1"});
  EXPECT_TRUE(cache_.find("a/"));
  EXPECT_FALSE(cache_.find("b/"));
}

class MetaCacheTest : public ::testing::Test {
 protected:
  static oss::ObjectMeta meta(const char* etag, int age_seconds) {
    oss::ObjectMeta out;
    out.etag = etag;
    out.last_modified = WallTime(std::chrono::seconds(1'000));
    out.server_time = out.last_modified + std::chrono::seconds(age_seconds);
    return out;
  }
  MetaCache cache_{2};
};

TEST_F(MetaCacheTest, AnswersForTheSameVersionOnly) {
  cache_.put("k", meta("e", 10));
  EXPECT_TRUE(cache_.find("k", "e", meta("e", 10).last_modified));
  EXPECT_FALSE(cache_.find("k", "other", meta("e", 10).last_modified));
  EXPECT_FALSE(cache_.find("k", "e", {}));
}

TEST_F(MetaCacheTest, DoesNotTrustWhatCouldChangeInTheSameSecond) {
  cache_.put("k", meta("e", 1));
  EXPECT_FALSE(cache_.find("k", "e", meta("e", 1).last_modified));
}

TEST_F(MetaCacheTest, IsBounded) {
  for (const char* key : {"a", "b", "c"}) cache_.put(key, meta("e", 10));
  EXPECT_FALSE(cache_.find("a", "e", meta("e", 10).last_modified));
  EXPECT_TRUE(cache_.find("c", "e", meta("e", 10).last_modified));
}

}  // namespace
}  // namespace stsfs::cache
