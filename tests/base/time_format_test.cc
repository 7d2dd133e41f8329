#include "stsfs/base/time_format.h"

#include <gtest/gtest.h>

namespace stsfs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const WallTime kTime = WallTime(seconds(1700000123)) + milliseconds(45);

TEST(TimeFormat, WritesTheFourSpellings) {
  EXPECT_EQ(format_http_date(kTime), "Tue, 14 Nov 2023 22:15:23 GMT");
  EXPECT_EQ(format_iso8601(kTime), "2023-11-14T22:15:23Z");
  EXPECT_EQ(format_iso8601_millis(kTime), "2023-11-14T22:15:23.045Z");
  EXPECT_EQ(format_compact(kTime), "20231114T221523Z");
  EXPECT_EQ(format_day(kTime), "20231114");
}

TEST(TimeFormat, ReadsThemBack) {
  const WallTime whole(seconds(1700000123));
  EXPECT_EQ(parse_http_date("Tue, 14 Nov 2023 22:15:23 GMT"), whole);
  EXPECT_EQ(parse_iso8601("2023-11-14T22:15:23Z"), whole);
  EXPECT_EQ(parse_iso8601("2023-11-14T22:15:23.045Z"), kTime);
  EXPECT_EQ(parse_compact("20231114T221523Z"), whole);
}

TEST(TimeFormat, RefusesOtherShapesAndImpossibleDates) {
  EXPECT_FALSE(parse_http_date("Tue, 14 Nov 2023 22:15:23"));
  EXPECT_FALSE(parse_http_date("Tue, 31 Feb 2023 22:15:23 GMT"));
  EXPECT_FALSE(parse_iso8601("2023-11-14 22:15:23Z"));
  EXPECT_FALSE(parse_iso8601("2023-13-14T22:15:23Z"));
  EXPECT_FALSE(parse_iso8601("2023-11-14T22:15:23.Z"));
  EXPECT_FALSE(parse_compact("20231114T22152Z"));
  EXPECT_FALSE(parse_compact("20231114T221523Zx"));
}

TEST(TimeFormat, HoldsBeforeTheEpoch) {
  EXPECT_EQ(format_iso8601(WallTime(seconds(-1))), "1969-12-31T23:59:59Z");
  EXPECT_EQ(parse_iso8601("1969-12-31T23:59:59Z"), WallTime(seconds(-1)));
}

}  // namespace
}  // namespace stsfs
