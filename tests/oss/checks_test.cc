#include "stsfs/oss/checks.h"

#include <gtest/gtest.h>

#include "stsfs/oss/object_store.h"

namespace stsfs::oss {
namespace {

Errc code_of(const Result<void>& result) { return result ? Errc::kIo : result.error().code; }

TEST(Checks, KeysHaveOneTo1023Bytes) {
  EXPECT_TRUE(check_key("a"));
  EXPECT_TRUE(check_key(std::string(1023, 'k')));
  EXPECT_EQ(code_of(check_key("")), Errc::kInvalid);
  EXPECT_EQ(code_of(check_key(std::string(1024, 'k'))), Errc::kNameTooLong);
}

TEST(Checks, KeysDoNotBeginWithASlash) {
  EXPECT_EQ(code_of(check_key("/a")), Errc::kInvalid);
  EXPECT_EQ(code_of(check_key("\\a")), Errc::kInvalid);
}

TEST(Checks, UserMetadataStaysBelow8KibWithItsNames) {
  ObjectHeaders headers;
  headers.user["a"] = std::string(8191 - 12, 'v');
  EXPECT_TRUE(check_headers(headers));
  headers.user["a"] += 'v';
  EXPECT_EQ(code_of(check_headers(headers)), Errc::kMetadataFull);
}

TEST(Checks, NothingCanBreakOutOfAHeader) {
  for (const char* value : {"a\r\nx-oss-object-acl: public-read", "a\n", "\x01", "\x7F"}) {
    ObjectHeaders headers;
    headers.user["a"] = value;
    EXPECT_EQ(code_of(check_headers(headers)), Errc::kInvalid);
    PutOptions options;
    options.tagging = value;
    EXPECT_EQ(code_of(check_options(options)), Errc::kInvalid);
  }
  for (const char* name : {"", "a b", "a:b", "a\n", "a_b"}) {
    ObjectHeaders headers;
    headers.user[name] = "v";
    EXPECT_EQ(code_of(check_headers(headers)), Errc::kInvalid) << name;
  }
}

TEST(Checks, PartNumbersAreOneToTenThousand) {
  EXPECT_FALSE(check_part_number(0));
  EXPECT_TRUE(check_part_number(1));
  EXPECT_TRUE(check_part_number(10'000));
  EXPECT_FALSE(check_part_number(10'001));
}

}  // namespace
}  // namespace stsfs::oss
