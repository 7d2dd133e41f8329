#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stsfs/base/result.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs::vend {

class TableReader;
struct Config;
struct StsConfig;

/// Where a person's folder is, what the person may do there, and with which role.
struct FolderConfig {
  std::string endpoint;
  std::string region;
  std::string bucket;
  std::string prefix = "users/${user}/";
  sts::Access access = sts::Access::kReadWrite;
  std::shared_ptr<const sts::PolicyTemplate> policy;  ///< Instead of the one shipped for `access`.
  sts::PolicyExtras extras;
  std::vector<std::string> source_addresses;
  std::string storage_class;  ///< For new objects; empty: the bucket's.
  std::uint64_t quota_bytes = 0;
  std::chrono::seconds usage_interval{3'600};  ///< Where there is a quota; 0: never counted.
  bool versioning = false;
  bool hierarchical_namespace = false;
  // As in [sts], unless the folder says otherwise.
  std::string sts_endpoint;
  std::string role_arn;
  std::string external_id;
  std::chrono::seconds duration{3'600};
};

/// A folder for one user or one group. What it does not say is as in `[folder]`.
struct FolderRule {
  std::string name;
  FolderConfig folder;
};

/// Reads what a table says over what `folder` has, and checks the whole, policy included.
void read_folder(TableReader& reader, FolderConfig& folder, bool required);

/// `acs:ram::ACCOUNT:role/NAME`
Result<void> check_role_arn(const std::string& role_arn);

const FolderConfig& folder_for(const Config& config, const std::string& user,
                               const std::vector<std::string>& groups);

/// Errors: kInvalid for a name that is none.
Result<std::string> prefix_of(const FolderConfig& folder, const std::string& user);
/// Errors: kInvalid; kTooLarge when STS would not take it.
Result<std::string> session_policy_of(const FolderConfig& folder, const std::string& user);

/// `rw`, `ro`, `wo`: as the answer tells a client.
const char* permissions_of(const FolderConfig& folder);

}  // namespace stsfs::vend
