#include "stsfs/base/text.h"

#include <gtest/gtest.h>

namespace stsfs {
namespace {

TEST(PercentEncode, KeepsTheUnreservedAndWritesTheRestInUpperCaseHex) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("a b+c*d/e"), "a%20b%2Bc%2Ad%2Fe");
  EXPECT_EQ(percent_encode_path("数/x"), "%E6%95%B0/x");
}

TEST(PercentDecode, UndoesBothAndRefusesBrokenEscapes) {
  EXPECT_EQ(percent_decode("a%20b%2Bc+"), "a b+c+");
  EXPECT_EQ(percent_decode("%E6%95%b0"), "数");
  EXPECT_FALSE(percent_decode("%"));
  EXPECT_FALSE(percent_decode("%4"));
  EXPECT_FALSE(percent_decode("%4g"));
}

TEST(Base64, GoesThereAndBackForEveryLengthOfTail) {
  for (const std::string text : {"", "f", "fo", "foo", "foob"}) {
    const auto back = base64_decode(base64_encode(as_bytes(text)));
    ASSERT_TRUE(back);
    EXPECT_EQ(as_text(*back), text);
  }
  EXPECT_EQ(base64_encode(as_bytes("fo")), "Zm8=");
  EXPECT_FALSE(base64_decode("Zm8"));
  EXPECT_FALSE(base64_decode("Zm 8"));
}

TEST(Hex, GoesThereAndBack) {
  EXPECT_EQ(hex_lower(as_bytes("\x01\xAB")), "01ab");
  EXPECT_EQ(hex_upper(as_bytes("\x01\xAB")), "01AB");
  ASSERT_TRUE(hex_decode("01aB"));
  EXPECT_EQ(as_text(*hex_decode("01aB")), "\x01\xAB");
  EXPECT_FALSE(hex_decode("0"));
  EXPECT_FALSE(hex_decode("0g"));
}

TEST(ParseU64, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_u64("18446744073709551615"), 18446744073709551615ULL);
  EXPECT_FALSE(parse_u64("18446744073709551616"));
  EXPECT_FALSE(parse_u64(""));
  EXPECT_FALSE(parse_u64("+1"));
  EXPECT_FALSE(parse_u64("1 "));
  EXPECT_EQ(parse_u64("755", 8), 0755U);
}

TEST(Printable, ShowsWhatCouldBreakALogLineAsHex) {
  EXPECT_EQ(printable("a\nb\x7F"), "a\\x0Ab\\x7F");
  EXPECT_EQ(printable("数据"), "数据");
  EXPECT_EQ(printable("\xC0\xAF\xED\xA0\x80"), "\\xC0\\xAF\\xED\\xA0\\x80");
  EXPECT_EQ(printable("abcdef", 3), "abc…");
}

TEST(CountOf, SaysOneOrMany) {
  EXPECT_EQ(count_of(0, "file"), "0 files");
  EXPECT_EQ(count_of(1, "file"), "1 file");
  EXPECT_EQ(count_of(12, "change"), "12 changes");
}

TEST(ParseSize, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_size("1000"), 1000U);
  EXPECT_EQ(parse_size("64K"), 65536U);
  EXPECT_EQ(parse_size("1.5 GiB"), 1610612736U);
  EXPECT_EQ(parse_size("2mb"), 2097152U);
  EXPECT_FALSE(parse_size(""));
  EXPECT_FALSE(parse_size("1.5"));
  EXPECT_FALSE(parse_size("-1K"));
  EXPECT_FALSE(parse_size("1Q"));
  EXPECT_FALSE(parse_size("99999999E"));
}

}  // namespace
}  // namespace stsfs
