// The one table of what can be set for a mount. Flags, -o, the environment, configuration files,
// --help and (by a test) the man page all follow from it.
#include <array>
#include <cctype>

#include "mount_options.h"
#include "option_values.h"
#include "stsfs/base/text.h"

namespace stsfs::daemon {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Options = MountOptions;
using Value = const std::string&;

constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;

Result<void> set_log_level_option(Options& options, Value value) {
  const auto level = parse_log_level(value);
  if (!level) return fail(Errc::kInvalid, "must be one of trace, debug, info, warning, error, off");
  options.log_level = *level;
  return {};
}

Result<void> set_log(Options& options, Value value) {
  for (const char* name : {"auto", "stderr", "syslog", "journal"})
    if (value == name) return set_text(options.log, value);
  if (value.starts_with('/')) return set_path(options.log, value);
  return fail(Errc::kInvalid,
              "must be auto, stderr, syslog, journal or the absolute path of a file");
}

Result<void> set_state_name(Options& options, Value value) {
  constexpr std::size_t kNameMax = 64;
  for (const char c : value)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_')
      return fail(Errc::kInvalid, "must be letters, digits, - and _");
  if (value.size() > kNameMax) return fail(Errc::kInvalid, "must be at most 64 characters");
  options.state = value;
  return {};
}

Result<void> set_umask(Options& options, Value value) {
  std::optional<unsigned> mode;
  if (auto set = set_mode(mode, value); !set) return set;
  options.umask = *mode;
  return {};
}

// clang-format off
const std::array kTable{
  // --- where the folder is ---
  OptionRow{"endpoint", "URL", "",
            "OSS endpoint, such as https://oss-cn-hangzhou.aliyuncs.com; needed with oss://, otherwise the vending server says it",
            [](Options& o, Value v) { return set_text(o.endpoint, v); }},
  OptionRow{"region", "REGION", "",
            "region of the bucket, such as cn-hangzhou; taken from the endpoint where that names it",
            [](Options& o, Value v) { return set_text(o.region, v); }},
  OptionRow{"hns", "", "no",
            "the bucket has a hierarchical namespace, so that the server renames directories itself; a vending server says so by itself",
            [](Options& o, Value v) { return set_bool(o.hierarchical_namespace, v); }},
  OptionRow{"credentials", "KIND", "auto",
            "where credentials come from: auto (what is there), vending, env, static, file, process, uri, ecs, oidc or assume-role",
            [](Options& o, Value v) {
              return set_choice<CredentialKind>(o.credentials, v, {{"auto", CredentialKind::kAutomatic},
                                                                   {"vending", CredentialKind::kVending},
                                                                   {"env", CredentialKind::kEnvironment},
                                                                   {"static", CredentialKind::kStatic},
                                                                   {"file", CredentialKind::kFile},
                                                                   {"process", CredentialKind::kProcess},
                                                                   {"uri", CredentialKind::kUri},
                                                                   {"ecs", CredentialKind::kEcs},
                                                                   {"oidc", CredentialKind::kOidc},
                                                                   {"assume-role", CredentialKind::kAssumeRole}});
            }},
  OptionRow{"vend", "URL", "",
            "vending server that gives the credentials, where the source is oss://bucket/prefix",
            [](Options& o, Value v) { return set_text(o.vend, v); }},
  OptionRow{"vend_user", "NAME", "", "who logs in at the vending server with password_command or the password that systemd hands over",
            [](Options& o, Value v) { return set_text(o.vend_user, v); }},
  OptionRow{"password_command", "COMMAND", "",
            "program, by its absolute path, that prints the password; asked where there is no login",
            [](Options& o, Value v) { return set_command(o.password_command, v); }},
  OptionRow{"token_store", "PLACE", "file", "where login tokens are kept: file, or keyring (the kernel's, until a reboot)",
            [](Options& o, Value v) {
              return set_choice<credentials::TokenPlace>(o.token_store, v, {{"file", credentials::TokenPlace::kFile},
                                                                            {"keyring", credentials::TokenPlace::kKeyring}});
            }},
  OptionRow{"credentials_file", "FILE", "",
            "JSON file, mode 0600, with AccessKeyId, AccessKeySecret and SecurityToken; one that is replaced is picked up at once",
            [](Options& o, Value v) { return set_path(o.credentials_file, v); }},
  OptionRow{"credentials_process", "COMMAND", "",
            "program, by its absolute path, that prints the same JSON; asked again at each renewal",
            [](Options& o, Value v) { return set_command(o.credentials_process, v); }},
  OptionRow{"credentials_uri", "URL", "", "URL whose answer is the same JSON; not set: ALIBABA_CLOUD_CREDENTIALS_URI",
            [](Options& o, Value v) { return set_text(o.credentials_uri, v); }},
  OptionRow{"ecs_role", "NAME", "", "RAM role of the ECS instance; not set: ALIBABA_CLOUD_ECS_METADATA, else the instance says it",
            [](Options& o, Value v) { return set_text(o.ecs_role, v); }},
  OptionRow{"ecs_metadata", "URL", "", "metadata service of the instance, instead of http://100.100.100.200",
            [](Options& o, Value v) { return set_text(o.ecs_metadata, v); }},
  OptionRow{"role_arn", "ARN", "", "RAM role to assume with oidc and assume-role; not set: ALIBABA_CLOUD_ROLE_ARN",
            [](Options& o, Value v) { return set_text(o.role_arn, v); }},
  OptionRow{"role_session", "NAME", "", "session name, which stands in OSS's logs; not set: ALIBABA_CLOUD_ROLE_SESSION_NAME, else stsfs",
            [](Options& o, Value v) { return set_text(o.role_session, v); }},
  OptionRow{"sts_endpoint", "URL", "", "STS to assume the role at; not set: https://sts.aliyuncs.com, or that of ALIBABA_CLOUD_STS_REGION",
            [](Options& o, Value v) { return set_text(o.sts_endpoint, v); }},
  OptionRow{"oidc_provider_arn", "ARN", "", "OIDC provider of oidc; not set: ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
            [](Options& o, Value v) { return set_text(o.oidc_provider_arn, v); }},
  OptionRow{"oidc_token_file", "FILE", "", "file with the token of oidc; not set: ALIBABA_CLOUD_OIDC_TOKEN_FILE",
            [](Options& o, Value v) { return set_path(o.oidc_token_file, v); }},
  // --- how to get there ---
  OptionRow{"cacert", "FILE", "", "PEM file with the certificate authorities to trust, instead of the system's",
            [](Options& o, Value v) { return set_path(o.cacert, v); }},
  OptionRow{"client_cert", "FILE", "", "PEM file with the certificate to show to a vending server that asks for one",
            [](Options& o, Value v) { return set_path(o.client_cert, v); }},
  OptionRow{"client_key", "FILE", "", "PEM file, mode 0600, with the key of client_cert",
            [](Options& o, Value v) { return set_path(o.client_key, v); }},
  OptionRow{"proxy", "URL", "", "HTTP proxy; not set: as the environment says (https_proxy, no_proxy)",
            [](Options& o, Value v) { return set_proxy(o.proxy, v); }},
  OptionRow{"insecure_http", "", "no", "allow http:// to a vending server on another machine, where anybody on the way can read the token",
            [](Options& o, Value v) { return set_bool(o.insecure_http, v); }},
  OptionRow{"sigv", "VERSION", "4", "signature version of OSS: 4 or 1",
            [](Options& o, Value v) { return set_choice<int>(o.signature_version, v, {{"4", 4}, {"1", 1}}); }},
  OptionRow{"path_style", "WHEN", "auto", "put the bucket into the path of URLs: yes, no or auto (for IP addresses and localhost)",
            [](Options& o, Value v) {
              return set_choice<UrlStyleChoice>(o.url_style, v.empty() ? "yes" : v,
                                                {{"auto", UrlStyleChoice::kAutomatic},
                                                 {"yes", UrlStyleChoice::kPath},
                                                 {"no", UrlStyleChoice::kVirtualHosted}});
            }},
  OptionRow{"connections", "COUNT", "64", "connections to OSS at once, at most",
            [](Options& o, Value v) { return set_int(o.connections_max, v, 1, 1'024); }},
  // --- whose the files are ---
  OptionRow{"uid", "USER", "", "owner of objects that carry none; not set: who mounts",
            [](Options& o, Value v) { return set_user(o.uid, v); }},
  OptionRow{"gid", "GROUP", "", "group of objects that carry none; not set: that of who mounts",
            [](Options& o, Value v) { return set_group(o.gid, v); }},
  OptionRow{"umask", "MODE", "077", "permissions taken from objects that carry none",
            [](Options& o, Value v) { return set_umask(o, v); }},
  OptionRow{"file_mode", "MODE", "", "permissions of files whose objects carry none, instead of 0666 less umask",
            [](Options& o, Value v) { return set_mode(o.file_mode, v); }},
  OptionRow{"dir_mode", "MODE", "", "permissions of directories whose objects carry none, instead of 0777 less umask",
            [](Options& o, Value v) { return set_mode(o.dir_mode, v); }},
  OptionRow{"storage_class", "CLASS", "", "storage class of new files: Standard, IA, Archive, …; not set: the bucket's",
            [](Options& o, Value v) { return set_storage_class(o.storage_class, v); }},
  OptionRow{"object_acl", "ACL", "",
            "access control list of new files: default, private, public-read or public-read-write; not set: none",
            [](Options& o, Value v) { return set_acl(o.object_acl, v); }},
  OptionRow{"allow_other", "", "no", "let other users into the mount, as far as the permissions allow",
            [](Options& o, Value v) { return set_bool(o.allow_other, v); }},
  OptionRow{"hard_links", "", "yes", "let files be given several names (ln); those they have already are shown anyway",
            [](Options& o, Value v) { return set_bool(o.hard_links, v); }},
  OptionRow{"ro", "", "no", "read-only",
            [](Options& o, Value v) { return set_bool(o.read_only, v); }},
  // --- what may be known and kept, and where ---
  OptionRow{"excl", "WHERE", "mount",
            "who loses an exclusive create (O_EXCL) learns it: within this mount at once and between "
            "machines at close (mount), or always at once, for a request each (strict)",
            [](Options& o, Value v) {
              return set_choice<bool>(o.strict_exclusive, v, {{"mount", false}, {"strict", true}});
            }},
  OptionRow{"consistency", "KIND", "cached",
            "cached (names and attributes for as long as freshness says), strict (always ask) or private (nobody else writes here)",
            [](Options& o, Value v) {
              return set_choice<Consistency>(o.consistency, v, {{"cached", Consistency::kCached},
                                                                {"strict", Consistency::kStrict},
                                                                {"private", Consistency::kPrivate}});
            }},
  OptionRow{"freshness", "TIME", "30s", "how long names, attributes and listings are relied on",
            [](Options& o, Value v) { return set_duration(o.freshness, v, milliseconds(0), hours(24)); }},
  OptionRow{"commit", "WHEN", "close",
            "what close waits for: close (the file is in OSS) or background (it is in the journal, and goes to OSS by itself)",
            [](Options& o, Value v) {
              return set_choice<bool>(o.commit_in_background, v, {{"close", false}, {"background", true}});
            }},
  OptionRow{"sync", "WHEN", "second",
            "what a loss of power may take of what the journal has: second (the last one) or close (nothing; each close waits for the disk)",
            [](Options& o, Value v) {
              return set_choice<bool>(o.sync_close, v, {{"second", false}, {"close", true}});
            }},
  OptionRow{"staging_size", "SIZE", "0", "disk space for what is written and not in OSS yet; 0: what the disk has, less a reserve",
            [](Options& o, Value v) { return set_size(o.staging_bytes, v, 0, 1024 * kTiB); }},
  OptionRow{"cache_size", "SIZE", "0", "disk space for what was read, so that it is there after a restart and for other mounts; 0: none",
            [](Options& o, Value v) { return set_size(o.cache_bytes, v, 0, 1024 * kTiB); }},
  OptionRow{"cache_dir", "DIRECTORY", "", "where that lies; not set: $XDG_CACHE_HOME/stsfs/blocks, for root /var/cache/stsfs/blocks",
            [](Options& o, Value v) { return set_path(o.cache_dir, v); }},
  OptionRow{"memory", "SIZE", "0",
            "memory for what is read and fetched ahead, 64M at least; 0: an eighth of the machine's or the control group's, at most 1G",
            [](Options& o, Value v) { return set_size(o.memory_bytes, v, 0, kTiB); }},
  OptionRow{"state_dir", "DIRECTORY", "", "where staged data lies; not set: $XDG_STATE_HOME/stsfs, for root /var/lib/stsfs",
            [](Options& o, Value v) { return set_path(o.state_dir, v); }},
  OptionRow{"state", "NAME", "", "a state of its own, so that one folder can be mounted a second time",
            [](Options& o, Value v) { return set_state_name(o, v); }},
  // --- how long to wait ---
  OptionRow{"connect_timeout", "TIME", "5s", "for a connection to a server",
            [](Options& o, Value v) { return set_duration(o.connect_timeout, v, milliseconds(100), minutes(10)); }},
  OptionRow{"stall_timeout", "TIME", "15s", "without a byte moving before a transfer is given up and tried again",
            [](Options& o, Value v) { return set_duration(o.stall_timeout, v, milliseconds(500), minutes(10)); }},
  OptionRow{"metadata_timeout", "TIME", "30s", "until an operation on names or attributes fails",
            [](Options& o, Value v) { return set_duration(o.metadata_timeout, v, seconds(1), hours(1)); }},
  OptionRow{"read_timeout", "TIME", "30s", "until a read fails",
            [](Options& o, Value v) { return set_duration(o.read_timeout, v, seconds(1), hours(1)); }},
  OptionRow{"commit_timeout", "TIME", "60s", "without progress until close or fsync fails; the data is kept and tried again",
            [](Options& o, Value v) { return set_duration(o.commit_timeout, v, seconds(1), hours(1)); }},
  OptionRow{"mount_timeout", "TIME", "30s", "for the first credential and the probe of the folder",
            [](Options& o, Value v) { return set_duration(o.mount_timeout, v, seconds(1), hours(1)); }},
  OptionRow{"drain_timeout", "TIME", "5m", "for what is pending when the mount ends",
            [](Options& o, Value v) { return set_duration(o.drain_timeout, v, seconds(0), hours(24 * 7)); }},
  // --- the process ---
  OptionRow{"log", "WHERE", "auto", "auto (journal, else syslog, else a file in the state directory), stderr, syslog, journal or a file",
            [](Options& o, Value v) { return set_log(o, v); }},
  OptionRow{"log_level", "LEVEL", "info", "trace, debug, info, warning, error or off",
            [](Options& o, Value v) { return set_log_level_option(o, v); }},
  OptionRow{"allow_core", "", "no", "leave core files and debuggers possible; they show keys and tokens",
            [](Options& o, Value v) { return set_bool(o.allow_core, v); }},
  OptionRow{"receivers", "COUNT", "0", "threads that take requests from the kernel; 0: one a CPU, at most 4",
            [](Options& o, Value v) { return set_int(o.receivers, v, 0, 64); }},
  OptionRow{"read_ahead", "KIB", "1024", "read-ahead of the kernel; more than 128 takes root",
            [](Options& o, Value v) { return set_int(o.read_ahead_kib, v, 0, 65'536); }},
};
// clang-format on

}  // namespace

std::string OptionRow::flag() const {
  std::string out = "--" + std::string(name);
  for (char& c : out)
    if (c == '_') c = '-';
  return out;
}

std::string OptionRow::environment() const {
  std::string out = "STSFS_";
  for (const char* c = name; *c != '\0'; ++c)
    out += static_cast<char>(std::toupper(static_cast<unsigned char>(*c)));
  return out;
}

std::span<const OptionRow> option_table() { return kTable; }

const OptionRow* find_option(std::string_view name) {
  for (const OptionRow& row : kTable)
    if (name == row.name) return &row;
  return nullptr;
}

MountOptions default_options() {
  MountOptions options;
  for (const OptionRow& row : kTable)
    if (*row.default_text != '\0') (void)row.set(options, row.default_text);  // a test sets each
  return options;
}

}  // namespace stsfs::daemon
