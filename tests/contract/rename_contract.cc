#include "contract/contract_test.h"

namespace stsfs::contract {
namespace {

using Names = std::vector<std::string>;

TEST_P(ObjectStoreContract, AFlatBucketHasNoRename) {
  ASSERT_WELL(put("a", "x"));
  expect_failure(rename("a", "b"), Errc::kNotSupported);
  EXPECT_WELL(head("a"));
}

TEST_P(HierarchicalContract, AFileIsRenamedWithAllThatItIs) {
  oss::PutOptions options;
  options.headers.user = {{"mode", "33188"}};
  const auto written = put("a +%\xE4\xBD\xA0", "content", options);
  ASSERT_WELL(written);
  ASSERT_WELL(rename("a +%\xE4\xBD\xA0", "b #\xE4\xBD\xA0"));
  expect_failure(head("a +%\xE4\xBD\xA0"), Errc::kNotFound);
  const auto meta = head("b #\xE4\xBD\xA0");
  ASSERT_WELL(meta);
  EXPECT_EQ(meta->headers.user, options.headers.user);
  EXPECT_EQ(meta->etag, written->etag);
  EXPECT_EQ(*get("b #\xE4\xBD\xA0"), "content");
}

TEST_P(HierarchicalContract, ADirectoryGoesWithAllThatIsBelow) {
  ASSERT_WELL(put("d/", ""));
  ASSERT_WELL(put("d/e/f", "deep"));
  ASSERT_WELL(put("dx", "beside it"));
  ASSERT_WELL(put("target/", ""));
  ASSERT_WELL(rename("d/", "target/n/"));
  EXPECT_EQ(names(), (Names{"", "dx", "target/", "target/n/", "target/n/e/", "target/n/e/f"}));
  EXPECT_EQ(*get("target/n/e/f"), "deep");
}

// The server finds it there, too.
TEST_P(HierarchicalContract, ADirectoryIsNoObjectWithoutItsSlash) {
  ASSERT_WELL(put("d/", ""));
  ASSERT_WELL(put("implied/f", ""));
  for (const std::string directory : {"d", "implied"}) {
    EXPECT_WELL(head(directory + "/"));
    expect_failure(head(directory), Errc::kNotFound);
  }
  EXPECT_WELL(head("implied/f"));
}

TEST_P(HierarchicalContract, NothingIsReplaced) {
  ASSERT_WELL(put("a", "a"));
  ASSERT_WELL(put("b", "b"));
  ASSERT_WELL(put("d/", ""));
  ASSERT_WELL(put("e/", ""));
  expect_failure(rename("a", "b"), Errc::kExists);
  expect_failure(rename("d/", "e/"), Errc::kExists);
  EXPECT_EQ(names(), (Names{"", "a", "b", "d/", "e/"}));
  EXPECT_EQ(*get("b"), "b");
}

TEST_P(HierarchicalContract, BothTheOldNameAndTheDirectoryOfTheNewOneMustBeThere) {
  ASSERT_WELL(put("a", "a"));
  expect_failure(rename("none", "b"), Errc::kNotFound);
  expect_failure(rename("none/", "b/"), Errc::kNotFound);
  expect_failure(rename("a", "none/b"), Errc::kNotFound);
  EXPECT_WELL(head("a"));
}

TEST_P(HierarchicalContract, ADirectoryDoesNotGoBelowItself) {
  ASSERT_WELL(put("d/", ""));
  expect_failure(rename("d/", "d/e/"), Errc::kInvalid);
  EXPECT_EQ(names(), (Names{"", "d/"}));
}

TEST_P(HierarchicalContract, OnlyAnEmptyDirectoryIsDeleted) {
  ASSERT_WELL(put("d/f", "x"));
  expect_failure(erase("d/"), Errc::kNotEmpty);
  ASSERT_WELL(erase("d/f"));
  EXPECT_WELL(erase("d/"));
  EXPECT_EQ(names(), Names{""});
}

}  // namespace
}  // namespace stsfs::contract
