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

TEST_P(ObjectStoreContract, EncryptionComesBackAndNoCopyInheritsIt) {
  oss::PutOptions options;
  options.headers.encryption = {.method = "KMS", .key_id = "a-key", .data_method = "SM4"};
  ASSERT_WELL(put("encrypted", "x", options));
  ASSERT_WELL(put("plain", "x"));
  EXPECT_EQ(head("encrypted")->headers.encryption, options.headers.encryption);
  EXPECT_EQ(head("plain")->headers.encryption, oss::Encryption());
  ASSERT_WELL(copy("encrypted", "copy"));
  EXPECT_EQ(head("copy")->headers.encryption, oss::Encryption());
  for (const bool replace : {false, true}) {
    ASSERT_WELL(copy("encrypted", "copy", {.replace_metadata = replace, .put = options}));
    EXPECT_EQ(head("copy")->headers.encryption, options.headers.encryption);
  }
  ASSERT_WELL(copy("copy", "copy", {.replace_metadata = true}));  // onto itself
  EXPECT_EQ(head("copy")->headers.encryption, oss::Encryption());
}

TEST_P(ObjectStoreContract, AnUploadInPartsHasTheEncryptionAndTheTagsThatItBeganWith) {
  oss::PutOptions options;
  options.headers.encryption.method = "AES256";
  options.tagging = "a=1";
  const auto id = initiate("encrypted", options);
  ASSERT_WELL(id);
  const auto part = upload_part("encrypted", *id, 1, "x");
  ASSERT_WELL(part);
  ASSERT_WELL(complete("encrypted", *id, {*part}, options));
  EXPECT_EQ(head("encrypted")->headers.encryption, options.headers.encryption);
  EXPECT_EQ(get_tagging("encrypted"), "a=1");
}

TEST_P(ObjectStoreContract, ADirectorysObjectKeepsItsBytesInACopyOntoItself) {
  oss::PutOptions options;
  options.tagging = "a=1";
  const auto written = put("report/", "bytes", options);
  ASSERT_WELL(written);
  oss::CopyOptions onto_itself{.source_etag = written->etag, .replace_metadata = true};
  onto_itself.put.headers.content_type = "text/plain";
  onto_itself.put.headers.user = {{"mode", "16832"}};
  ASSERT_WELL(copy("report/", "report/", onto_itself));
  const auto meta = head("report/");
  ASSERT_WELL(meta);
  EXPECT_EQ(meta->headers.content_type, "text/plain");
  EXPECT_EQ(meta->headers.user, onto_itself.put.headers.user);
  EXPECT_EQ(meta->size_bytes, 5u);
  EXPECT_EQ(*get("report/"), "bytes");
  EXPECT_EQ(get_tagging("report/"), "a=1");
}

TEST_P(ObjectStoreContract, ACopyHasTheTagsOfItsSourceOrThoseThatItIsGiven) {
  oss::PutOptions options;
  options.tagging = "a=1";
  ASSERT_WELL(put("tagged", "x", options));
  ASSERT_WELL(copy("tagged", "copy"));
  EXPECT_EQ(get_tagging("copy"), "a=1");
  options.tagging = "b=2&c=3";
  ASSERT_WELL(copy("tagged", "copy", {.put = options}));
  EXPECT_EQ(get_tagging("copy"), "b=2&c=3");
  EXPECT_EQ(head("copy")->tagging_count, 2u);
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
