#pragma once

#include <variant>

#include "commands.h"

/// Command lines as data, so that they can be tested without doing what they say.
namespace stsfs::daemon {

struct MetricsArguments {
  std::string mount_point;  ///< Empty: all of this user's.
};
struct RefreshArguments {
  std::string path;
};
struct DrainArguments {
  std::string mount_point;
};
struct LogLevelArguments {
  std::string mount_point, level;
};
/// Nothing is left to do: help or version were shown, or what was wrong was said.
struct Done {
  int exit_code = 0;
};

using Command = std::variant<LoginArguments, LogoutArguments, WhoamiArguments, CredentialsArguments,
                             MountArguments, UmountArguments, StatusArguments, MetricsArguments,
                             RefreshArguments, DrainArguments, RescueArguments, DoctorArguments,
                             LogLevelArguments, Done>;

/// `stsfs …`
Command parse_command_line(int argc, const char* const* argv);

/// `mount.stsfs SOURCE DIRECTORY [-sfnvrw] [-t TYPE] [-N NAMESPACE] [-o OPTIONS]`, as mount(8)
/// calls a helper.
Command parse_mount_helper(int argc, const char* const* argv);
/// Whether it was called as one: by name, or by mount.fuse3(8), which puts no subcommand first.
bool is_mount_helper(int argc, const char* const* argv);

/// `allow_core` as environment and command line say it, before options are read in earnest:
/// hardening comes first.
bool wants_core(int argc, const char* const* argv, const Environment& environment);

}  // namespace stsfs::daemon
