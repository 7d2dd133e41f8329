#include "config.h"

#include "listen_address.h"
#include "stores/sql.h"
#include "stores/user_store.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "stsfs/base/this_machine.h"
#include "stsfs/sts/session_policy.h"
#include "table_reader.h"

namespace stsfs::vend {
namespace {

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
  reader.check("role_arn", check_role_arn(sts.role_arn));
  reader.refuse_unknown();
}

void read_limits(TableReader& reader, Limits& limits) {
  reader.read("connections_max", limits.connections_max, 1, 100'000);
  reader.read("connections_per_address_max", limits.connections_per_address_max, 1, 100'000);
  reader.read("request_timeout_seconds", limits.request_timeout, 1, 600);
  reader.read("idle_timeout_seconds", limits.idle_timeout, 1, 3'600);
  reader.read("requests_per_second", limits.requests_per_second, 0, 1'000'000);
  reader.read("lockout_failures", limits.lockout_failures, 0, 1'000'000);
  reader.refuse_unknown();
}

bool is_web_address(const std::string& url) {
  return (url.starts_with("https://") || url.starts_with("http://")) &&
         url.find_first_of(" \t\"<>\\") == std::string::npos;
}

void read_oidc(TableReader& reader, OidcConfig& oidc) {
  reader.read("issuer", oidc.issuer, true);
  reader.read("audiences", oidc.audiences);
  reader.read("jwks_uri", oidc.jwks_uri);
  reader.read("user_claim", oidc.user_claim);
  reader.read("groups_claim", oidc.groups_claim);
  reader.read("provision", oidc.provision);
  reader.read("local_users", oidc.local_users);
  reader.read("ca_file", oidc.ca_file);
  for (const auto& [key, url] : {std::pair<const char*, const std::string&>{"issuer", oidc.issuer},
                                 {"jwks_uri", oidc.jwks_uri}}) {
    if (url.empty()) continue;
    if (!is_web_address(url))
      reader.complain(key, nullptr, "must be a URL");
    else if (is_readable_on_the_way(url))
      reader.complain(key, nullptr,
                      "is http:// to another machine, where everybody on the way could put in keys "
                      "of his own; remedy: use https://");
  }
  if (oidc.audiences.empty()) reader.complain("audiences", nullptr, "must name one at least");
  reader.refuse_unknown();
}

void read_device(TableReader& reader, DeviceConfig& device) {
  reader.read("lifetime_seconds", device.lifetime, 5, 3'600);
  reader.read("pause_seconds", device.pause, 1, 60);
  if (device.pause >= device.lifetime)
    reader.complain("pause_seconds", nullptr, "must be less than lifetime_seconds");
  reader.refuse_unknown();
}

void read_password(TableReader& reader, PasswordConfig& password) {
  reader.read("target_milliseconds", password.target_milliseconds, 1, 5'000);
  reader.read("memory_mib", password.memory_mib, 8, 4'096);
  reader.refuse_unknown();
}

void read_top(TableReader& reader, Config& config) {
  reader.read("listen", config.listen);
  reader.read("public_url", config.public_url);
  reader.read("tls_certificate", config.tls_certificate);
  reader.read("tls_key", config.tls_key);
  reader.read("tls_client_ca", config.tls_client_ca);
  reader.read("trusted_proxies", config.trusted_proxies);
  reader.read("run_as", config.run_as);
  reader.read("database", config.database, true);
  reader.read("access_key_file", config.access_key_file);
  reader.read("admin_token_file", config.admin_token_file);
  reader.read("audit_log", config.audit_log);
  reader.read("audit_sync", config.audit_sync);
  reader.choose("log_format", config.log_json, {{"text", false}, {"json", true}});
  reader.read("self_test", config.self_test);
  reader.read("token_lifetime_seconds", config.token_lifetime, 10, 10 * 366 * 86'400LL);
  if (config.tls_certificate.empty() != config.tls_key.empty())
    reader.complain("tls_certificate", nullptr, "and tls_key belong together");
  if (is_postgres(config.database)) reader.check("database", check_conninfo(config.database));
  reader.check("listen", check_listen(config.listen, !config.tls_certificate.empty()));
  if (!config.tls_client_ca.empty() && config.tls_certificate.empty())
    reader.complain("tls_client_ca", nullptr, "needs tls_certificate");
  if (!config.public_url.empty() &&
      (!is_web_address(config.public_url) || config.public_url.ends_with('/')))
    reader.complain("public_url", nullptr, "reads https://HOST, without a slash at its end");
  for (const std::string& proxy : config.trusted_proxies)
    reader.check("trusted_proxies", sts::check_source_address(proxy));
}

/// `[[user]]` or `[[group]]`: what `[folder]` says, and the rule's own over it.
std::vector<FolderRule> read_rules(TableReader& top, const char* kind, const FolderConfig& common,
                                   const std::string& file, std::string& complaint) {
  std::vector<FolderRule> rules;
  for (const toml::table* table : top.tables(kind)) {
    TableReader reader(*table, std::string(kind) + ".", file, complaint);
    FolderRule rule{"", common};
    reader.read("name", rule.name, true);
    reader.check("name", std::string_view(kind) == "user" ? sts::check_user_name(rule.name)
                                                          : check_group_name(rule.name));
    read_folder(reader, rule.folder, false);
    for (const FolderRule& other : rules)
      if (other.name == rule.name) reader.complain("name", table->get("name"), "stands twice");
    rules.push_back(std::move(rule));
  }
  return rules;
}

constexpr std::string_view kExample =
    R"(# stsfs-vend, see stsfs-vend(8). Every key that is commented out shows its default.

listen = "0.0.0.0:7443"            # ADDRESS:PORT, [ADDRESS]:PORT; port 0: any that is free
tls_certificate = "/etc/stsfs/vend.crt"
tls_key = "/etc/stsfs/vend.key"    # mode 0600; without TLS only a loopback address is served
database = "/var/lib/stsfs-vend/users.db"
access_key_file = "/etc/stsfs/vend-access-key.json"   # mode 0600: {"AccessKeyId": "…", "AccessKeySecret": "…"}
audit_log = "/var/log/stsfs-vend/audit.log"
# audit_sync = false               # true: each line is on the disk before its decision takes effect
# admin_token_file = "/etc/stsfs/vend-admin-token"    # mode 0600; opens /v1/admin and /metrics
# public_url = "https://vend.example.com"             # as people reach it
# run_as = "stsfs-vend"            # when started as root
# tls_client_ca = ""               # PEM; only clients with a certificate of this CA
# trusted_proxies = []             # addresses whose X-Forwarded-For is believed
# log_format = "text"              # or "json"
# self_test = true                 # one AssumeRole at the start
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
# permissions = "rw"               # or "ro", "upload-only", "shared" (a prefix without ${user})
# policy_file = ""                 # a template of your own instead; stsfs-vend policy session prints the shipped one
# allow_acl = false                # more statements: object ACLs, restore, versions, tagging
# allow_restore = false
# allow_versions = false
# allow_tagging = false
# source_addresses = []            # addresses or CIDR blocks that the credential works from
# storage_class = ""
# quota = ""                       # like "10G"; shown to the user
# usage_interval_seconds = 3600    # how often what is used of a quota is counted; 0: never
# versioning = false
# hierarchical_namespace = false

# What [folder] says holds for all; a rule says what is different for one group or user, also
# role_arn, external_id, sts_endpoint and duration_seconds. The user's own goes first, then the
# first group.
# [[group]]
# name = "guests"
# permissions = "ro"
# [[user]]
# name = "alice"
# bucket = "alicebucket"

# [oidc]                           # tokens of an OpenID provider as logins
# issuer = "https://id.example.com"
# audiences = ["stsfs"]
# jwks_uri = ""                    # empty: from the provider's discovery document
# user_claim = "sub"
# groups_claim = ""
# provision = true                 # add who comes for the first time
# local_users = false              # a token may stand for a password user of that name
# ca_file = ""

# [device]
# lifetime_seconds = 600
# pause_seconds = 5

# [password]
# target_milliseconds = 100        # what a login costs on this machine
# memory_mib = 64

# [limits]
# connections_max = 1000
# connections_per_address_max = 100
# request_timeout_seconds = 15
# idle_timeout_seconds = 60
# requests_per_second = 200        # from one address, and of one user; 0: any number
# lockout_failures = 100           # of one name in a row; 0: never
)";

}  // namespace

Result<Config> parse_config(std::string_view text, const std::string& file) try {
  const toml::table document = toml::parse(text, file);
  Config config;
  std::string complaint;
  TableReader top(document, "", file, complaint);
  read_top(top, config);
  static const toml::table empty;
  const auto section = [&](const char* name) {
    const toml::table* table = top.table(name);
    return TableReader(table != nullptr ? *table : empty, std::string(name) + ".", file, complaint);
  };
  TableReader sts = section("sts");
  read_sts(sts, config.sts);
  config.folder.sts_endpoint = config.sts.client.endpoint;
  config.folder.role_arn = config.sts.role_arn;
  config.folder.external_id = config.sts.external_id;
  config.folder.duration = config.sts.duration;
  TableReader folder = section("folder");
  read_folder(folder, config.folder, true);
  config.groups = read_rules(top, "group", config.folder, file, complaint);
  config.users = read_rules(top, "user", config.folder, file, complaint);
  if (top.has("oidc")) {
    TableReader oidc = section("oidc");
    read_oidc(oidc, config.oidc);
  }
  TableReader device = section("device");
  read_device(device, config.device);
  TableReader password = section("password");
  read_password(password, config.password);
  TableReader limits = section("limits");
  read_limits(limits, config.limits);
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

std::string restart_needed(const Config& running, const Config& wanted) {
  std::string keys;
  const auto note = [&](const char* key, const auto& before, const auto& after) {
    if (before != after) keys += (keys.empty() ? "" : ", ") + std::string(key);
  };
  note("listen", running.listen, wanted.listen);
  note("database", running.database, wanted.database);
  note("audit_log", running.audit_log, wanted.audit_log);
  note("audit_sync", running.audit_sync, wanted.audit_sync);
  note("run_as", running.run_as, wanted.run_as);
  note("log_format", running.log_json, wanted.log_json);
  note("limits.request_timeout_seconds", running.limits.request_timeout,
       wanted.limits.request_timeout);
  note("limits.idle_timeout_seconds", running.limits.idle_timeout, wanted.limits.idle_timeout);
  note("password.target_milliseconds", running.password.target_milliseconds,
       wanted.password.target_milliseconds);
  note("password.memory_mib", running.password.memory_mib, wanted.password.memory_mib);
  return keys;
}

std::string_view example_config() { return kExample; }

}  // namespace stsfs::vend
