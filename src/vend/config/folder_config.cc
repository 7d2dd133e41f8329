#include "folder_config.h"

#include <algorithm>
#include <array>

#include "config.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "table_reader.h"

namespace stsfs::vend {
namespace {

// OSS, x-oss-storage-class.
constexpr std::array<std::string_view, 6> kStorageClasses{
    "", "Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"};
constexpr std::size_t kTemplateMaxBytes = 64 * 1024;

/// `https://HOST[:PORT]`. Over plain HTTP OSS may be, unlike STS, whose answers hold the keys.
Result<void> check_oss_endpoint(const std::string& endpoint) {
  const bool plain = endpoint.starts_with("http://");
  if (sts::StsOptions{.endpoint = plain ? "https" + endpoint.substr(4) : endpoint}.validate())
    return {};
  return fail(Errc::kInvalid, "reads https://HOST[:PORT], without a path");
}

Result<std::shared_ptr<const sts::PolicyTemplate>> load_template(const std::string& file) {
  auto text = read_file(file, kTemplateMaxBytes);
  if (!text) return fail(std::move(text.error()));
  auto parsed = sts::PolicyTemplate::parse(*text);
  if (!parsed) return fail(std::move(parsed.error()));
  return std::make_shared<const sts::PolicyTemplate>(std::move(*parsed));
}

void read_policy(TableReader& reader, FolderConfig& folder) {
  reader.choose("permissions", folder.access,
                {{"rw", sts::Access::kReadWrite},
                 {"ro", sts::Access::kReadOnly},
                 {"upload-only", sts::Access::kUploadOnly},
                 {"shared", sts::Access::kSharedFolder}});
  std::string file;
  reader.read("policy_file", file);
  if (!file.empty()) {
    auto policy = load_template(file);
    if (policy)
      folder.policy = std::move(*policy);
    else
      reader.complain("policy_file", nullptr, ": " + policy.error().message);
  } else if (reader.has("permissions")) {
    folder.policy.reset();  // the nearer word counts
  }
  reader.read("allow_acl", folder.extras.acl);
  reader.read("allow_restore", folder.extras.restore);
  reader.read("allow_versions", folder.extras.versions);
  reader.read("allow_tagging", folder.extras.tagging);
  reader.read("source_addresses", folder.source_addresses);
  for (const std::string& address : folder.source_addresses)
    reader.check("source_addresses", sts::check_source_address(address));
}

void read_role(TableReader& reader, FolderConfig& folder) {
  reader.read("sts_endpoint", folder.sts_endpoint);
  reader.read("role_arn", folder.role_arn);
  reader.read("external_id", folder.external_id);
  reader.read("duration_seconds", folder.duration, 1, 43'200);
  if (reader.has("sts_endpoint"))
    reader.check("sts_endpoint", sts::StsOptions{.endpoint = folder.sts_endpoint}.validate());
  if (reader.has("role_arn")) reader.check("role_arn", check_role_arn(folder.role_arn));
}

void read_quota(TableReader& reader, FolderConfig& folder) {
  std::string quota;
  reader.read("quota", quota);
  const auto bytes = parse_size(quota.empty() ? "0" : quota);
  if (bytes && !quota.empty())
    folder.quota_bytes = *bytes;
  else if (!bytes)
    reader.complain("quota", nullptr, "reads like 500M or 10G");
}

/// With the longest name there can be: no user is to find out later.
void check_whole(TableReader& reader, const FolderConfig& folder) {
  const std::string longest(64, 'x');
  auto prefix = prefix_of(folder, longest);
  if (!prefix) return reader.complain("prefix", nullptr, ": " + prefix.error().message);
  auto policy = session_policy_of(folder, longest);
  if (!policy) reader.complain("bucket", nullptr, ": " + policy.error().message);
  if (std::find(kStorageClasses.begin(), kStorageClasses.end(), folder.storage_class) ==
      kStorageClasses.end())
    reader.complain("storage_class", nullptr, "is no storage class of OSS");
}

}  // namespace

Result<void> check_role_arn(const std::string& role_arn) {
  if (auto policy = sts::assume_policy(role_arn); !policy) return fail(std::move(policy.error()));
  return {};
}

void read_folder(TableReader& reader, FolderConfig& folder, bool required) {
  reader.read("endpoint", folder.endpoint, required);
  reader.read("region", folder.region, required);
  reader.read("bucket", folder.bucket, required);
  reader.read("prefix", folder.prefix);
  read_policy(reader, folder);
  read_role(reader, folder);
  read_quota(reader, folder);
  reader.read("usage_interval_seconds", folder.usage_interval, 0, 7 * 86'400);
  reader.read("storage_class", folder.storage_class);
  reader.read("versioning", folder.versioning);
  reader.read("hierarchical_namespace", folder.hierarchical_namespace);
  reader.check("endpoint", check_oss_endpoint(folder.endpoint));
  check_whole(reader, folder);
  reader.refuse_unknown();
}

const FolderConfig& folder_for(const Config& config, const std::string& user,
                               const std::vector<std::string>& groups) {
  for (const FolderRule& rule : config.users)
    if (rule.name == user) return rule.folder;
  for (const FolderRule& rule : config.groups)
    if (std::find(groups.begin(), groups.end(), rule.name) != groups.end()) return rule.folder;
  return config.folder;
}

Result<std::string> prefix_of(const FolderConfig& folder, const std::string& user) {
  if (folder.access != sts::Access::kSharedFolder) return sts::expand_prefix(folder.prefix, user);
  if (auto good = sts::check_shared_prefix(folder.prefix); !good)
    return fail(std::move(good.error()));
  return folder.prefix;
}

Result<std::string> session_policy_of(const FolderConfig& folder, const std::string& user) {
  auto prefix = prefix_of(folder, user);
  if (!prefix) return prefix;
  return sts::session_policy({.bucket = folder.bucket,
                              .prefix = std::move(*prefix),
                              .access = folder.access,
                              .require_tls = folder.endpoint.starts_with("https://"),
                              .user = user,
                              .extras = folder.extras,
                              .source_addresses = folder.source_addresses,
                              .custom = folder.policy.get()});
}

const char* permissions_of(const FolderConfig& folder) {
  switch (folder.access) {
    case sts::Access::kReadWrite:
    case sts::Access::kSharedFolder:
      return "rw";
    case sts::Access::kReadOnly:
      return "ro";
    case sts::Access::kUploadOnly:
      return "wo";
  }
  return "ro";
}

}  // namespace stsfs::vend
