#include "config.h"

#include <set>
#include <utility>

#include <toml++/toml.h>

#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"

namespace stsfs::vend {
namespace {

/// Reads one table, remembers what it asked for, and complains about the rest.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string name, const std::string& file,
              std::string& complaint)
      : table_(table), name_(std::move(name)), file_(file), complaint_(complaint) {}

  void read(const char* key, std::string& into, bool required = false) {
    if (const toml::node* node = find(key, required)) {
      if (const auto* value = node->as_string())
        into = value->get();
      else
        complain(key, node, "must be a string");
    }
    if (required && into.empty()) complain(key, nullptr, "must not be empty");
  }
  void read(const char* key, bool& into) {
    if (const toml::node* node = find(key, false)) {
      if (const auto* value = node->as_boolean())
        into = value->get();
      else
        complain(key, node, "must be true or false");
    }
  }
  void read(const char* key, int& into, std::int64_t least, std::int64_t most) {
    if (const toml::node* node = find(key, false)) {
      const auto* value = node->as_integer();
      if (value == nullptr || value->get() < least || value->get() > most)
        complain(key, node,
                 "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
      else
        into = static_cast<int>(value->get());
    }
  }
  void read(const char* key, std::chrono::seconds& into, std::int64_t least, std::int64_t most) {
    int seconds = static_cast<int>(into.count());
    read(key, seconds, least, most);
    into = std::chrono::seconds(seconds);
  }
  template <class T>
  void choose(const char* key, T& into,
              std::initializer_list<std::pair<std::string_view, T>> choices) {
    const toml::node* node = find(key, false);
    if (node == nullptr) return;
    const auto text = node->value<std::string_view>();
    std::string names;
    for (const auto& [name, value] : choices) {
      if (text == name) {
        into = value;
        return;
      }
      names += (names.empty() ? "" : " or ") + std::string(name);
    }
    complain(key, node, "must be " + names);
  }
  const toml::table* table(const char* key) {
    const toml::node* node = find(key, false);
    if (node == nullptr) return nullptr;
    if (!node->is_table()) complain(key, node, "must be a table");
    return node->as_table();
  }
  void check(const char* key, const Result<void>& result) {
    if (!result) complain(key, table_.get(key), result.error().message);
  }
  void complain(const char* key, const toml::node* node, const std::string& what) {
    const auto line = node != nullptr ? node->source().begin.line : table_.source().begin.line;
    if (complaint_.empty())
      complaint_ = file_ + ":" + std::to_string(line) + ": " + name_ + key + " " + what;
  }
  void refuse_unknown() {
    for (const auto& [key, node] : table_)
      if (!asked_.contains(std::string(key.str())))
        complain(std::string(key.str()).c_str(), &node, "is no key of this configuration");
  }

 private:
  const toml::node* find(const char* key, bool required) {
    asked_.insert(key);
    const toml::node* node = table_.get(key);
    if (node == nullptr && required) complain(key, nullptr, "is missing");
    return node;
  }

  const toml::table& table_;
  const std::string name_;
  const std::string& file_;
  std::string& complaint_;
  std::set<std::string> asked_;
};

void read_sts(TableReader& reader, StsConfig& sts) {
  reader.read("endpoint", sts.client.endpoint, true);
  reader.read("role_arn", sts.role_arn, true);
  reader.read("external_id", sts.external_id);
  // STS itself says what it permits: 900 s and more on the real service.
  reader.read("duration_seconds", sts.duration, 1, 43'200);
  reader.read("timeout_seconds", sts.timeout, 1, 60);
  reader.read("ca_file", sts.ca_file);
  reader.choose("signature", sts.client.signature,
                {{"acs3", sts::SignatureKind::kAcs3}, {"rpc", sts::SignatureKind::kRpc}});
  reader.check("endpoint", sts.client.validate());
  if (!sts.role_arn.starts_with("acs:ram::"))
    reader.complain("role_arn", nullptr, "reads acs:ram::ACCOUNT:role/NAME");
  reader.refuse_unknown();
}

void read_folder(TableReader& reader, FolderConfig& folder) {
  reader.read("endpoint", folder.endpoint, true);
  reader.read("region", folder.region, true);
  reader.read("bucket", folder.bucket, true);
  reader.read("prefix", folder.prefix);
  reader.choose("permissions", folder.access,
                {{"rw", sts::Access::kReadWrite}, {"ro", sts::Access::kReadOnly}});
  reader.read("versioning", folder.versioning);
  reader.read("hierarchical_namespace", folder.hierarchical_namespace);
  reader.check("endpoint",
               sts::StsOptions{.endpoint = folder.endpoint}.validate().map_error([](Error error) {
                 error.message = "reads https://HOST[:PORT], without a path";
                 return error;
               }));
  reader.check("prefix", sts::check_prefix_template(folder.prefix));
  // With the longest name there can be: no user is to find out later.
  auto prefix = sts::expand_prefix(folder.prefix, std::string(64, 'x'));
  auto policy = sts::session_policy({.bucket = folder.bucket, .prefix = prefix ? *prefix : "x/"});
  if (!policy) reader.complain("bucket", nullptr, ": " + policy.error().message);
  reader.refuse_unknown();
}

void read_limits(TableReader& reader, Limits& limits) {
  reader.read("connections_max", limits.connections_max, 1, 100'000);
  reader.read("connections_per_address_max", limits.connections_per_address_max, 1, 100'000);
  reader.read("request_timeout_seconds", limits.request_timeout, 1, 600);
  reader.read("idle_timeout_seconds", limits.idle_timeout, 1, 3'600);
  reader.refuse_unknown();
}

void read_top(TableReader& reader, Config& config) {
  reader.read("listen", config.listen);
  reader.read("tls_certificate", config.tls_certificate);
  reader.read("tls_key", config.tls_key);
  reader.read("database", config.database, true);
  reader.read("access_key_file", config.access_key_file);
  reader.read("audit_log", config.audit_log);
  reader.read("token_lifetime_seconds", config.token_lifetime, 10, 10 * 366 * 86'400LL);
  if (config.tls_certificate.empty() != config.tls_key.empty())
    reader.complain("tls_certificate", nullptr, "and tls_key belong together");
}

constexpr std::string_view kExample =
    R"(# stsfs-vend, see stsfs-vend(8). Every key that is commented out shows its default.

listen = "0.0.0.0:7443"            # ADDRESS:PORT, [ADDRESS]:PORT; port 0: any that is free
tls_certificate = "/etc/stsfs/vend.crt"
tls_key = "/etc/stsfs/vend.key"    # mode 0600; without TLS only a loopback address is served
database = "/var/lib/stsfs-vend/users.db"
access_key_file = "/etc/stsfs/vend-access-key.json"   # mode 0600: {"AccessKeyId": "…", "AccessKeySecret": "…"}
audit_log = "/var/log/stsfs-vend/audit.log"
# token_lifetime_seconds = 7776000   # a login that is used renews itself

[sts]
endpoint = "https://sts.cn-hangzhou.aliyuncs.com"
role_arn = "acs:ram::123456789012:role/stsfs-user"
# duration_seconds = 3600          # 900 to the role's maximum session duration
# signature = "acs3"               # or "rpc"
# external_id = ""
# timeout_seconds = 10
# ca_file = ""                     # PEM; empty: the system's

[folder]
endpoint = "https://oss-cn-hangzhou.aliyuncs.com"
region = "cn-hangzhou"
bucket = "examplebucket"
prefix = "users/${user}/"
# permissions = "rw"               # or "ro"
# versioning = false
# hierarchical_namespace = false

# [limits]
# connections_max = 1000
# connections_per_address_max = 100
# request_timeout_seconds = 15
# idle_timeout_seconds = 60
)";

}  // namespace

Result<Config> parse_config(std::string_view text, const std::string& file) try {
  const toml::table document = toml::parse(text, file);
  Config config;
  std::string complaint;
  TableReader top(document, "", file, complaint);
  read_top(top, config);
  const toml::table empty;
  const toml::table* sts = top.table("sts");
  TableReader sts_reader(sts != nullptr ? *sts : empty, "sts.", file, complaint);
  read_sts(sts_reader, config.sts);
  const toml::table* folder = top.table("folder");
  TableReader folder_reader(folder != nullptr ? *folder : empty, "folder.", file, complaint);
  read_folder(folder_reader, config.folder);
  const toml::table* limits = top.table("limits");
  TableReader limits_reader(limits != nullptr ? *limits : empty, "limits.", file, complaint);
  read_limits(limits_reader, config.limits);
  top.refuse_unknown();
  if (!complaint.empty()) return fail(Errc::kInvalid, complaint);
  return config;
} catch (const toml::parse_error& error) {
  return fail(Errc::kInvalid, file + ":" + std::to_string(error.source().begin.line) + ": " +
                                  printable(error.description()));
}

Result<Config> load_config(const std::string& file) {
  auto text = read_file(file);
  if (!text) return fail(std::move(text.error()), "configuration");
  return parse_config(*text, file);
}

std::string_view example_config() { return kExample; }

}  // namespace stsfs::vend
