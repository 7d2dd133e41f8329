#include "command_line.h"

#include "exit_codes.h"

#include <gtest/gtest.h>

namespace stsfs::daemon {
namespace {

Command parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "stsfs");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

Command helper(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "/sbin/mount.stsfs");
  return parse_mount_helper(static_cast<int>(arguments.size()), arguments.data());
}

int exit_of(const Command& command) {
  const Done* done = std::get_if<Done>(&command);
  return done != nullptr ? done->exit_code : -1;
}

const MountArguments& mount_of(const Command& command) { return std::get<MountArguments>(command); }

// --- stsfs ---

TEST(CommandLine, MountTakesListsAndFlagsInTheirOrder) {
  const Command command = parse({"mount", "https://v", "/m", "-o", "uid=1,ro", "--uid", "2", "-o",
                                 "uid=3", "--allow-other", "-f", "-s"});
  const MountArguments& mount = mount_of(command);
  EXPECT_EQ(mount.source, "https://v");
  EXPECT_EQ(mount.mount_point, "/m");
  EXPECT_TRUE(mount.foreground);
  EXPECT_TRUE(mount.single_threaded);
  EXPECT_FALSE(mount.debug);
  const auto options = resolve(mount.settings);
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->uid, 3U);
  EXPECT_TRUE(options->read_only);
  EXPECT_TRUE(options->allow_other);
}

TEST(CommandLine, FlagsTakeYesAndNoAndRefuseWhatIsNeither) {
  const auto allows = [](const char* flag) {
    const auto options = resolve(mount_of(parse({"mount", "https://v", "/m", flag})).settings);
    return options && options->allow_other;
  };
  EXPECT_TRUE(allows("--allow-other"));
  EXPECT_TRUE(allows("--allow-other=yes"));
  EXPECT_FALSE(allows("--allow-other=no"));
  EXPECT_FALSE(allows("--no-allow-other"));
  for (const char* flag : {"--allow-other=maybe", "--no-allow-other=maybe"}) {
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(exit_of(parse({"mount", "https://v", "/m", flag})), kExitUsage) << flag;
    EXPECT_TRUE(::testing::internal::GetCapturedStderr().starts_with(
        "stsfs: --allow-other takes yes or no"))
        << flag;
  }
}

TEST(CommandLine, CoreFilesAreLeftAsAnyFlagIsSet) {
  const auto wants = [](std::vector<const char*> arguments, const char* variable = nullptr) {
    arguments.insert(arguments.begin(), "stsfs");
    return wants_core(static_cast<int>(arguments.size()), arguments.data(),
                      [&](const char*) { return variable; });
  };
  EXPECT_FALSE(wants({"mount", "https://v", "/m"}));
  for (const char* flag : {"--allow-core", "--allow-core=yes", "--allow-core=true", "-oallow_core"})
    EXPECT_TRUE(wants({"mount", "https://v", "/m", flag})) << flag;
  EXPECT_TRUE(wants({"mount", "https://v", "/m", "-o", "ro,allow_core"}));
  EXPECT_TRUE(wants({"mount", "https://v", "/m"}, "yes"));
  EXPECT_FALSE(wants({"mount", "https://v", "/m", "--allow-core=no"}, "yes"));
  EXPECT_FALSE(wants({"mount", "https://v", "/m", "-o", "allow_core", "--no-allow-core"}));
}

TEST(CommandLine, OptionsMayStandBeforeTheOperands) {
  const Command command = parse({"mount", "-o", "ro", "https://v", "/m"});
  EXPECT_EQ(mount_of(command).mount_point, "/m");
  EXPECT_EQ(mount_of(command).settings.size(), 1U);
}

TEST(CommandLine, AFlagCanBeTakenBack) {
  const Command command =
      parse({"mount", "https://v", "/m", "-o", "allow_other", "--no-allow-other"});
  EXPECT_FALSE(resolve(mount_of(command).settings)->allow_other);
}

