#include "contract/contract_test.h"

namespace stsfs::contract {
namespace {

using oss::ObjectType;

TEST_P(ObjectStoreContract, ALinkSaysWhereItLeads) {
  oss::PutOptions options;
  options.headers.user = {{"mode", "41471"}};
  ASSERT_WELL(put_symlink("link", "dir/target +%\xE4\xBD\xA0", options));
  const auto link = get_symlink("link");
  ASSERT_WELL(link);
  EXPECT_EQ(link->target, key("dir/target +%\xE4\xBD\xA0"));
  EXPECT_EQ(link->user, options.headers.user);
}

TEST_P(ObjectStoreContract, ReadingALinkReadsItsTarget) {
  const auto target = put("target", "content");
  ASSERT_WELL(target);
  ASSERT_WELL(put_symlink("link", "target"));
  EXPECT_EQ(*get("link"), "content");
  const auto meta = head("link");
  ASSERT_WELL(meta);
  EXPECT_EQ(meta->type, ObjectType::kSymlink);
  EXPECT_EQ(meta->size_bytes, 7u);
  EXPECT_EQ(meta->etag, target->etag);
}

TEST_P(ObjectStoreContract, BriefDescribesTheLinkItself) {
  ASSERT_WELL(put("target", "content"));
  const auto link = put_symlink("link", "target");
  ASSERT_WELL(link);
  const auto seen = brief("link");
  ASSERT_WELL(seen);
  EXPECT_EQ(seen->etag, link->etag);
}

TEST_P(ObjectStoreContract, ALinkMayLeadNowhere) {
  ASSERT_WELL(put_symlink("link", "none"));
  expect_failure(head("link"), Errc::kNotFound);
  expect_failure(get("link"), Errc::kNotFound);
  EXPECT_WELL(get_symlink("link"));
  EXPECT_WELL(brief("link"));
}

TEST_P(ObjectStoreContract, ALinkToALinkIsALoop) {
  ASSERT_WELL(put("target", "content"));
  ASSERT_WELL(put_symlink("one", "target"));
  ASSERT_WELL(put_symlink("two", "one"));
  expect_failure(head("two"), Errc::kLoop);
  expect_failure(get("two"), Errc::kLoop);
}

TEST_P(ObjectStoreContract, AFileIsNoLink) {
  ASSERT_WELL(put("file", "x"));
  expect_failure(get_symlink("file"), Errc::kInvalid);
}

TEST_P(ObjectStoreContract, AListingTellsLinks) {
  ASSERT_WELL(put_symlink("link", "none"));
  const auto page = list({});
  ASSERT_WELL(page);
  ASSERT_EQ(page->objects.size(), 1u);
  EXPECT_EQ(page->objects.front().type, ObjectType::kSymlink);
}

TEST_P(ObjectStoreContract, ALinkMayRefuseToOverwrite) {
  ASSERT_WELL(put("a", "x"));
  oss::PutOptions only_new;
  only_new.forbid_overwrite = true;
  expect_failure(put_symlink("a", "b", only_new), Errc::kExists);
  EXPECT_WELL(put_symlink("a", "b"));
}

TEST_P(ObjectStoreContract, ACopyOfALinkIsALink) {
  ASSERT_WELL(put("target", "content"));
  ASSERT_WELL(put_symlink("link", "target"));
  ASSERT_WELL(copy("link", "other"));
  const auto link = get_symlink("other");
  ASSERT_WELL(link);
  EXPECT_EQ(link->target, key("target"));
}

}  // namespace
}  // namespace stsfs::contract
