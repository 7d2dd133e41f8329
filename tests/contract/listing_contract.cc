#include <gmock/gmock.h>

#include "contract/contract_test.h"

namespace stsfs::contract {

std::vector<std::string> ObjectStoreContract::names(int keys_max) {
  std::vector<std::string> out;
  oss::ListRequest request;
  request.keys_max = keys_max;
  do {
    const auto page = list(request);
    EXPECT_TRUE(page) << page.error().message;
    if (!page) return out;
    EXPECT_LE(page->objects.size() + page->common_prefixes.size(),
              static_cast<std::size_t>(keys_max));
    for (const oss::ListEntry& entry : page->objects)
      out.push_back(entry.key.substr(key("").size()));
    request.continuation_token = page->next_token;
  } while (!request.continuation_token.empty());
  return out;
}

namespace {

using ::testing::ElementsAre;

std::vector<std::string> keys_of(const oss::ListPage& page) {
  std::vector<std::string> out;
  for (const oss::ListEntry& entry : page.objects) out.push_back(entry.key);
  return out;
}

TEST_P(ObjectStoreContract, AnEmptyFolderListsNothing) {
  const auto page = list({});
  ASSERT_WELL(page);
  EXPECT_TRUE(page->objects.empty());
  EXPECT_TRUE(page->common_prefixes.empty());
  EXPECT_TRUE(page->next_token.empty());
}

TEST_P(ObjectStoreContract, AListingAgreesWithHead) {
  ASSERT_WELL(put("a", "content"));
  const auto page = list({});
  const auto meta = head("a");
  ASSERT_WELL(page);
  ASSERT_WELL(meta);
  ASSERT_EQ(page->objects.size(), 1u);
  const oss::ListEntry& entry = page->objects.front();
  EXPECT_EQ(entry.size_bytes, meta->size_bytes);
  EXPECT_EQ(entry.etag, meta->etag);
  EXPECT_EQ(entry.last_modified, meta->last_modified);
  EXPECT_EQ(entry.type, oss::ObjectType::kNormal);
}

TEST_P(ObjectStoreContract, AListingIsInTheOrderOfBytes) {
  for (const char* name :
       {"b", "a", "B", "a-b", "a/b", "a.b", "\xC3\xA4", "\xF0\x9F\x98\x80", "\xEF\xBC\xA1"})
    ASSERT_WELL(put(name, "x"));
  EXPECT_THAT(names(), ElementsAre("B", "a", "a-b", "a.b", "a/b", "b", "\xC3\xA4", "\xEF\xBC\xA1",
                                   "\xF0\x9F\x98\x80"));
}

TEST_P(ObjectStoreContract, ADelimiterFoldsWhatLiesBelow) {
  for (const char* name : {"a", "d/1", "d/2", "d/e/3", "d.txt", "z/"}) ASSERT_WELL(put(name, "x"));
  const auto page =
      list({.prefix = {}, .delimiter = "/", .start_after = {}, .continuation_token = {}});
  ASSERT_WELL(page);
  EXPECT_THAT(keys_of(*page), ElementsAre(key("a"), key("d.txt")));
  EXPECT_THAT(page->common_prefixes, ElementsAre(key("d/"), key("z/")));
  const auto below =
      list({.prefix = "d/", .delimiter = "/", .start_after = {}, .continuation_token = {}});
  ASSERT_WELL(below);
  EXPECT_THAT(keys_of(*below), ElementsAre(key("d/1"), key("d/2")));
  EXPECT_THAT(below->common_prefixes, ElementsAre(key("d/e/")));
}

TEST_P(ObjectStoreContract, TheMarkerOfADirectoryIsListedInIt) {
  ASSERT_WELL(put("d/", ""));
  ASSERT_WELL(put("d/1", "x"));
  const auto page =
      list({.prefix = "d/", .delimiter = "/", .start_after = {}, .continuation_token = {}});
  ASSERT_WELL(page);
  EXPECT_THAT(keys_of(*page), ElementsAre(key("d/"), key("d/1")));
}

TEST_P(ObjectStoreContract, PagesGoOnWithoutGapOrRepetition) {
  std::vector<std::string> expected;
  for (int i = 0; i < 23; ++i) {
    expected.push_back("k " + std::to_string(100 + i) + "+%");
    ASSERT_WELL(put(expected.back(), "x"));
  }
  for (const int keys_max : {1, 2, 7, 22, 23, 24}) EXPECT_EQ(names(keys_max), expected) << keys_max;
}

TEST_P(ObjectStoreContract, PagesGoOnBehindAFoldedPrefix) {
  for (int d = 0; d < 5; ++d)
    for (int i = 0; i < 4; ++i)
      ASSERT_WELL(put("d" + std::to_string(d) + "/" + std::to_string(i), "x"));
  ASSERT_WELL(put("d2.txt", "x"));
  std::vector<std::string> seen;
  oss::ListRequest request{
      .prefix = {}, .delimiter = "/", .start_after = {}, .continuation_token = {}, .keys_max = 2};
  do {
    const auto page = list(request);
    ASSERT_WELL(page);
    for (const std::string& key : keys_of(*page)) seen.push_back(key);
    for (const std::string& prefix : page->common_prefixes) seen.push_back(prefix);
    request.continuation_token = page->next_token;
    ASSERT_LE(seen.size(), 6u);
  } while (!request.continuation_token.empty());
  std::sort(seen.begin(), seen.end());
  EXPECT_THAT(
      seen, ElementsAre(key("d0/"), key("d1/"), key("d2.txt"), key("d2/"), key("d3/"), key("d4/")));
}

TEST_P(ObjectStoreContract, AListingMayStartLater) {
  for (const char* name : {"a", "b", "c"}) ASSERT_WELL(put(name, "x"));
  const auto page =
      list({.prefix = {}, .delimiter = {}, .start_after = key("a"), .continuation_token = {}});
  ASSERT_WELL(page);
  EXPECT_THAT(keys_of(*page), ElementsAre(key("b"), key("c")));
}

TEST_P(ObjectStoreContract, APageHasOneToAThousandKeys) {
  oss::ListRequest request;
  request.keys_max = 0;
  expect_failure(list(request), Errc::kInvalid);
  request.keys_max = 1001;
  expect_failure(list(request), Errc::kInvalid);
}

}  // namespace
}  // namespace stsfs::contract
