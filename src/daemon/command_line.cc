#include "command_line.h"

#include <cstdio>
#include <deque>

#include <CLI/CLI.hpp>

#include "exit_codes.h"
#include "option_values.h"
#include "stsfs/base/text.h"

namespace stsfs::daemon {
namespace {

/// The options of the table, as flags of one subcommand. What was given, with `-o` lists, in its
/// order.
class TableFlags {
 public:
  /// `names`: only these; empty: all.
  TableFlags(CLI::App& command, const std::vector<std::string_view>& names = {}) {
    for (const OptionRow& row : option_table()) {
      if (!names.empty() && std::find(names.begin(), names.end(), row.name) == names.end())
        continue;
      add(command, row);
    }
  }

  Settings& settings() { return settings_; }
  const std::string& problem() const { return problem_; }

  void add_option_lists(CLI::App& command) {
    command
        .add_option_function<std::vector<std::string>>(
            "-o",
            [this](const std::vector<std::string>& lists) {
              for (const std::string& list : lists) take(list);
            },
            "options as in fstab, separated by commas")
        ->type_name("OPTIONS")
        ->trigger_on_parse()
        ->allow_extra_args(false);
  }

 private:
  /// Without it CLI11 throws what is no ParseError for `--flag=maybe`.
  static CLI::Validator takes_yes_or_no(const std::string& flag) {
    return CLI::Validator(
        [flag](std::string& value) {
          bool ignored = false;
          if (CLI::detail::lexical_cast(value, ignored)) return std::string();
          return flag + " takes yes or no, not " + printable(value);
        },
        "");
  }

  void add(CLI::App& command, const OptionRow& row) {
    const std::string origin = row.flag();
    const auto keep = [this, &row, origin](const std::string& value) {
      settings_.push_back({row.name, value, origin});
    };
    if (row.is_flag()) {
      command
          .add_flag_function(
              origin + "{yes},!--no-" + origin.substr(2),
              [keep](std::int64_t count) { keep(count >= 0 ? "yes" : "no"); }, row.help)
          ->check(takes_yes_or_no(origin))
          ->trigger_on_parse()
          ->group("");
      return;
    }
    command.add_option_function<std::string>(origin, keep, row.help)
        ->type_name(row.value)
        ->trigger_on_parse()
        ->group("");
  }

  void take(const std::string& list) {
    auto parsed = parse_option_list(list);
    if (!parsed) {
      problem_ = parsed.error().message;
      return;
    }
    settings_.insert(settings_.end(), parsed->begin(), parsed->end());
  }

  Settings settings_;
  std::string problem_;
};

Done usage(const std::string& problem) {
  std::fprintf(stderr, "stsfs: %s\n", problem.c_str());
  return {kExitUsage};
}

/// Those that a command which only talks to a vending server takes.
const std::vector<std::string_view> kVendingOptions{
    "cacert",          "client_cert",   "client_key",  "proxy",     "insecure_http",
    "connect_timeout", "stall_timeout", "token_store", "vend_user", "password_command"};

/// One parse: the application, its subcommands and what they fill in.
class Parser {
 public:
  Parser() {
    app_.require_subcommand(1);
    app_.set_version_flag("-V,--version", "stsfs " STSFS_VERSION);
    app_.set_help_flag("-h,--help", "show this and end");
    add_login();
    add_credentials();
    add_mount();
    add_umount();
    add_status();
    add_the_rest();
  }

  Command parse(int argc, const char* const* argv) try {
    app_.parse(argc, argv);
    return command();
  } catch (const CLI::ValidationError& error) {
    const std::string text = error.what();  // CLI11 leaves out the name of a hidden option
    return usage(text.starts_with(": ") ? text.substr(2) : text);
  } catch (const CLI::ParseError& error) {
    const int code = app_.exit(error);
    return Done{code == 0 ? kExitOk : kExitUsage};
  }

 private:
  CLI::App* add(const std::string& name, const std::string& description) {
    return app_.add_subcommand(name, description)->fallthrough(false);
  }

