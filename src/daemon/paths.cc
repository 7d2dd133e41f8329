#include "paths.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "stsfs/base/text.h"
#include "stsfs/sign/digest.h"

namespace stsfs::daemon {
namespace {

constexpr const char* kSystemConfig = "/etc/stsfs/stsfs.toml";
constexpr const char* kSocketSuffix = ".sock";
constexpr const char* kMountsDirectory = "/mounts";
constexpr std::size_t kIdBytes = 8;

std::string hash_id(std::string_view text) {
  const auto digest = sign::sha256(text);
  return hex_lower(std::span(digest).first(kIdBytes));
}

/// The variable's value when it is an absolute path.
std::string directory_of(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value != nullptr && *value == '/' ? std::string(value) : std::string();
}

std::string runtime_directory(const Environment& environment, uid_t uid) {
  const std::string own = directory_of(environment, "XDG_RUNTIME_DIR");
  if (!own.empty()) return own + "/stsfs";
  if (uid == 0) return "/run/stsfs";
  const std::string logind = "/run/user/" + std::to_string(uid);
  std::error_code error;
  if (std::filesystem::is_directory(logind, error)) return logind + "/stsfs";
  // Whoever else made it there is found out when a socket is put into it.
  return "/tmp/stsfs-" + std::to_string(uid);
}

}  // namespace

Paths paths_of(const Environment& environment, uid_t uid, const std::string& home) {
  Paths out;
  out.config_files.emplace_back(kSystemConfig);
  const std::string config = directory_of(environment, "XDG_CONFIG_HOME");
  out.config_files.push_back((config.empty() ? home + "/.config" : config) + "/stsfs/stsfs.toml");
  const std::string state = directory_of(environment, "XDG_STATE_HOME");
  if (!state.empty()) {
    out.state = state + "/stsfs";
  } else {
    out.state = uid == 0 ? "/var/lib/stsfs" : home + "/.local/state/stsfs";
  }
  const std::string cache = directory_of(environment, "XDG_CACHE_HOME");
  if (!cache.empty()) {
    out.cache = cache + "/stsfs";
  } else {
    out.cache = uid == 0 ? "/var/cache/stsfs" : home + "/.cache/stsfs";
  }
  out.runtime = runtime_directory(environment, uid);
  return out;
}

Result<Paths> our_paths() {
  const Environment environment = [](const char* name) { return getenv(name); };
  std::string home = directory_of(environment, "HOME");
  if (home.empty()) {
    std::array<char, 16'384> buffer;
    passwd entry{};
    passwd* found = nullptr;
    if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
        found == nullptr)
      return fail(Errc::kNotFound, "HOME is not set, and this user has no entry in passwd");
    home = entry.pw_dir;
  }
  return paths_of(environment, geteuid(), home);
}

std::string folder_id(const std::string& endpoint, const std::string& bucket,
                      const std::string& prefix) {
  return hash_id(endpoint + "\n" + bucket + "\n" + prefix);
}

std::string control_socket_path(const Paths& paths, const std::string& mount_point) {
  return paths.runtime + "/" + hash_id(mount_point) + kSocketSuffix;
}

std::vector<std::string> control_sockets(const Paths& paths) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(paths.runtime, error))
    if (entry.path().extension() == kSocketSuffix) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> journaled_states(const std::string& state) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(state + kMountsDirectory, error))
    if (access((entry.path() / "staging/journal.db").c_str(), R_OK) == 0)
      out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

bool is_below(const std::string& path, const std::string& directory) {
  return path == directory || directory == "/" || path.starts_with(directory + "/");
}

}  // namespace stsfs::daemon
