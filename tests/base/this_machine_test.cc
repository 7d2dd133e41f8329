#include "stsfs/base/this_machine.h"

#include <gtest/gtest.h>

namespace stsfs {
namespace {

TEST(ThisMachine, IsLocalhostAndTheLoopbackAddressesAndNoNameThatLooksLikeOne) {
  for (const char* ours : {"localhost", "[::1]", "127.0.0.1", "127.9.9.9"})
    EXPECT_TRUE(is_this_machine(ours)) << ours;
  for (const char* other : {"127.0.0.1.evil.example", "127.0.0", "localhost.example", "128.0.0.1",
                            "[::2]", "", "127.0.0.256", "127.0.0.0001"})
    EXPECT_FALSE(is_this_machine(other)) << other;
}

TEST(ThisMachine, IsWherePlainHttpIsReadByNobodyElse) {
  for (const char* safe : {"https://a.example", "http://127.0.0.1:9000", "HTTP://LOCALHOST/x",
                           "http://[::1]:80", "http://[::1]", "http://localhost?x"})
    EXPECT_FALSE(is_readable_on_the_way(safe)) << safe;
  for (const char* open : {"http://a.example", "HTTP://a.example:80/x", "http://[::2]:80",
                           "http://127.0.0.1.evil.example", "http://a.example/localhost",
                           "http://localhost@a.example"})
    EXPECT_TRUE(is_readable_on_the_way(open)) << open;
}

}  // namespace
}  // namespace stsfs
