#include <cstdlib>
#include <filesystem>

#include "commands.h"
#include "exit_codes.h"
#include "stsfs/staging/name_journal.h"
#include "support/temporary_directory.h"

#include <gtest/gtest.h>

namespace stsfs::daemon {
namespace {

namespace file = std::filesystem;

/// A user whose daemons have all ended.
class Rescue : public ::testing::Test {
 protected:
  Rescue() {
    for (const char* name : {"XDG_STATE_HOME", "XDG_CONFIG_HOME"})
      setenv(name, directory_.path().c_str(), 1);
  }
  ~Rescue() override {
    for (const char* name : {"XDG_STATE_HOME", "XDG_CONFIG_HOME", "STSFS_STATE_DIR"})
      unsetenv(name);
  }
  /// The journal of a mount with its state below `state`, which owes OSS so many removals.
  std::string owes_removals(const std::string& state, int count) {
    const std::string mount = state + "/mounts/0011223344556677";
    file::create_directories(mount + "/staging");
    auto journal = staging::Journal::open({.file = mount + "/staging/journal.db"}).value();
    auto names = staging::NameJournal::open(*journal).value();
    for (int i = 0; i < count; ++i)
      names->add({staging::RemovalEntry{
                     .id = names->next_id(), .key = std::to_string(i), .removed_at = {}}},
                 [](const Result<void>& noted) { EXPECT_TRUE(noted); });
    return mount;
  }
  /// What it prints, to stdout and then to stderr.
  std::string said(const RescueArguments& arguments, int wanted) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(rescue_command(arguments), wanted);
    std::string out = ::testing::internal::GetCapturedStdout();
    return out + ::testing::internal::GetCapturedStderr();
  }

  testing::TemporaryDirectory directory_;
};

TEST_F(Rescue, TellsOfChangesOfNamesThatAreNotInOss) {
  const std::string mount = owes_removals(directory_ / "stsfs", 2);
  EXPECT_EQ(said({}, kExitOk),
            mount +
                ":\n2 changes of names (removals, renames, links) for the next mount to go on "
                "with\nno file is left here\n");
}

TEST_F(Rescue, SaysThatAllIsInOssWhereNothingIsOwed) {
  owes_removals(directory_ / "stsfs", 0);
  EXPECT_EQ(said({}, kExitOk), "everything is in OSS\n");
}

TEST_F(Rescue, LooksAlsoWhereStateDirSays) {
  owes_removals(directory_ / "elsewhere", 1);
  setenv("STSFS_STATE_DIR", (directory_ / "elsewhere").c_str(), 1);
  EXPECT_NE(said({}, kExitOk).find("1 change of names"), std::string::npos);
}

TEST_F(Rescue, GoesOnWhereTheConfigurationIsWrong) {
  owes_removals(directory_ / "stsfs", 1);
  setenv("STSFS_STATE_DIR", "two\nlines", 1);
  const std::string all = said({}, kExitOk);
  EXPECT_NE(all.find("1 change of names"), std::string::npos) << all;
  EXPECT_NE(all.find("state_dir"), std::string::npos) << all;
}

TEST_F(Rescue, SaysWhatAStateDirectoryIsWhereItIsGivenNone) {
  RescueArguments arguments;
  arguments.state = directory_.path();
  const std::string all = said(arguments, kExitFailed);
  EXPECT_NE(all.find("the directory that `stsfs status` names"), std::string::npos) << all;
}

}  // namespace
}  // namespace stsfs::daemon