  void add_login() {
    login_command_ = add("login", "log in at a vending server");
    login_command_->add_option("URL", login_.url, "the vending server")->required();
    login_command_->add_option("-u,--user", login_.user, "who you are there (your name here)");
    login_command_->add_flag("--password-stdin", login_.password_from_stdin,
                             "read the password from standard input instead of asking");
    login_command_->add_flag("--device", login_.device,
                             "confirm the login on another device, by a code");
    login_flags_.emplace(*login_command_, kVendingOptions);
    login_flags_->add_option_lists(*login_command_);

    logout_command_ = add("logout", "end a login, here and at the vending server");
    logout_command_->add_option("URL", logout_.url, "the vending server")->required();
    logout_command_->add_flag("--local", logout_.local, "forget it here only");
    logout_flags_.emplace(*logout_command_, kVendingOptions);
    logout_flags_->add_option_lists(*logout_command_);

    whoami_command_ = add("whoami", "show who you are at a vending server");
    whoami_command_->add_option("URL", whoami_.url, "the vending server (all)");
    whoami_flags_.emplace(*whoami_command_, kVendingOptions);
    whoami_flags_->add_option_lists(*whoami_command_);
  }

  void add_credentials() {
    credentials_command_ = add("credentials", "give the credential to other programs");
    credentials_command_->add_option("URL", credentials_.source,
                                     "the vending server (as credentials= says)");
    auto* how = credentials_command_->add_option_group("how");
    how->add_flag("--process", credentials_.process, "print it once, as a credential process does");
    auto* serve = how->add_flag("--serve", credentials_.serve,
                                "serve it to this machine as a credentials URI, until ended");
    how->require_option(1);
    credentials_command_
        ->add_option("--uri-file", credentials_.uri_file, "keep the URI there over restarts")
        ->needs(serve);
    credentials_flags_.emplace(*credentials_command_);
    credentials_flags_->add_option_lists(*credentials_command_);
  }

  void add_mount() {
    mount_command_ = add("mount", "mount a folder");
    mount_command_
        ->add_option("SOURCE", mount_.source, "https://VENDING-SERVER or oss://BUCKET/PREFIX")
        ->required();
    mount_command_->add_option("DIRECTORY", mount_.mount_point, "where it is to be seen")
        ->required();
    mount_command_->add_flag("-f,--foreground", mount_.foreground,
                             "stay in the foreground, log to stderr");
    mount_command_->add_flag("-d,--debug", mount_.debug,
                             "like -f, and show every request of the kernel");
    mount_command_->add_flag("-s,--single-threaded", mount_.single_threaded,
                             "take the kernel's requests on one thread");
    mount_flags_.emplace(*mount_command_);
    mount_flags_->add_option_lists(*mount_command_);
    mount_command_->footer(options_help);
  }

  void add_umount() {
    umount_command_ = add("umount", "unmount, and wait until everything is in OSS");
    umount_command_->add_option("DIRECTORY", umount_.mount_point, "where it is mounted")
        ->required();
    umount_command_->add_flag("--no-wait", umount_.no_wait,
                              "do not wait; the daemon goes on by itself");
    umount_command_->add_flag("-z,--lazy", umount_.lazy, "also while files are open there");
  }

  void add_status() {
    status_command_ = add("status", "show how mounts are doing");
    status_command_->add_option("DIRECTORY", status_.mount_point,
                                "where it is mounted (all mounts)");
    status_command_->add_flag("--json", status_.json, "for programs");
    metrics_command_ = add("metrics", "show counters and times, for Prometheus");
    metrics_command_->add_option("DIRECTORY", metrics_.mount_point,
                                 "where it is mounted (all mounts)");
  }

  void add_the_rest() {
    refresh_command_ = add(
        "refresh", "forget what is known of a path; of a whole mount, and renew its credential");
    refresh_command_->add_option("PATH", refresh_.path, "a mount, or something in one")->required();
    drain_command_ = add("drain", "wait until everything is in OSS");
    drain_command_->add_option("DIRECTORY", drain_.mount_point, "where it is mounted")->required();
    log_level_command_ = add("log-level", "change what a daemon logs");
    log_level_command_->add_option("DIRECTORY", log_level_.mount_point, "where it is mounted")
        ->required();
    log_level_command_
        ->add_option("LEVEL", log_level_.level, "trace, debug, info, warning, error or off")
        ->required();
    rescue_command_ = add("rescue", "copy out what was written and is not in OSS");
    rescue_command_->add_option("TARGET", rescue_.target,
                                "directory for the files; without it they are listed");
    rescue_command_->add_option("--state", rescue_.state,
                                "one state directory (all of this user's)");
    rescue_command_->add_flag("--discard", rescue_.discard,
                              "forget what cannot go to OSS, once it is copied out");
    doctor_command_ = add("doctor", "look whether all is well that a mount needs");
    doctor_command_->add_option("SOURCE", doctor_.source,
                                "what would be mounted (only this machine is looked at)");
    doctor_command_->add_option("--keys", doctor_.keys_max,
                                "look at about so many of the folder's keys (100,000)");
    doctor_flags_.emplace(*doctor_command_);
    doctor_flags_->add_option_lists(*doctor_command_);
    version_command_ = add("version", "show the version");
  }

