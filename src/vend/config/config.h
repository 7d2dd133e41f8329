#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "folder_config.h"
#include "stsfs/base/result.h"
#include "stsfs/sts/assume_role.h"

namespace stsfs::vend {

struct StsConfig {
  sts::StsOptions client;
  std::string role_arn;
  std::string external_id;
  std::chrono::seconds duration{3'600};
  std::chrono::seconds timeout{10};  ///< For one credential, repeats included.
  std::string ca_file;
};

/// What may be endless from outside.
struct Limits {
  int connections_max = 1'000;
  int connections_per_address_max = 100;
  std::chrono::seconds request_timeout{
      15};                                ///< For a whole request to arrive, from its connection.
  std::chrono::seconds idle_timeout{60};  ///< Between two requests of a connection.
  int requests_per_second =
      200;  ///< From one address, and of one user; ten times as many at once. 0: any.
  int lockout_failures = 100;  ///< Of one name in a row; 0: no name is ever locked.
};

/// An OpenID provider whose tokens are taken as logins. Empty `issuer`: none.
struct OidcConfig {
  std::string issuer;
  std::vector<std::string> audiences;
  std::string jwks_uri;  ///< Empty: found through the issuer's discovery document.
  std::string user_claim = "sub";
  std::string groups_claim;  ///< Empty: groups are those given here.
  bool provision = true;     ///< A person who is not known yet is added.
  bool local_users = false;  ///< A token may also stand for a password user of the same name.
  std::string ca_file;
};

struct DeviceConfig {
  std::chrono::seconds lifetime{600};
  std::chrono::seconds pause{5};  ///< Between two polls of a device.
};

struct PasswordConfig {
  int target_milliseconds = 100;  ///< What a login is to cost on this machine.
  int memory_mib = 64;
};

/// A whole configuration; see stsfs-vend(8) for its keys.
struct Config {
  std::string listen = "127.0.0.1:7443";
  std::string public_url;       ///< As people reach it; empty: as they say they did.
  std::string tls_certificate;  ///< PEM; empty: plain HTTP, on loopback only.
  std::string tls_key;          ///< PEM, mode 0600.
  std::string tls_client_ca;    ///< PEM; not empty: only clients with a certificate of it.
  std::vector<std::string> trusted_proxies;  ///< Whose `X-Forwarded-For` is believed.
  std::string run_as;  ///< User to become once the socket is open; empty: stay.
  std::string database;
  std::string access_key_file;   ///< Empty: from the environment.
  std::string admin_token_file;  ///< Empty: no administration over HTTP, no metrics.
  std::string audit_log;         ///< Empty: with the rest of the log.
  bool audit_sync = false;
  bool log_json = false;
  bool self_test = true;
  std::chrono::seconds token_lifetime{90 * 86'400};
  StsConfig sts;
  FolderConfig folder;             ///< Of whom no rule names.
  std::vector<FolderRule> groups;  ///< The first that a person is in counts.
  std::vector<FolderRule> users;   ///< Goes before those.
  OidcConfig oidc;
  DeviceConfig device;
  PasswordConfig password;
  Limits limits;
};

/// kInvalid with `file:line` and the key for what is unknown, of the wrong type or out of range.
Result<Config> parse_config(std::string_view text, const std::string& file);
Result<Config> load_config(const std::string& file);

/// The keys that differ and that only a restart changes, as `listen, [password]`; empty: none.
std::string restart_needed(const Config& running, const Config& wanted);

/// A commented configuration to start from.
std::string_view example_config();

}  // namespace stsfs::vend
