#pragma once

#include <cstdint>
#include <string>

#include "paths.h"
#include "settings.h"

/// What each subcommand does, apart from how its command line looks. Each returns the exit code and
/// has said on stderr what went wrong.
namespace stsfs::daemon {

struct LoginArguments {
  std::string url;
  std::string user;  ///< Empty: who runs it.
  bool password_from_stdin = false;
  bool device = false;  ///< Confirmed on another device, by a code.
  Settings settings;    ///< cacert, proxy, insecure_http and the like.
};
int login_command(const LoginArguments& arguments);

struct LogoutArguments {
  std::string url;
  bool local = false;  ///< Without revoking the token at the server.
  Settings settings;
};
int logout_command(const LogoutArguments& arguments);

struct WhoamiArguments {
  std::string url;  ///< Empty: wherever this user is logged in.
  Settings settings;
};
int whoami_command(const WhoamiArguments& arguments);

struct CredentialsArguments {
  std::string source;    ///< A vending server; empty: as `credentials=` says.
  bool process = false;  ///< Printed once; or else:
  bool serve = false;    ///< Served as a credentials URI.
  std::string uri_file;  ///< Where the URI is kept over restarts; empty: nowhere.
  Settings settings;
};
int credentials_command(const CredentialsArguments& arguments);

struct MountArguments {
  std::string source;
  std::string mount_point;
  Settings settings;  ///< From `-o` and flags, in their order.
  bool foreground = false;
  bool debug = false;
  bool single_threaded = false;
  bool sloppy = false;  ///< mount(8)'s -s: unknown options are no error.
  bool fake = false;    ///< mount(8)'s -f: everything but the mount.
};
int mount_command(const MountArguments& arguments);

struct UmountArguments {
  std::string mount_point;
  bool no_wait = false;
  bool lazy = false;
};
int umount_command(const UmountArguments& arguments);

struct StatusArguments {
  std::string mount_point;  ///< Empty: all of this user's.
  bool json = false;
};
int status_command(const StatusArguments& arguments);

/// In the text format of Prometheus; an empty mount point: all of this user's.
int metrics_command(const std::string& mount_point);

int refresh_command(const std::string& path);
int drain_command(const std::string& mount_point);
int log_level_command(const std::string& mount_point, const std::string& level);

struct RescueArguments {
  std::string target;    ///< Directory for what is rescued; empty: only list.
  std::string state;     ///< One state directory; empty: all of this user's.
  bool discard = false;  ///< What was copied out and cannot go to OSS is forgotten.
};
int rescue_command(const RescueArguments& arguments);

struct DoctorArguments {
  std::string source;                ///< Empty: this machine only.
  std::uint64_t keys_max = 100'000;  ///< About as many keys of the folder are looked at.
  Settings settings;
};
int doctor_command(const DoctorArguments& arguments);

/// Configuration files, then the environment, then `given`: everything that was set, the later
/// first in rank.
Result<Settings> all_settings(const Paths& paths, const Settings& given);

/// The state directories of this user that have a journal: in the usual place, and in the one that
/// state_dir names in a configuration file or the environment. What is wrong with those is said on
/// stderr, and the usual place is looked at anyway.
std::vector<std::string> our_states(const Paths& paths);

}  // namespace stsfs::daemon
