#include "stsfs/daemon/program.h"

#include <cstdio>
#include <cstdlib>

#include "command_line.h"
#include "commands.h"
#include "exit_codes.h"
#include "stsfs/base/log.h"
#include "stsfs/base/process.h"

namespace stsfs::daemon {
namespace {

struct Run {
  int operator()(const LoginArguments& arguments) const { return login_command(arguments); }
  int operator()(const LogoutArguments& arguments) const { return logout_command(arguments); }
  int operator()(const WhoamiArguments& arguments) const { return whoami_command(arguments); }
  int operator()(const CredentialsArguments& arguments) const {
    return credentials_command(arguments);
  }
  int operator()(const MetricsArguments& arguments) const {
    return metrics_command(arguments.mount_point);
  }
  int operator()(const MountArguments& arguments) const { return mount_command(arguments); }
  int operator()(const UmountArguments& arguments) const { return umount_command(arguments); }
  int operator()(const StatusArguments& arguments) const { return status_command(arguments); }
  int operator()(const RefreshArguments& arguments) const {
    return refresh_command(arguments.path);
  }
  int operator()(const DrainArguments& arguments) const {
    return drain_command(arguments.mount_point);
  }
  int operator()(const RescueArguments& arguments) const { return rescue_command(arguments); }
  int operator()(const DoctorArguments& arguments) const { return doctor_command(arguments); }
  int operator()(const LogLevelArguments& arguments) const {
    return log_level_command(arguments.mount_point, arguments.level);
  }
  int operator()(const Done& done) const { return done.exit_code; }
};

}  // namespace

int run_program(int argc, char** argv) {
  if (!wants_core(argc, argv, [](const char* name) { return getenv(name); })) {
    if (auto hardened = harden_process(); !hardened)
      std::fprintf(stderr, "stsfs: secrets may show in a core file: %s\n",
                   hardened.error().message.c_str());
  }
  start_log({.level = LogLevel::kWarning, .target = LogTarget::kStderr, .program = "stsfs"});
  const Command command =
      is_mount_helper(argc, argv) ? parse_mount_helper(argc, argv) : parse_command_line(argc, argv);
  return std::visit(Run{}, command);
}

}  // namespace stsfs::daemon
