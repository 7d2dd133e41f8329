#pragma once

#include <string>

#include "stsfs/base/secret.h"

namespace stsfs::sim {

struct DefaultRamOptions {
  std::string account_id = "123456789012";
  std::string bucket = "examplebucket";
  std::string prefix = "users/";  ///< What the role may reach; ends in `/`, or is empty.
  std::string role = "stsfs-user";
  std::string vending_user = "vending";
  std::string admin_user = "admin";
  int role_session_max_seconds = 43'200;
};

/// A RAM document to start from, with random keys: a user that may only assume the role, the role
/// that reaches one prefix of one bucket, and an administrator with all of OSS.
struct DefaultRam {
  Secret document;  ///< TOML; write it 0600.
  std::string role_arn;
  std::string vending_key_id;
  Secret vending_key_secret;
  std::string admin_key_id;
  Secret admin_key_secret;
};
DefaultRam make_default_ram(const DefaultRamOptions& options);

}  // namespace stsfs::sim
