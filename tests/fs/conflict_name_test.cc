#include "naming/conflict_name.h"

#include <gtest/gtest.h>

namespace stsfs::fs {
namespace {

TEST(ConflictName, IsTheNameWithAMarkBehindIt) {
  EXPECT_EQ(with_mark("p/d/name", ".mark"), "p/d/name.mark");
  EXPECT_EQ(with_mark("name", ".mark"), "name.mark");
}

TEST(ConflictName, IsNoLongerThanANameMayBe) {
  EXPECT_EQ(with_mark("d/" + std::string(255, 'n'), ".mark"),
            "d/" + std::string(250, 'n') + ".mark");
  EXPECT_EQ(with_mark("d/" + std::string(248, 'n') + "\xe6\x95\xb0", ".mark"),
            "d/" + std::string(248, 'n') + ".mark");
  const std::string escaped = "d/stsfs%bytes:%FF" + std::string(300, 'n');
  EXPECT_EQ(with_mark(escaped, ".mark"), escaped + ".mark");
}

TEST(ConflictName, IsNoLongerThanAKeyMayBe) {
  const std::string above = std::string(1'000, 'd') + "/";
  EXPECT_EQ(with_mark(above + std::string(22, 'n'), ".mark"),
            above + std::string(17, 'n') + ".mark");
  EXPECT_EQ(with_mark(above + "n", ".mark", 1'007), above + "n.mark");
  EXPECT_EQ(with_mark(above + "n", ".mark", 1'006), std::nullopt);
}

}  // namespace
}  // namespace stsfs::fs
