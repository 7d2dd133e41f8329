#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mount_options.h"

namespace stsfs::daemon {

/// One thing that somebody wants set, and where they said so, for messages: `-o`, `STSFS_ENDPOINT`,
/// `/etc/stsfs/stsfs.toml:3`.
struct Setting {
  std::string name;
  std::string value;
  std::string origin;
};
using Settings = std::vector<Setting>;

using Environment = std::function<const char*(const char* name)>;

/// What stands after `-o`: `a,b=c`, a comma or backslash in a value escaped with a backslash.
Result<Settings> parse_option_list(const std::string& text, const std::string& origin = "-o");

/// Those of the table that the environment sets. Other `STSFS_` names are not ours to judge.
Settings environment_settings(const Environment& environment);

struct ResolveOptions {
  /// `mount -s`: options that are unknown are left out instead of refused.
  bool sloppy = false;
};

/// Later settings win. What fstab may hold for every filesystem (`_netdev`, `x-…`, `users`, …) is
/// dropped, what the kernel handles (`nosuid`, `noatime`, …) goes to `kernel_options`.
///
/// Errors: kInvalid, naming origin, option and what would be right.
Result<MountOptions> resolve(const Settings& settings, const ResolveOptions& how = {});

/// What each option is and takes, for `stsfs mount --help`.
std::string options_help();

}  // namespace stsfs::daemon
