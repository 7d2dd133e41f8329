#include "stsfs/staging/staging_area.h"

#include <vector>

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

class Staging : public ::testing::Test {
 protected:
  std::unique_ptr<StagingArea> open(std::uint64_t budget_bytes) {
    return StagingArea::open({directory_.path() + "/staging", budget_bytes}).value();
  }
  static Result<void> write(StagedFile& file, std::uint64_t offset, std::uint64_t size) {
    return file.write(std::vector<std::byte>(size, std::byte{'x'}), offset);
  }
  stsfs::testing::TemporaryDirectory directory_;
};

TEST_F(Staging, AcceptsNothingBeyondItsBudget) {
  const auto area = open(4 * kMiB);
  const auto file = area->create().value();
  ASSERT_TRUE(write(*file, 0, 3 * kMiB));
  EXPECT_EQ(write(*file, 3 * kMiB, 2 * kMiB).error().code, Errc::kNoSpace);
  EXPECT_TRUE(write(*file, 0, 3 * kMiB));  // what has its room keeps it
  EXPECT_TRUE(write(*file, 3 * kMiB, kMiB));
}

TEST_F(Staging, GivesRoomBackWithItsFiles) {
  const auto area = open(4 * kMiB);
  {
    const auto file = area->create().value();
    ASSERT_TRUE(write(*file, 0, 4 * kMiB));
    EXPECT_EQ(area->used_bytes(), 4 * kMiB);
    EXPECT_DOUBLE_EQ(area->pressure(), 1);
    ASSERT_TRUE(file->punch({0, kMiB}));
    EXPECT_EQ(area->used_bytes(), 3 * kMiB);
    EXPECT_DOUBLE_EQ(area->pressure(), 0);
  }
  EXPECT_EQ(area->used_bytes(), 0U);
}

TEST_F(Staging, PressureBeginsAtNineTenths) {
  const auto area = open(100 * kMiB);
  const auto file = area->create().value();
  ASSERT_TRUE(file->allocate({0, 90 * kMiB}));
  EXPECT_NEAR(area->pressure(), 0, 0.01);
  ASSERT_TRUE(file->allocate({90 * kMiB, 5 * kMiB}));
  EXPECT_NEAR(area->pressure(), 0.5, 0.01);
}

TEST_F(Staging, WhatIsAllocatedNeedsNoMoreRoom) {
  const auto area = open(4 * kMiB);
  const auto file = area->create().value();
  ASSERT_TRUE(file->allocate({0, 4 * kMiB}));
  EXPECT_FALSE(area->create().value()->allocate({0, kMiB}));
  EXPECT_TRUE(write(*file, kMiB, kMiB));
}

}  // namespace
}  // namespace stsfs::staging