  Command command() {
    if (login_command_->parsed()) {
      if (!login_flags_->problem().empty()) return usage(login_flags_->problem());
      login_.settings = login_flags_->settings();
      return login_;
    }
    if (logout_command_->parsed()) {
      if (!logout_flags_->problem().empty()) return usage(logout_flags_->problem());
      logout_.settings = logout_flags_->settings();
      return logout_;
    }
    if (whoami_command_->parsed()) {
      if (!whoami_flags_->problem().empty()) return usage(whoami_flags_->problem());
      whoami_.settings = whoami_flags_->settings();
      return whoami_;
    }
    if (credentials_command_->parsed()) {
      if (!credentials_flags_->problem().empty()) return usage(credentials_flags_->problem());
      credentials_.settings = credentials_flags_->settings();
      return credentials_;
    }
    if (metrics_command_->parsed()) return metrics_;
    if (mount_command_->parsed()) {
      if (!mount_flags_->problem().empty()) return usage(mount_flags_->problem());
      mount_.settings = mount_flags_->settings();
      return mount_;
    }
    if (umount_command_->parsed()) return umount_;
    if (status_command_->parsed()) return status_;
    if (refresh_command_->parsed()) return refresh_;
    if (drain_command_->parsed()) return drain_;
    if (log_level_command_->parsed()) return log_level_;
    if (rescue_command_->parsed()) return rescue_;
    if (doctor_command_->parsed()) {
      if (!doctor_flags_->problem().empty()) return usage(doctor_flags_->problem());
      doctor_.settings = doctor_flags_->settings();
      return doctor_;
    }
    std::puts("stsfs " STSFS_VERSION);
    return Done{kExitOk};
  }

  CLI::App app_{"stsfs: a folder in Alibaba Cloud OSS as a directory of this machine", "stsfs"};
  LoginArguments login_;
  LogoutArguments logout_;
  WhoamiArguments whoami_;
  CredentialsArguments credentials_;
  MetricsArguments metrics_;
  MountArguments mount_;
  UmountArguments umount_;
  StatusArguments status_;
  RefreshArguments refresh_;
  DrainArguments drain_;
  LogLevelArguments log_level_;
  RescueArguments rescue_;
  DoctorArguments doctor_;
  std::optional<TableFlags> login_flags_, logout_flags_, whoami_flags_, credentials_flags_,
      mount_flags_, doctor_flags_;
  CLI::App *login_command_ = nullptr, *logout_command_ = nullptr, *whoami_command_ = nullptr,
           *credentials_command_ = nullptr, *metrics_command_ = nullptr, *mount_command_ = nullptr,
           *umount_command_ = nullptr, *status_command_ = nullptr, *refresh_command_ = nullptr,
           *drain_command_ = nullptr, *log_level_command_ = nullptr, *rescue_command_ = nullptr,
           *doctor_command_ = nullptr, *version_command_ = nullptr;
};

}  // namespace

bool wants_core(int argc, const char* const* argv, const Environment& environment) {
  bool wanted = false;
  if (const char* value = environment("STSFS_ALLOW_CORE")) (void)set_bool(wanted, value);
  for (int i = 1; i < argc; ++i) {
    const auto settings = parse_option_list(argv[i], "");
    if (!settings) continue;
    for (const Setting& setting : *settings)
      for (const char* name : {"allow_core", "-oallow_core", "--allow-core"})
        if (setting.name == name) (void)set_bool(wanted, setting.value);
    if (std::string_view(argv[i]) == "--no-allow-core") wanted = false;
  }
  return wanted;
}

Command parse_command_line(int argc, const char* const* argv) { return Parser().parse(argc, argv); }

}  // namespace stsfs::daemon
