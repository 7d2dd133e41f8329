#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stsfs/base/log.h"
#include "stsfs/base/result.h"
#include "stsfs/credentials/token_store.h"

namespace stsfs::daemon {

enum class CredentialKind {
  kAutomatic,
  kVending,
  kEnvironment,
  kStatic,
  kFile,
  kProcess,
  kUri,
  kEcs,
  kOidc,
  kAssumeRole
};
enum class Consistency { kCached, kStrict, kPrivate };
enum class UrlStyleChoice { kAutomatic, kVirtualHosted, kPath };

/// Everything that can be set for a mount. The defaults stand in the option table, as text, where
/// help and man page take them from; `default_options()` has them applied.
struct MountOptions {
  // where the folder is
  std::string endpoint, region;
  bool hierarchical_namespace = false;
  CredentialKind credentials = CredentialKind::kAutomatic;
  std::string vend, vend_user, password_command;
  credentials::TokenPlace token_store = credentials::TokenPlace::kFile;
  std::string credentials_file, credentials_process, credentials_uri;
  std::string ecs_role, ecs_metadata;
  std::string role_arn, role_session, sts_endpoint, oidc_provider_arn, oidc_token_file;
  // how to get there
  std::string cacert, client_cert, client_key, proxy;
  bool insecure_http = false;
  int signature_version = 0;
  UrlStyleChoice url_style = UrlStyleChoice::kAutomatic;
  int connections_max = 0;
  // whose the files are
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  mode_t umask = 0;
  std::optional<mode_t> file_mode, dir_mode;
  std::string storage_class, object_acl;
  bool allow_other = false;
  bool read_only = false;
  // what may be known and kept, and where
  bool hard_links = true;
  bool strict_exclusive = false;
  Consistency consistency = Consistency::kCached;
  std::chrono::milliseconds freshness{0};
  bool commit_in_background = false;
  bool sync_close = false;
  std::uint64_t staging_bytes = 0;
  std::uint64_t memory_bytes = 0;
  std::string state_dir, state;
  std::uint64_t cache_bytes = 0;
  std::string cache_dir;
  // how long to wait
  std::chrono::milliseconds connect_timeout{0}, stall_timeout{0}, metadata_timeout{0},
      read_timeout{0}, commit_timeout{0}, mount_timeout{0}, drain_timeout{0};
  // the process
  std::string log;
  LogLevel log_level = LogLevel::kInfo;
  bool allow_core = false;
  int receivers = 0;
  int read_ahead_kib = 0;

  /// Not in the table: what the kernel itself is told (`nosuid`, `noatime`, …).
  std::vector<std::string> kernel_options;
};

/// One option, however it is given: `-o allow_other`, `--allow-other`, `STSFS_ALLOW_OTHER=yes`,
/// `allow_other = true` in a configuration file.
struct OptionRow {
  const char* name;
  const char* value;         ///< What stands for the value in help; empty: a yes-or-no option.
  const char* default_text;  ///< As a person would write it; empty: not set.
  const char* help;          ///< One sentence without a full stop.
  Result<void> (*set)(MountOptions& options, const std::string& value);

  bool is_flag() const { return *value == '\0'; }
  std::string flag() const;         ///< `--allow-other`
  std::string environment() const;  ///< `STSFS_ALLOW_OTHER`
};

std::span<const OptionRow> option_table();
/// nullptr when there is none of that name.
const OptionRow* find_option(std::string_view name);
MountOptions default_options();

}  // namespace stsfs::daemon
