#include "config_file.h"

#include <cstdlib>
#include <fstream>

#include "commands.h"
#include "support/temporary_directory.h"

#include <gtest/gtest.h>

namespace stsfs::daemon {
namespace {

std::string refusal(const std::string& text) {
  auto settings = parse_config(text, "/etc/stsfs/stsfs.toml");
  if (!settings) return settings.error().message;
  auto options = resolve(*settings);
  return options ? "(accepted)" : options.error().message;
}

TEST(ConfigFile, KeysAreOptionsInTheirTomlTypes) {
  const auto settings = parse_config(
      "allow_other = true\nro = false\nconnections = 16\nmetadata_timeout = \"10s\"\nfile_mode = "
      "\"0600\"\n",
      "f");
  ASSERT_TRUE(settings) << settings.error().message;
  const auto options = resolve(*settings);
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_TRUE(options->allow_other);
  EXPECT_FALSE(options->read_only);
  EXPECT_EQ(options->connections_max, 16);
  EXPECT_EQ(options->metadata_timeout, std::chrono::seconds(10));
  EXPECT_EQ(options->file_mode, 0600U);
}

TEST(ConfigFile, WhatIsWrongIsNamedWithFileAndLine) {
  EXPECT_EQ(refusal("ro = true\n\nfrobnicate = 1\n"),
            "/etc/stsfs/stsfs.toml:3: unknown option frobnicate (stsfs mount --help lists them)");
  EXPECT_EQ(refusal("sigv = 3\n"), "/etc/stsfs/stsfs.toml:1: sigv=3: sigv must be one of 4, 1");
  EXPECT_EQ(refusal("ro = true\nro = false\n").find("/etc/stsfs/stsfs.toml:2"), 0U);
  EXPECT_EQ(refusal("not toml\n").find("/etc/stsfs/stsfs.toml:1"), 0U);
  EXPECT_NE(refusal("file_mode = 0o644\n").find("quotes"), std::string::npos);
  EXPECT_NE(refusal("[ro]\nx = 1\n").find("must be a text"), std::string::npos);
  EXPECT_NE(refusal("uid = 1.5\n").find("must be a text"), std::string::npos);
  EXPECT_NE(refusal("_netdev = true\n").find("fstab"), std::string::npos);
  EXPECT_EQ(
      refusal("ro = true\nallow_core = true\n").find("/etc/stsfs/stsfs.toml:2: allow_core is"), 0U)
      << "nothing would come of it";
}

TEST(ConfigFile, OneThatIsNotThereHasNoSettings) {
  testing::TemporaryDirectory directory;
  const auto settings = read_config_file(directory / "none.toml");
  ASSERT_TRUE(settings);
  EXPECT_TRUE(settings->empty());
}

TEST(ConfigFile, OneThatCannotBeReadIsAnError) {
  testing::TemporaryDirectory directory;
  EXPECT_FALSE(read_config_file(directory.path()));
}

TEST(Precedence, FlagThenEnvironmentThenUserThenSystemThenDefault) {
  testing::TemporaryDirectory directory;
  Paths paths;
  paths.config_files = {directory / "system.toml", directory / "user.toml"};
  const auto uid = [&](const Settings& given) {
    return resolve(all_settings(paths, given).value())->uid;
  };
  EXPECT_EQ(uid({}), std::nullopt);
  std::ofstream(paths.config_files[0]) << "uid = 1\n";
  EXPECT_EQ(uid({}), 1U);
  std::ofstream(paths.config_files[1]) << "uid = 2\n";
  EXPECT_EQ(uid({}), 2U);
  setenv("STSFS_UID", "3", 1);
  EXPECT_EQ(uid({}), 3U);
  EXPECT_EQ(uid({{"uid", "4", "--uid"}}), 4U);
  unsetenv("STSFS_UID");
}

}  // namespace
}  // namespace stsfs::daemon
