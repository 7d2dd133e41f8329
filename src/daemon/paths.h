#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "settings.h"

namespace stsfs::daemon {

/// Where things of one user lie. Source: XDG Base Directory Specification; hier(7) for root.
struct Paths {
  std::vector<std::string> config_files;  ///< In the order in which they are read; the later win.
  std::string state;                      ///< `$XDG_STATE_HOME/stsfs`: login tokens, `mounts/`.
  std::string cache;                      ///< `$XDG_CACHE_HOME/stsfs`: what can be asked for again.
  std::string runtime;                    ///< `$XDG_RUNTIME_DIR/stsfs`: control sockets.
};

/// `home` is where nothing else is said; relative values of XDG variables are ignored, as the
/// specification wants.
Paths paths_of(const Environment& environment, uid_t uid, const std::string& home);
/// Of this process. kNotFound when the user has no home.
Result<Paths> our_paths();

/// Names the folder: 16 hex digits of a hash over the three.
std::string folder_id(const std::string& endpoint, const std::string& bucket,
                      const std::string& prefix);

/// Where the daemon of `mount_point` (absolute, resolved) listens.
std::string control_socket_path(const Paths& paths, const std::string& mount_point);
/// All that are there, whether somebody listens or not.
std::vector<std::string> control_sockets(const Paths& paths);

/// The state directories of folders that were mounted and have a journal, below `state`: that of
/// Paths, or a state_dir.
std::vector<std::string> journaled_states(const std::string& state);

/// Whether `path` is `directory` or lies below it; both absolute and normal.
bool is_below(const std::string& path, const std::string& directory);

}  // namespace stsfs::daemon
