#include <fstream>
#include <regex>
#include <set>

#include "mount_options.h"
#include "settings.h"

#include <gtest/gtest.h>

namespace stsfs::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Result<MountOptions> with(const std::string& list) {
  auto settings = parse_option_list(list);
  if (!settings) return fail(std::move(settings.error()));
  return resolve(*settings);
}

std::string refusal_of(const std::string& list) {
  const auto options = with(list);
  return options ? "(accepted)" : options.error().message;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// --- the table ---

TEST(OptionTable, EveryDefaultIsAValueThatItsOptionTakes) {
  for (const OptionRow& row : option_table()) {
    if (*row.default_text == '\0') continue;
    MountOptions options;
    EXPECT_TRUE(row.set(options, row.default_text)) << row.name << "=" << row.default_text;
  }
}

TEST(OptionTable, NamesAreUniqueAndHelped) {
  std::set<std::string> names;
  for (const OptionRow& row : option_table()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_NE(std::string(row.help), "") << row.name;
    EXPECT_TRUE(mentions(options_help(), std::string("  ") + row.name)) << row.name;
  }
}

TEST(OptionTable, NamesAreSpelledAsEachPlaceWantsThem) {
  const OptionRow* row = find_option("allow_other");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->flag(), "--allow-other");
  EXPECT_EQ(row->environment(), "STSFS_ALLOW_OTHER");
  EXPECT_TRUE(row->is_flag());
}

TEST(OptionTable, DefaultsAreWhatTheManPagePromises) {
  const MountOptions options = default_options();
  EXPECT_EQ(options.metadata_timeout, seconds(30));
  EXPECT_EQ(options.commit_timeout, seconds(60));
  EXPECT_EQ(options.freshness, seconds(30));
  EXPECT_EQ(options.umask, 077U);
  EXPECT_EQ(options.signature_version, 4);
  EXPECT_EQ(options.credentials, CredentialKind::kAutomatic);
  EXPECT_FALSE(options.allow_other);
  EXPECT_FALSE(options.uid);
}

/// What `.It Cm NAME Ns = Ns Ar VALUE` items a page has, each with the text up to the next item.
std::map<std::string, std::pair<std::string, std::string>> items_of(const std::string& path) {
  std::map<std::string, std::pair<std::string, std::string>> out;
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  const std::regex item(R"(^\.It Cm ([a-z_]+)(?: Ns = Ns Ar ([A-Z]+))?$)");
  std::string line, name;
  while (std::getline(file, line)) {
    std::smatch match;
    if (std::regex_match(line, match, item)) {
      name = match[1];
      out[name] = {match[2], ""};
    } else if (line.starts_with(".El")) {
      name.clear();
    } else if (!name.empty()) {
      out[name].second += line + "\n";
    }
  }
  return out;
}

TEST(OptionTable, TheManPageHasTheSameOptionsValuesAndDefaults) {
  auto items = items_of(STSFS_MAN_DIRECTORY "/mount.stsfs.8");
  for (const OptionRow& row : option_table()) {
    const auto found = items.find(row.name);
    ASSERT_NE(found, items.end()) << row.name << " is not in mount.stsfs(8)";
    EXPECT_EQ(found->second.first, row.value) << row.name;
    const std::string wanted =
        *row.default_text == '\0' ? "" : std::string("Default: ") + row.default_text + ".\n";
    EXPECT_TRUE(mentions(found->second.second, wanted)) << row.name << ": " << wanted;
    EXPECT_EQ(mentions(found->second.second, "Default: "), !wanted.empty()) << row.name;
    items.erase(found);
  }
  for (const auto& [name, item] : items) ADD_FAILURE() << name << " is no option, but in the page";
}

// --- lists ---

TEST(OptionList, NamesAndValuesAreSplitAtCommas) {
  const auto settings = parse_option_list("ro,,uid=7,proxy=http://a\\,b\\\\c/?x=y").value();
  ASSERT_EQ(settings.size(), 3U);
  EXPECT_EQ(settings[0].name, "ro");
  EXPECT_EQ(settings[0].value, "");
  EXPECT_EQ(settings[1].value, "7");
  EXPECT_EQ(settings[2].value, "http://a,b\\c/?x=y");
}

