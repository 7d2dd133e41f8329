#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "stsfs/base/result.h"
#include "stsfs/sts/assume_role.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs::vend {

/// Where each user's folder is; what the daemon is told.
struct FolderConfig {
  std::string endpoint;
  std::string region;
  std::string bucket;
  std::string prefix = "users/${user}/";
  sts::Access access = sts::Access::kReadWrite;
  bool versioning = false;
  bool hierarchical_namespace = false;
};

struct StsConfig {
  sts::StsOptions client;
  std::string role_arn;
  std::string external_id;
  std::chrono::seconds duration{3'600};
  std::chrono::seconds timeout{10};
  std::string ca_file;
};

/// What may be endless from outside.
struct Limits {
  int connections_max = 1'000;
  int connections_per_address_max = 100;
  std::chrono::seconds request_timeout{
      15};                                ///< For a whole request to arrive, from its connection.
  std::chrono::seconds idle_timeout{60};  ///< Between two requests of a connection.
};

/// A whole configuration; see stsfs-vend(8) for its keys.
struct Config {
  std::string listen = "127.0.0.1:7443";
  std::string tls_certificate;  ///< PEM; empty: plain HTTP, on loopback only.
  std::string tls_key;          ///< PEM, mode 0600.
  std::string database;
  std::string access_key_file;  ///< Empty: from the environment.
  std::string audit_log;        ///< Empty: with the rest of the log.
  std::chrono::seconds token_lifetime{90 * 86'400};
  StsConfig sts;
  FolderConfig folder;
  Limits limits;
};

/// kInvalid with `file:line` and the key for what is unknown, of the wrong type or out of range.
Result<Config> parse_config(std::string_view text, const std::string& file);
Result<Config> load_config(const std::string& file);

/// A commented configuration to start from.
std::string_view example_config();

}  // namespace stsfs::vend
