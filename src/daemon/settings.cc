#include "settings.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "stsfs/base/text.h"

namespace stsfs::daemon {
namespace {

constexpr std::size_t kOptionListMax = 64 * 1024;

// mount(8), "FILESYSTEM-INDEPENDENT MOUNT OPTIONS", and what mount and systemd keep in fstab for
// themselves. `rw` is not here: it takes back a `ro`.
constexpr std::array<std::string_view, 32> kNeutral{
    "defaults",   "auto",       "noauto",      "user",          "nouser",   "users",
    "nousers",    "owner",      "noowner",     "group",         "nogroup",  "_netdev",
    "nofail",     "dev",        "suid",        "exec",          "async",    "atime",
    "relatime",   "norelatime", "strictatime", "nostrictatime", "diratime", "lazytime",
    "nolazytime", "loud",       "silent",      "mand",          "nomand",   "default_permissions",
    "noiversion", "iversion"};

constexpr std::array<std::string_view, 7> kForTheKernel{"nodev",      "nosuid", "noexec", "noatime",
                                                        "nodiratime", "sync",   "dirsync"};

constexpr std::array<std::string_view, 10> kSecrets{
    "password",       "passwd", "token", "access_key_secret", "secret",
    "security_token", "ak",     "sk",    "passwd_file",       "akid"};

template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_neutral(std::string_view name) {
  return is_one_of(name, kNeutral) || name.starts_with("x-") || name.starts_with("X-") ||
         name == "comment" || name == "uhelper" || name == "helper" || name == "fsname" ||
         name == "subtype";
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string unknown_option(const Setting& setting) {
  std::string out = setting.origin + ": unknown option " + printable(setting.name, 64);
  if (is_one_of(setting.name, kSecrets))
    return out +
           ". Secrets are never given on a command line, where everybody can read them: log in "
           "(stsfs login), or use credentials=env or credentials=static";
  if (setting.name == "remount")
    return setting.origin +
           ": a mount's options are not changed while it is there: unmount it and mount it again. "
           "What is the kernel's own, root changes with mount -i -o remount,ro DIRECTORY";
  constexpr std::size_t kNameMax = 64, kNear = 2;
  for (const OptionRow& row : option_table())
    if (setting.name.size() <= kNameMax && edit_distance(setting.name, row.name) <= kNear)
      return out + "; did you mean " + row.name + "?";
  return out + " (stsfs mount --help lists them)";
}

/// A value may be shown in a message unless it could hold a password (a proxy URL, also one that
/// lacks its host).
std::string shown(const Setting& setting) {
  const bool may_hold_one = setting.name == "proxy" || setting.value.find('@') != std::string::npos;
  return setting.name + (may_hold_one ? "" : "=" + printable(setting.value, 64));
}

/// True: it was one of mount's or the kernel's own.
bool take_general(MountOptions& options, const Setting& setting) {
  if (setting.name == "rw") {
    options.read_only = false;
  } else if (setting.value.empty() && is_one_of(setting.name, kForTheKernel)) {
    // (`sync=…` with a value is ours.)
    options.kernel_options.push_back(setting.name);
  } else {
    return is_neutral(setting.name);
  }
  return true;
}

}  // namespace

Result<Settings> parse_option_list(const std::string& text, const std::string& origin) {
  if (text.size() > kOptionListMax) return fail(Errc::kInvalid, origin + ": the list is too long");
  Settings out;
  Setting setting{.name = {}, .value = {}, .origin = origin};
  bool in_value = false, escaped = false;
  const auto finish = [&] {
    if (!setting.name.empty()) out.push_back(setting);
    setting.name.clear();
    setting.value.clear();
    in_value = false;
  };
  for (const char c : text) {
    std::string& part = in_value ? setting.value : setting.name;
    if (escaped) {
      part += c;
      escaped = false;
    } else if (c == '\\') {
      escaped = true;
    } else if (c == ',') {
      finish();
    } else if (c == '=' && !in_value) {
      if (setting.name.empty()) return fail(Errc::kInvalid, origin + ": a value without a name");
      in_value = true;
    } else {
      part += c;
    }
  }
  if (escaped) return fail(Errc::kInvalid, origin + ": ends in a backslash that escapes nothing");
  finish();
  return out;
}

Settings environment_settings(const Environment& environment) {
  Settings out;
  for (const OptionRow& row : option_table()) {
    const std::string name = row.environment();
    if (const char* value = environment(name.c_str()); value != nullptr && *value != '\0')
      out.push_back({row.name, value, name});
  }
  return out;
}

Result<MountOptions> resolve(const Settings& settings, const ResolveOptions& how) {
  MountOptions options = default_options();
  for (const Setting& setting : settings) {
    if (take_general(options, setting)) continue;
    const OptionRow* row = find_option(setting.name);
    if (row == nullptr) {
      if (how.sloppy) continue;
      return fail(Errc::kInvalid, unknown_option(setting));
    }
    if (auto set = row->set(options, setting.value); !set)
      return fail(Errc::kInvalid, setting.origin + ": " + shown(setting) + ": " + setting.name +
                                      " " + set.error().message);
  }
  return options;
}

std::string options_help() {
  std::string out =
      "Options, as -o NAME=VALUE, --name VALUE, STSFS_NAME or NAME in a configuration file:\n";
  for (const OptionRow& row : option_table()) {
    std::string head =
        "  " + std::string(row.name) + (row.is_flag() ? "" : "=" + std::string(row.value));
    constexpr std::size_t kColumn = 28;
    if (head.size() < kColumn) head.resize(kColumn, ' ');
    out += head + " " + row.help;
    if (*row.default_text != '\0') out += std::string(" (") + row.default_text + ")";
    out += "\n";
  }
  return out;
}

}  // namespace stsfs::daemon