TEST(OptionList, WhatMakesNoSenseIsRefused) {
  EXPECT_TRUE(mentions(refusal_of("=x"), "without a name"));
  EXPECT_TRUE(mentions(refusal_of("uid=1\\"), "backslash"));
  EXPECT_FALSE(parse_option_list(std::string(100'000, ',')));
}

// --- values ---

TEST(Options, TakeTheirValues) {
  const auto options = with(
      "uid=1000,gid=100,umask=022,file_mode=0640,freshness=1500ms,"
      "staging_size=10G,consistency=strict,path_style=yes,sigv=1,"
      "log=/var/log/stsfs.log,log_level=debug,allow_other,commit_timeout=2m");
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->uid, 1000U);
  EXPECT_EQ(options->umask, 022U);
  EXPECT_EQ(options->file_mode, 0640U);
  EXPECT_EQ(options->freshness, milliseconds(1500));
  EXPECT_EQ(options->staging_bytes, std::uint64_t{10} << 30);
  EXPECT_EQ(options->consistency, Consistency::kStrict);
  EXPECT_EQ(options->url_style, UrlStyleChoice::kPath);
  EXPECT_EQ(options->signature_version, 1);
  EXPECT_EQ(options->log_level, LogLevel::kDebug);
  EXPECT_TRUE(options->allow_other);
  EXPECT_EQ(options->commit_timeout, seconds(120));
}

TEST(Options, TheLastOneWins) {
  EXPECT_FALSE(with("ro,rw")->read_only);
  EXPECT_TRUE(with("rw,ro")->read_only);
  EXPECT_FALSE(with("allow_other,allow_other=no")->allow_other);
  EXPECT_EQ(with("uid=1,uid=2")->uid, 2U);
}

TEST(Options, AWrongValueSaysWhereWhatAndWhatWouldBeRight) {
  EXPECT_EQ(refusal_of("sigv=3"), "-o: sigv=3: sigv must be one of 4, 1");
  for (const char* list :
       {"uid=-1", "uid=4294967295", "uid=", "umask=8", "umask=01000", "metadata_timeout=0",
        "metadata_timeout=2d", "metadata_timeout=s", "metadata_timeout=99999999999999999999",
        "connections=0", "connections=1e3", "staging_size=-1", "allow_other=maybe", "log=here.log",
        "log_level=loud", "state=a/b", "state=..", "credentials=magic", "endpoint=a\nb"})
    EXPECT_TRUE(mentions(refusal_of(list), "must be")) << list << ": " << refusal_of(list);
}

TEST(Options, AnUnknownOneIsRefusedWithTheNearestName) {
  EXPECT_EQ(refusal_of("alow_other"), "-o: unknown option alow_other; did you mean allow_other?");
  EXPECT_TRUE(mentions(refusal_of("frobnicate"), "stsfs mount --help"));
  EXPECT_TRUE(mentions(refusal_of("a\nb"), "a\\x0Ab"));
}

TEST(Options, ARemountSaysWhatToDoInstead) {
  const std::string message = refusal_of("remount,ro");
  EXPECT_TRUE(mentions(message, "unmount it and mount it again")) << message;
  EXPECT_TRUE(mentions(message, "mount -i -o remount,ro")) << message;
}

TEST(Options, SecretsAreRefusedAndNeverRepeated) {
  const std::string message = refusal_of("access_key_secret=s3cr3t");
  EXPECT_TRUE(mentions(message, "stsfs login")) << message;
  EXPECT_FALSE(mentions(message, "s3cr3t"));
  // A proxy's password does not show even when the rest of the value is wrong.
  EXPECT_FALSE(mentions(refusal_of("proxy=http://me:s3cr3t@proxy\n"), "s3cr3t"));
}

TEST(Options, AProxyIsAUrlAndIsNotRepeatedWhereItIsNone) {
  for (const char* good : {"", "proxy.test", "proxy.test:3128", "http://proxy.test",
                           "HTTPS://proxy.test:3128/", "http://me:a%40b%2fc@proxy.test:1",
                           "http://me@proxy.test", "socks5h://[::1]:1080", "http://[::1]"})
    EXPECT_EQ(refusal_of(std::string("proxy=") + good), "(accepted)") << good;
  for (const char* bad : {"foo://me:s3cr3t@proxy.test", "http://me:s3cr3t@", "http://me:s3cr3t",
                          "me:s3cr3t", "http://me:s3cr3t@proxy.test:abc",
                          "http://me:s3cr3t@proxy.test:99999", "http://me:s3cr3t@proxy test",
                          "http://me:s3 s3cr3t@proxy.test", "http://me:a/s3cr3t@proxy.test",
                          "http://me:1#s3cr3t@proxy.test", "http://me:a@s3cr3t@proxy.test",
                          "http://me:s3cr3t@[::1", "http://me:s3cr3t@proxy.test/a", "http://"}) {
    const std::string message = refusal_of(std::string("proxy=") + bad);
    EXPECT_TRUE(mentions(message, "http://[USER:PASSWORD@]HOST[:PORT]")) << bad << ": " << message;
    EXPECT_FALSE(mentions(message, "s3cr3t")) << message;
  }
}

TEST(Options, WhatFstabHoldsForEveryFilesystemIsDropped) {
  const auto options = with(
      "defaults,rw,auto,noauto,user,user=alice,nouser,users,owner,group,_netdev,"
      "nofail,dev,suid,exec,relatime,x-systemd.automount,X-mount.mkdir=0700,"
      "comment=mine,x-gvfs-name=a b,default_permissions");
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_TRUE(options->kernel_options.empty());
}

TEST(Options, WhatTheKernelHandlesGoesToIt) {
  EXPECT_EQ(with("nosuid,nodev,noatime")->kernel_options,
            (std::vector<std::string>{"nosuid", "nodev", "noatime"}));
}

TEST(Options, SloppyLeavesUnknownOnesOutButNotWrongOnes) {
  EXPECT_TRUE(resolve({{"frobnicate", "", "-o"}}, {.sloppy = true}));
  EXPECT_FALSE(resolve({{"sigv", "3", "-o"}}, {.sloppy = true}));
}

// --- the environment ---

TEST(OptionEnvironment, NamesOfTheTableAreReadOthersLeftAlone) {
  const Settings settings = environment_settings([](const char* name) -> const char* {
    if (std::string(name) == "STSFS_UID") return "42";
    if (std::string(name) == "STSFS_PROXY") return "";  // as if not set
    EXPECT_NE(std::string(name), "STSFS_BUILD");
    return nullptr;
  });
  ASSERT_EQ(settings.size(), 1U);
  EXPECT_EQ(resolve(settings)->uid, 42U);
  EXPECT_EQ(settings[0].origin, "STSFS_UID");
}

}  // namespace
}  // namespace stsfs::daemon