TEST(CommandLine, LoginStatusUmountAndTheRest) {
  const auto login =
      std::get<LoginArguments>(parse({"login", "https://v", "--user", "al", "--password-stdin"}));
  const auto with_list = [](const char* command) {
    return parse({command, "https://v", "-o", "cacert=/ca,token_store=keyring"});
  };
  EXPECT_EQ(std::get<LoginArguments>(with_list("login")).settings.size(), 2U);
  EXPECT_EQ(std::get<LogoutArguments>(with_list("logout")).settings.size(), 2U);
  EXPECT_EQ(std::get<WhoamiArguments>(with_list("whoami")).settings.size(), 2U);
  EXPECT_EQ(login.user, "al");
  EXPECT_TRUE(login.password_from_stdin);
  EXPECT_EQ(
      std::get<LoginArguments>(parse({"login", "https://v", "--cacert", "/ca"})).settings.size(),
      1U);
  EXPECT_TRUE(std::get<StatusArguments>(parse({"status", "--json"})).mount_point.empty());
  EXPECT_TRUE(std::get<StatusArguments>(parse({"status", "--json", "/m"})).json);
  EXPECT_TRUE(std::get<UmountArguments>(parse({"umount", "--no-wait", "/m"})).no_wait);
  EXPECT_EQ(std::get<RefreshArguments>(parse({"refresh", "/m"})).path, "/m");
  const auto doctor =
      std::get<DoctorArguments>(parse({"doctor", "https://v", "--keys", "7", "-o", "ro"}));
  EXPECT_EQ(doctor.source, "https://v");
  EXPECT_EQ(doctor.keys_max, 7U);
  EXPECT_EQ(doctor.settings.size(), 1U);
  EXPECT_EQ(std::get<DrainArguments>(parse({"drain", "/m"})).mount_point, "/m");
  EXPECT_EQ(std::get<LogLevelArguments>(parse({"log-level", "/m", "debug"})).level, "debug");
}

TEST(CommandLine, HelpAndVersionEndWell) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(exit_of(parse({"--help"})), kExitOk);
  EXPECT_EQ(exit_of(parse({"-V"})), kExitOk);
  EXPECT_EQ(exit_of(parse({"version"})), kExitOk);
  EXPECT_EQ(exit_of(parse({"mount", "--help"})), kExitOk);
  const std::string shown = ::testing::internal::GetCapturedStdout();
  for (const OptionRow& row : option_table())
    EXPECT_NE(shown.find(row.name), std::string::npos) << row.name;
}

TEST(CommandLine, WhatIsWrongIsAUsageError) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(exit_of(parse({})), kExitUsage);
  EXPECT_EQ(exit_of(parse({"frobnicate"})), kExitUsage);
  EXPECT_EQ(exit_of(parse({"mount", "https://v"})), kExitUsage);
  EXPECT_EQ(exit_of(parse({"mount", "https://v", "/m", "/n"})), kExitUsage);
  EXPECT_EQ(exit_of(parse({"mount", "https://v", "/m", "--frobnicate"})), kExitUsage);
  EXPECT_EQ(exit_of(parse({"mount", "https://v", "/m", "-o", "=x"})), kExitUsage);
  ::testing::internal::GetCapturedStderr();
}

// --- mount.stsfs ---

TEST(MountHelper, IsRecognisedByNameOrByASourceWithoutASubcommand) {
  const auto is = [](std::vector<const char*> arguments) {
    return is_mount_helper(static_cast<int>(arguments.size()), arguments.data());
  };
  EXPECT_TRUE(is({"/sbin/mount.stsfs", "https://v", "/m"}));
  EXPECT_TRUE(is({"mount.fuse.stsfs"}));
  EXPECT_TRUE(is({"stsfs", "oss://b/p", "/m", "-o", "rw"}));
  EXPECT_FALSE(is({"stsfs", "mount", "https://v", "/m"}));
  EXPECT_FALSE(is({"/opt/mount.d/stsfs", "status"}));
}

TEST(MountHelper, TakesWhatMountCallsItWith) {
  const Command command =
      helper({"https://v", "/m", "-n", "-v", "-o", "rw,noauto,_netdev,x-systemd.automount,uid=7"});
  EXPECT_EQ(mount_of(command).source, "https://v");
  EXPECT_EQ(mount_of(command).mount_point, "/m");
  EXPECT_EQ(resolve(mount_of(command).settings)->uid, 7U);
}

TEST(MountHelper, LettersMayBeJoined) {
  const Command command = helper({"-sfo", "ro", "https://v", "/m", "-t", "stsfs", "-N", "12"});
  EXPECT_TRUE(mount_of(command).sloppy);
  EXPECT_TRUE(mount_of(command).fake);
  EXPECT_TRUE(resolve(mount_of(command).settings)->read_only);
}

TEST(MountHelper, WhatIsWrongIsAUsageError) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(exit_of(helper({"https://v"})), kExitUsage);
  EXPECT_EQ(exit_of(helper({"https://v", "/m", "/n"})), kExitUsage);
  EXPECT_EQ(exit_of(helper({"https://v", "/m", "-o"})), kExitUsage);
  EXPECT_EQ(exit_of(helper({"https://v", "/m", "-q"})), kExitUsage);
  ::testing::internal::GetCapturedStderr();
}

TEST(ExitCodes, AreThoseOfMount) {
  EXPECT_EQ(exit_code_of(Errc::kInvalid), 1);
  EXPECT_EQ(exit_code_of(Errc::kInterrupted), 8);
  EXPECT_EQ(exit_code_of(Errc::kCredential), 32);
  EXPECT_EQ(exit_code_of(Errc::kBusy), 32);
}

}  // namespace
}  // namespace stsfs::daemon
