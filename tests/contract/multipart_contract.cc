#include <gmock/gmock.h>

#include "contract/contract_test.h"
#include "stsfs/base/crc64.h"
#include "stsfs/base/text.h"

namespace stsfs::contract {
namespace {

using oss::kPartSizeMin;
using oss::Part;

TEST_P(ObjectStoreContract, PartsBecomeOneObject) {
  oss::PutOptions options;
  options.headers.content_type = "text/plain";
  options.headers.user = {{"mode", "33188"}};
  const std::string first(kPartSizeMin, '1');
  const std::string second(kPartSizeMin + 7, '2');
  const std::string third = "end";
  const auto id = initiate("a", options);
  ASSERT_WELL(id);
  // In any order, and not necessarily one after the other.
  const auto part3 = upload_part("a", *id, 30, third);
  const auto part1 = upload_part("a", *id, 1, first);
  const auto part2 = upload_part("a", *id, 2, second);
  for (const auto* part : {&part1, &part2, &part3}) ASSERT_WELL(*part);
  EXPECT_EQ(part1->crc64, crc64(0, as_bytes(first)));
  expect_failure(head("a"), Errc::kNotFound);  // nothing shows before it is complete
  const auto written = complete("a", *id, {*part1, *part2, *part3});
  ASSERT_WELL(written);
  const auto meta = head("a");
  ASSERT_WELL(meta);
  EXPECT_EQ(meta->etag, written->etag);
  EXPECT_EQ(meta->type, oss::ObjectType::kMultipart);
  if (meta->crc64) {
    EXPECT_EQ(meta->crc64, crc64(0, as_bytes(first + second + third)));
  }
  EXPECT_EQ(meta->headers.user, options.headers.user);
  EXPECT_EQ(meta->headers.content_type, "text/plain");
  EXPECT_EQ(*get("a"), first + second + third);
}

TEST_P(ObjectStoreContract, APartSentAgainReplacesItself) {
  const auto id = initiate("a");
  ASSERT_WELL(id);
  ASSERT_WELL(upload_part("a", *id, 1, "wrong"));
  const auto part = upload_part("a", *id, 1, "right");
  ASSERT_WELL(part);
  ASSERT_WELL(complete("a", *id, {*part}));
  EXPECT_EQ(*get("a"), "right");
}

TEST_P(ObjectStoreContract, PartsAreListed) {
  const auto id = initiate("a");
  ASSERT_WELL(id);
  const auto part1 = upload_part("a", *id, 1, "one");
  const auto part5 = upload_part("a", *id, 5, "five!");
  ASSERT_WELL(part1);
  ASSERT_WELL(part5);
  const auto parts = list_parts("a", *id);
  ASSERT_WELL(parts);
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ(parts->at(0).number, 1);
  EXPECT_EQ(parts->at(0).etag, part1->etag);
  EXPECT_EQ(parts->at(1).number, 5);
  EXPECT_EQ(parts->at(1).size_bytes, 5u);
}

TEST_P(ObjectStoreContract, AnUploadThatIsNotThereIsNotFound) {
  const std::string id = "0004B9894A22E5B1888A1E29F823****";
  expect_failure(upload_part("a", id, 1, "x"), Errc::kNotFound);
  expect_failure(list_parts("a", id), Errc::kNotFound);
  expect_failure(complete("a", id, {Part{1, "\"E\"", 1, {}}}), Errc::kNotFound);
}

TEST_P(ObjectStoreContract, AnAbortedUploadIsGone) {
  const auto id = initiate("a");
  ASSERT_WELL(id);
  ASSERT_WELL(upload_part("a", *id, 1, "x"));
  EXPECT_WELL(abort("a", *id));
  EXPECT_WELL(abort("a", *id));
  expect_failure(list_parts("a", *id), Errc::kNotFound);
  expect_failure(head("a"), Errc::kNotFound);
}

TEST_P(ObjectStoreContract, ACompleteUploadIsGone) {
  const auto id = initiate("a");
  ASSERT_WELL(id);
  const auto part = upload_part("a", *id, 1, "x");
  ASSERT_WELL(part);
  ASSERT_WELL(complete("a", *id, {*part}));
  ASSERT_WELL(erase("a"));  // or a retry after a lost answer would take it for its own
  expect_failure(complete("a", *id, {*part}), Errc::kNotFound);
  expect_failure(upload_part("a", *id, 2, "y"), Errc::kNotFound);
}

TEST_P(ObjectStoreContract, OnlyTheLastPartMayBeSmall) {
  const auto id = initiate("a");
  ASSERT_WELL(id);
  const auto part1 = upload_part("a", *id, 1, "small");
  const auto part2 = upload_part("a", *id, 2, "last");
  ASSERT_WELL(part1);
  ASSERT_WELL(part2);
  expect_failure(complete("a", *id, {*part1, *part2}), Errc::kIo);
  expect_failure(head("a"), Errc::kNotFound);
}

TEST_P(ObjectStoreContract, PartsMustBeThoseThatWereSent) {
  const auto id = initiate("a");
  ASSERT_WELL(id);
  auto part = upload_part("a", *id, 1, "x");
  ASSERT_WELL(part);
  Part wrong = *part;
  wrong.etag = "\"00000000000000000000000000000000\"";
  expect_failure(complete("a", *id, {wrong}), Errc::kIo);
  wrong = *part;
  wrong.number = 2;
  expect_failure(complete("a", *id, {wrong}), Errc::kIo);
  EXPECT_WELL(complete("a", *id, {*part}));
}

TEST_P(ObjectStoreContract, AnUploadMayRefuseToOverwrite) {
  oss::PutOptions only_new;
  only_new.forbid_overwrite = true;
  const auto id = initiate("a", only_new);
  ASSERT_WELL(id);
  const auto part = upload_part("a", *id, 1, "ours");
  ASSERT_WELL(part);
  ASSERT_WELL(put("a", "theirs"));
  expect_failure(complete("a", *id, {*part}, only_new), Errc::kExists);
  EXPECT_EQ(*get("a"), "theirs");
}

TEST_P(ObjectStoreContract, PartsMayBeCopied) {
  std::string base(3 * kPartSizeMin, 'a');
  for (std::size_t i = 0; i < base.size(); ++i) base[i] = static_cast<char>('a' + i % 26);
  const auto source = put("a base+", base);
  ASSERT_WELL(source);
  const auto id = initiate("b");
  ASSERT_WELL(id);
  const auto part1 = copy_part("b", *id, 1, "a base+", source->etag, {5, kPartSizeMin});
  const auto part2 = upload_part("b", *id, 2, "new end");
  ASSERT_WELL(part1);
  ASSERT_WELL(part2);
  EXPECT_EQ(part1->size_bytes, kPartSizeMin);
  ASSERT_WELL(complete("b", *id, {*part1, *part2}));
  EXPECT_EQ(*get("b"), base.substr(5, kPartSizeMin) + "new end");
}

TEST_P(ObjectStoreContract, ACopiedPartIsOfTheVersionThatWasNamed) {
  const auto source = put("a", std::string(kPartSizeMin, '1'));
  ASSERT_WELL(source);
  ASSERT_WELL(put("a", std::string(kPartSizeMin, '2')));
  const auto id = initiate("b");
  ASSERT_WELL(id);
  expect_failure(copy_part("b", *id, 1, "a", source->etag, {0, kPartSizeMin}), Errc::kChanged);
  expect_failure(copy_part("b", *id, 1, "none", "", {0, kPartSizeMin}), Errc::kNotFound);
}

TEST_P(ObjectStoreContract, PartNumbersHaveABound) {
  const auto id = initiate("a");
  ASSERT_WELL(id);
  expect_failure(upload_part("a", *id, 0, "x"), Errc::kInvalid);
  expect_failure(upload_part("a", *id, 10'001, "x"), Errc::kInvalid);
  EXPECT_WELL(upload_part("a", *id, 10'000, "x"));
}

}  // namespace
}  // namespace stsfs::contract
