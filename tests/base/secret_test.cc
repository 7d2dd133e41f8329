#include "stsfs/base/secret.h"

#include <sstream>

#include <gtest/gtest.h>

namespace stsfs {
namespace {

TEST(Secret, PrintsAsStars) {
  std::ostringstream out;
  out << Secret(std::string_view("canary"));
  EXPECT_EQ(out.str(), "***");
  EXPECT_EQ(::testing::PrintToString(Secret(std::string_view("canary"))), "***");
}

TEST(Secret, WipesTheStringItWasMadeFrom) {
  std::string text = "short";
  const char* bytes = text.data();
  const Secret secret(std::move(text));
  EXPECT_EQ(std::string_view(bytes, 5), std::string_view("\0\0\0\0\0", 5));
  EXPECT_EQ(secret.reveal(), "short");
}

TEST(Secret, LeavesNothingBehindWhenMoved) {
  Secret from(std::string_view("canary"));
  const Secret to(std::move(from));
  EXPECT_TRUE(from.empty());  // NOLINT: what a moved-from secret holds is the point
  EXPECT_EQ(to.reveal(), "canary");
}

TEST(Secret, ComparesByContent) {
  EXPECT_TRUE(Secret(std::string_view("a")) == Secret(std::string_view("a")));
  EXPECT_FALSE(Secret(std::string_view("a")) == Secret(std::string_view("b")));
  EXPECT_FALSE(Secret(std::string_view("a")) == Secret(std::string_view("aa")));
  EXPECT_TRUE(Secret() == Secret(std::string_view("")));
}

}  // namespace
}  // namespace stsfs
