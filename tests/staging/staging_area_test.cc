#include "stsfs/staging/staging_area.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

/// Whether blocks are allocated ahead, as on disks that are not known to reserve them.
class Staging : public ::testing::TestWithParam<bool> {
 protected:
  std::shared_ptr<StagingArea> open(std::uint64_t budget_bytes) {
    return StagingArea::open({.directory = directory_.path() + "/staging",
                              .budget_bytes = budget_bytes,
                              .allocates_always = GetParam()})
        .value();
  }
  static Result<void> write(StagedFile& file, std::uint64_t offset, std::uint64_t size) {
    return file.write(std::vector<std::byte>(size, std::byte{'x'}), offset);
  }
  stsfs::testing::TemporaryDirectory directory_;
};

TEST_P(Staging, AcceptsNothingBeyondItsBudget) {
  const auto area = open(4 * kMiB);
  const auto file = area->create().value();
  ASSERT_TRUE(write(*file, 0, 3 * kMiB));
  EXPECT_EQ(write(*file, 3 * kMiB, 2 * kMiB).error().code, Errc::kNoSpace);
  EXPECT_TRUE(write(*file, 0, 3 * kMiB));  // what has its room keeps it
  EXPECT_TRUE(write(*file, 3 * kMiB, kMiB));
}

TEST_P(Staging, WhatWasCutOffIsPaidForAgain) {
  const auto area = open(4 * kMiB);
  const auto file = area->create().value();
  const auto other = area->create().value();
  ASSERT_TRUE(write(*file, 0, 3 * kMiB));
  ASSERT_TRUE(file->truncate(kMiB));
  EXPECT_EQ(area->used_bytes(), kMiB);
  ASSERT_TRUE(write(*other, 0, 2 * kMiB));
  EXPECT_EQ(write(*file, kMiB, 2 * kMiB).error().code, Errc::kNoSpace);
}

TEST_P(Staging, GivesRoomBackWithItsFiles) {
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

TEST_P(Staging, WhatIsClaimedNobodyElseTakes) {
  const auto area = open(4 * kMiB);
  const auto file = area->create().value();
  const auto other = area->create().value();
  auto claim = area->claim(3 * kMiB).value();
  EXPECT_EQ(area->claim(2 * kMiB).error().code, Errc::kNoSpace);
  EXPECT_EQ(write(*other, 0, 2 * kMiB).error().code, Errc::kNoSpace);
  ASSERT_TRUE(write(*other, 0, kMiB));
  EXPECT_DOUBLE_EQ(area->pressure(), 1);
  const std::vector<std::byte> bytes(2 * kMiB, std::byte{'x'});
  ASSERT_TRUE(file->write(bytes, 0, claim.get()));
  EXPECT_FALSE(area->has_claim_for(1)) << "what is left of it is not free";
  claim.reset();
  EXPECT_TRUE(area->has_claim_for(kMiB));
  EXPECT_FALSE(area->has_claim_for(kMiB + 1));
  EXPECT_TRUE(write(*other, kMiB, kMiB));
}

TEST_P(Staging, PressureBeginsAtNineTenths) {
  const auto area = open(100 * kMiB);
  const auto file = area->create().value();
  ASSERT_TRUE(file->allocate({0, 90 * kMiB}));
  EXPECT_NEAR(area->pressure(), 0, 0.01);
  ASSERT_TRUE(file->allocate({90 * kMiB, 5 * kMiB}));
  EXPECT_NEAR(area->pressure(), 0.5, 0.01);
}

TEST_P(Staging, WhatIsAllocatedNeedsNoMoreRoom) {
  const auto area = open(4 * kMiB);
  const auto file = area->create().value();
  ASSERT_TRUE(file->allocate({0, 4 * kMiB}));
  EXPECT_FALSE(area->create().value()->allocate({0, kMiB}));
  EXPECT_TRUE(write(*file, kMiB, kMiB));
}

TEST_P(Staging, HowEverManyFilesThereAreFewAreOpen) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = 128, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  {
    const auto area = open(kMiB);
    std::vector<std::shared_ptr<StagedFile>> files;
    for (int i = 0; i < 200; ++i) {
      const std::string text = std::to_string(i);
      files.push_back(area->create().value());
      ASSERT_TRUE(files.back()->write(std::as_bytes(std::span(text)), 0)) << i;
    }
    for (int i = 0; i < 200; ++i) {
      std::string text(std::to_string(i).size(), ' ');
      ASSERT_TRUE(files[i]->read(std::as_writable_bytes(std::span(text)), 0)) << i;
      EXPECT_EQ(text, std::to_string(i));
    }
    ASSERT_TRUE(files[0]->sync());
    const std::size_t open =
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    EXPECT_LT(open, 100U);
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_P(Staging, AReleasedFileIsTheNextOne) {
  const auto area = open(kMiB);
  auto file = area->create().value();
  const std::string name = file->name();
  ASSERT_TRUE(write(*file, 4096, 4096));
  EXPECT_TRUE(file->is_worth_releasing());
  file->release();
  file.reset();
  EXPECT_EQ(area->used_bytes(), 0U);
  file = area->create().value();
  EXPECT_EQ(file->name(), name);
  std::vector<std::byte> bytes(8192, std::byte{'y'});
  ASSERT_TRUE(file->read(bytes, 0));
  EXPECT_TRUE(std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{}; }));
  EXPECT_NE(area->create().value()->name(), name);
}

TEST_P(Staging, OnlyWhatWasReleasedIsUsedAgain) {
  const auto area = open(kMiB);
  auto file = area->create().value();
  const std::string name = file->name();
  file.reset();
  EXPECT_FALSE(area->has(name));
  auto kept = area->create().value();
  const std::string kept_name = kept->name();
  kept->keep();
  kept->release();
  kept.reset();
  EXPECT_TRUE(area->has(kept_name));
  EXPECT_NE(area->create().value()->name(), kept_name);
}

TEST_P(Staging, ALargeFileOrOneOnAFullDiskIsNotWorthReleasing) {
  const auto area = open(kMiB);
  const auto large = area->create().value();
  ASSERT_TRUE(write(*large, 0, kMiB / 2 + 4096));
  EXPECT_FALSE(large->is_worth_releasing());
  EXPECT_FALSE(area->create().value()->is_worth_releasing());
}

TEST_P(Staging, LeavesNoSparesBehind) {
  auto area = open(kMiB);
  auto file = area->create().value();
  file->release();
  file.reset();
  area.reset();
  for (const auto& left : std::filesystem::directory_iterator(directory_.path() + "/staging"))
    EXPECT_EQ(left.path().filename(), "reserve");
}

INSTANTIATE_TEST_SUITE_P(Blocks, Staging, ::testing::Bool(), [](const auto& chosen) {
  return chosen.param ? "AllocatedAhead" : "AsTheDiskHasThem";
});

}  // namespace
}  // namespace stsfs::staging
