// What ossfs 1.91, s3fs 1.97, geesefs, rclone and the Google tools put into metadata, and how it is
// to be read.

#include "naming/posix_metadata.h"

#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace stsfs::fs {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

const AttributeDefaults kDefaults{1000, 1001, 0640, 0750};

oss::ObjectMeta with(oss::UserMetadata user, std::uint64_t size = 5) {
  oss::ObjectMeta meta;
  meta.size_bytes = size;
  meta.last_modified = WallTime(seconds(1700000123));
  meta.headers.user = std::move(user);
  return meta;
}

TEST(PosixMetadata, ReadsAFileOfOssfs) {
  const Attributes got = attributes_of(with({{"uid", "1"},
                                             {"gid", "2"},
                                             {"mode", "33188"},
                                             {"atime", "1700000000"},
                                             {"ctime", "1700000100"},
                                             {"mtime", "1700000000.123456789"}}),
                                       false, kDefaults);
  EXPECT_EQ(got.mode, S_IFREG | 0644U);
  EXPECT_EQ(got.uid, 1U);
  EXPECT_EQ(got.gid, 2U);
  EXPECT_EQ(got.mtime, WallTime(seconds(1700000000) + nanoseconds(123456789)));
  EXPECT_EQ(got.ctime, WallTime(seconds(1700000100)));
}

TEST(PosixMetadata, GivesDefaultsToAnObjectWithoutAny) {
  const Attributes got = attributes_of(with({}), false, kDefaults);
  EXPECT_EQ(got.mode, S_IFREG | 0640U);
  EXPECT_EQ(got.uid, 1000U);
  EXPECT_EQ(got.gid, 1001U);
  EXPECT_EQ(got.mtime, WallTime(seconds(1700000123)));
  EXPECT_EQ(attributes_of(with({}), true, kDefaults).mode, S_IFDIR | 0750U);
}

TEST(PosixMetadata, ReadsRclonesOctalModeAndShortFractions) {
  const Attributes got =
      attributes_of(with({{"mode", "100664"}, {"mtime", "1700000000.25"}}), false, kDefaults);
  EXPECT_EQ(got.mode, S_IFREG | 0664U);
  EXPECT_EQ(got.mtime, WallTime(seconds(1700000000) + nanoseconds(250000000)));
}

TEST(PosixMetadata, ReadsGoogleToolsNames) {
  const Attributes got = attributes_of(
      with({{"goog-reserved-posix-mode", "644"}, {"goog-reserved-file-mtime", "1700000000"}}),
      false, kDefaults);
  EXPECT_EQ(got.mode, S_IFREG | 0644U);
  EXPECT_EQ(got.mtime, WallTime(seconds(1700000000)));
}

TEST(PosixMetadata, ReadsLinksInEveryForm) {
  EXPECT_EQ(attributes_of(with({{"mode", "41471"}}), false, kDefaults).mode, S_IFLNK | 0777U);
  EXPECT_EQ(link_target_in({{"symlink-target", "header:18:../lib/%E6%95%B0%E6%8D%AE%20a.so"}}),
            "../lib/数据 a.so");
  EXPECT_EQ(link_target_in({{"--symlink-target", "../t%25"}}), "../t%");
  EXPECT_EQ(attributes_of(with({{"--symlink-target", "x"}}), false, kDefaults).mode,
            S_IFLNK | 0777U);
}

TEST(PosixMetadata, ReadsSpecialFiles) {
  EXPECT_EQ(attributes_of(with({{"mode", "4516"}}), false, kDefaults).mode, S_IFIFO | 0644U);
  const Attributes block =
      attributes_of(with({{"mode", "25008"}, {"rdev", "2049"}}), false, kDefaults);
  EXPECT_EQ(block.mode, S_IFBLK | 0660U);
  EXPECT_EQ(block.rdev, 2049U);
}

TEST(PosixMetadata, TakesDamageForAbsence) {
  const Attributes got = attributes_of(
      with({{"mode", "rw-r--r--"}, {"uid", "-"}, {"mtime", "yesterday"}}), false, kDefaults);
  EXPECT_EQ(got.mode, S_IFREG | 0640U);
  EXPECT_EQ(got.uid, 1000U);
  EXPECT_EQ(got.mtime, WallTime(seconds(1700000123)));
}

TEST(PosixMetadata, NeverShowsADirectoryWhereAFileIs) {
  EXPECT_EQ(attributes_of(with({{"mode", "16877"}}), false, kDefaults).mode & S_IFMT, S_IFREG);
  EXPECT_EQ(attributes_of(with({{"mode", "33188"}}), true, kDefaults).mode & S_IFMT, S_IFDIR);
}

TEST(PosixMetadata, ReadsBackWhatItWrites) {
  Attributes wanted;
  wanted.mode = S_IFREG | 04755;
  wanted.uid = 5;
  wanted.gid = 6;
  wanted.mtime = WallTime(seconds(1) + nanoseconds(7));
  wanted.ctime = WallTime(seconds(2));
  wanted.atime = WallTime(seconds(0));
  oss::UserMetadata user{{"foreign", "kept"}};
  store_attributes(wanted, user);
  EXPECT_EQ(user["mtime"], "1.000000007");
  EXPECT_EQ(user["foreign"], "kept");
  const Attributes got = attributes_of(with(user), false, kDefaults);
  EXPECT_EQ(got.mode, wanted.mode);
  EXPECT_EQ(got.uid, wanted.uid);
  EXPECT_EQ(got.mtime, wanted.mtime);
  EXPECT_EQ(got.atime, wanted.atime);
}

TEST(PosixMetadata, KeepsTimesBefore1970) {
  const std::vector<std::pair<WallTime, std::string>> times{
      {WallTime(seconds(-315593940)), "-315593940"},
      {WallTime(nanoseconds(-250'000'000)), "-1.750000000"},
      {WallTime(nanoseconds(-1)), "-1.999999999"},
  };
  for (const auto& [time, text] : times) {
    EXPECT_EQ(format_metadata_time(time), text);
    EXPECT_EQ(parse_metadata_time(text), time) << text;
  }
  for (const char* text : {"-", "--1", "-.5", "1.-5", "9223372037", "-9223372037"})
    EXPECT_EQ(parse_metadata_time(text), std::nullopt) << text;
}

}  // namespace
}  // namespace stsfs::fs
