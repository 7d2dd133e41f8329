#include <cstdlib>

#include "commands.h"
#include "exit_codes.h"
#include "stsfs/credentials/token_store.h"
#include "support/temporary_directory.h"

#include <gtest/gtest.h>

namespace stsfs::daemon {
namespace {

constexpr const char* kServer = "https://vend.example.com";

/// Commands of a user who asks no server.
class LoginCommands : public ::testing::Test {
 protected:
  LoginCommands() {
    for (const char* name : {"XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"})
      setenv(name, directory_.path().c_str(), 1);
  }
  ~LoginCommands() override {
    for (const char* name : {"XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"})
      unsetenv(name);
  }
  void log_in() {
    const auto now = system_clock().wall();
    ASSERT_TRUE(credentials::TokenStore(directory_ / "stsfs")
                    .save(kServer, {.token = Secret(std::string_view("t")),
                                    .obtained_at = now,
                                    .expires_at = now + std::chrono::hours(1),
                                    .username = "alice"}));
  }
  /// What a command prints, to stdout and then to stderr.
  template <class Run>
  std::string said(int wanted, Run run) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(run(), wanted);
    std::string out = ::testing::internal::GetCapturedStdout();
    return out + ::testing::internal::GetCapturedStderr();
  }
  std::string logs_out(int wanted) {
    return said(wanted,
                [] { return logout_command({.url = kServer, .local = true, .settings = {}}); });
  }

  testing::TemporaryDirectory directory_;
};

TEST_F(LoginCommands, LogoutFailsWhereThereIsNoLogin) {
  log_in();
  EXPECT_EQ(logs_out(kExitOk), "Logged out at https://vend.example.com\n");
  EXPECT_EQ(logs_out(kExitFailed),
            "stsfs: not logged in at https://vend.example.com; remedy: `stsfs whoami` shows where "
            "you are\n");
}

const Settings kInKeyring{{"token_store", "keyring", "-o"}};

TEST_F(LoginCommands, WhoamiNeedsTheUrlWithTheKeyring) {
  log_in();
  const auto asks = [] { return whoami_command({.url = "", .settings = kInKeyring}); };
  EXPECT_NE(said(kExitUsage, asks).find("with token_store=keyring name the URL"),
            std::string::npos);
}

TEST_F(LoginCommands, DoctorLooksAtTheLoginsInFilesThatItFinds) {
  log_in();
  DoctorArguments arguments;
  arguments.settings = kInKeyring;
  ::testing::internal::CaptureStdout();
  (void)doctor_command(arguments);  // fails where there is no FUSE
  const std::string all = ::testing::internal::GetCapturedStdout();
  EXPECT_NE(all.find("ok       login: https://vend.example.com until "), std::string::npos) << all;
}

}  // namespace
}  // namespace stsfs::daemon
