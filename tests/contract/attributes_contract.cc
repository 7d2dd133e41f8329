#include "contract/contract_test.h"

namespace stsfs::contract {
namespace {

TEST_P(ObjectStoreContract, TagsComeBackAsTheyWereGiven) {
  oss::PutOptions options;
  options.tagging = "a=1&b%20c=x%26y";
  ASSERT_WELL(put("tagged", "x", options));
  ASSERT_WELL(put("plain", "x"));
  EXPECT_EQ(get_tagging("tagged"), options.tagging);
  EXPECT_EQ(get_tagging("plain"), "");
  expect_failure(get_tagging("none"), Errc::kNotFound);
}

TEST_P(ObjectStoreContract, OnlyWhatIsArchivedIsRestored) {
  oss::PutOptions options;
  options.storage_class = "Archive";
  ASSERT_WELL(put("archived", "x", options));
  ASSERT_WELL(put("plain", "x"));
  expect_failure(get("archived"), Errc::kArchived);
  EXPECT_EQ(head("archived")->restore, "");
  ASSERT_WELL(restore("archived", {.days = 2}));
  EXPECT_EQ(head("archived")->restore, "ongoing-request=\"true\"");
  expect_failure(restore("archived", {.days = 2}), Errc::kBusy);
  expect_failure(restore("plain", {}), Errc::kNotSupported);
  expect_failure(restore("archived", {.days = 0}), Errc::kInvalid);
  expect_failure(restore("archived", {.tier = "Yesterday"}), Errc::kInvalid);
}

}  // namespace
}  // namespace stsfs::contract
