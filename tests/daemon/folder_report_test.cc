#include "folder_report.h"

#include <gtest/gtest.h>

namespace stsfs::daemon {
namespace {

TEST(FolderReport, NamesKeysThatAreNoPathAndHowTheyAreShown) {
  FolderReport report("p/");
  for (const char* key : {"p/", "p/..", "p/.stsfs-links/x", "p/a", "p/a!", "p/a/b", "p/ab",
                          "p/d//x", "p/plain/", "p/plain/file"})
    report.take(key);
  const std::vector<std::pair<std::string, std::string>> expected{
      {"..", "stsfs%file:%2E%2E"}, {"a", "stsfs%file:a"}, {"d//x", "d/stsfs%dir:/x"}};
  EXPECT_EQ(report.odd(), expected);
  EXPECT_EQ(report.odd_count(), 3U);
  EXPECT_EQ(report.keys(), 10U);
}

TEST(FolderReport, KeepsSomeOfThemAndCountsTheRest) {
  FolderReport report("");
  for (int i = 0; i < 100; ++i) report.take("a//" + std::to_string(100 + i));
  EXPECT_EQ(report.odd().size(), FolderReport::kShownMax);
  EXPECT_EQ(report.odd_count(), 100U);
}

// The two have the same first bytes and the same CRC-64.
TEST(FolderReport, CountsKeysThatNoNameIsLeftFor) {
  const std::string start(240, 'x');
  FolderReport report("p/");
  report.take("p/d/" + start + std::string(70, 'a'));
  report.take("p/d/" + start +
              "ccaaaaaccacacccccacaaaaacacaaccacaaccaaacacaaccaaaacaacaacccaaacaaaaaa");
  ASSERT_EQ(report.odd().size(), 2U);
  EXPECT_NE(report.odd()[0].second, "");
  EXPECT_EQ(report.odd()[1].second, "");
  EXPECT_EQ(report.not_shown(), 1U);
  FolderReport small("p/", 1'000);
  for (const char c : {'a', 'b', 'c', 'd'}) small.take("p/" + std::string(300, c));
  EXPECT_EQ(small.odd_count(), 4U);
  EXPECT_EQ(small.not_shown(), 2U);
}

TEST(FolderReport, SeesWhatKillsAndConflictsLeft) {
  FolderReport report("p/");
  for (const char* key : {"p/.stsfs-exchange-0011", "p/.stsfs-links/aa", "p/.stsfs-links/aa.1",
                          "p/.stsfs-links/bb", "p/.stsfs-links/cc.1", "p/f.conflict-20261127"})
    report.take(key);
  EXPECT_EQ(report.exchanges(), 1U);
  EXPECT_EQ(report.conflicts(), 1U);
  EXPECT_EQ(report.nameless(), std::vector<std::string>{"p/.stsfs-links/bb"});
}

TEST(FolderReport, SeesDirectoriesThatHaveBytesOfTheirOwn) {
  FolderReport report("p/");
  report.take("p/", 3);  // shown nowhere, and never removed
  report.take("p/d/", 0);
  report.take("p/d/f", 7);
  report.take("p/report/", 5);
  EXPECT_EQ(report.with_bytes(), (std::vector<std::string>{"p/report/"}));
  for (int i = 0; i < 100; ++i) report.take("p/x" + std::to_string(100 + i) + "/", 1);
  EXPECT_EQ(report.with_bytes().size(), FolderReport::kShownMax);
  EXPECT_EQ(report.with_bytes_count(), 101U);
}

// The clock of OSS is what requests are dated by.
TEST(ClockReport, AClockThatIsWrongFailsNothing) {
  using namespace std::chrono_literals;
  const WallTime oss{1'800'000'000s};
  EXPECT_TRUE(report_on_clock(oss + 30s, oss).is_well);
  EXPECT_EQ(report_on_clock(oss - 3s, oss).text, "3 s from that of OSS");
  for (const auto off : {31s, -31s, 3600s, -3600s}) {
    const ClockReport report = report_on_clock(oss + off, oss);
    EXPECT_FALSE(report.is_well);
    EXPECT_NE(report.text.find("mounts work"), std::string::npos) << report.text;
    EXPECT_EQ(report.text.find("refused"), std::string::npos) << report.text;
  }
}

}  // namespace
}  // namespace stsfs::daemon
