#include "stsfs/base/crc64.h"

#include <string>

#include <gtest/gtest.h>

#include "stsfs/base/text.h"

namespace stsfs {
namespace {

std::uint64_t crc_of(std::string_view text) { return crc64(0, as_bytes(text)); }

TEST(Crc64, AgreesWithTheVectorsOfTheSdks) {
  EXPECT_EQ(crc_of(""), 0U);
  EXPECT_EQ(crc_of("123456789"), 11051210869376104954U);
  EXPECT_EQ(crc_of("This is a test of the emergency broadcast system."), 2871916124362751090U);
  EXPECT_EQ(crc_of("hello world"), 5981764153023615706U);
}

TEST(Crc64, GoesOnWhereItStopped) {
  EXPECT_EQ(crc64(crc_of("hello "), as_bytes("world")), crc_of("hello world"));
}

TEST(Crc64Combine, GivesTheCrcOfTheWhole) {
  EXPECT_EQ(crc64_combine(crc_of("12345"), crc_of("67890"), 5), 12811388247244714686U);
  for (const std::size_t size : {0, 1, 7, 8, 1000, 65537}) {
    const std::string tail(size, 'x');
    EXPECT_EQ(crc64_combine(crc_of("head"), crc_of(tail), size), crc_of("head" + tail)) << size;
  }
}

TEST(Crc64Combine, TakesLengthsFarBeyondMemory) {
  // A terabyte of zeros, by doubling.
  std::uint64_t zeros = crc64(0, std::vector<std::byte>(1024));
  std::uint64_t size = 1024;
  while (size < (std::uint64_t{1} << 40)) {
    zeros = crc64_combine(zeros, zeros, size);
    size *= 2;
  }
  EXPECT_EQ(crc64_combine(zeros, crc_of("x"), 1), crc64(zeros, as_bytes("x")));
}

}  // namespace
}  // namespace stsfs
