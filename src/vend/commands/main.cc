#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "audit_command.h"
#include "check_command.h"
#include "config/config.h"
#include "exit_codes.h"
#include "office/audit.h"
#include "policy_command.h"
#include "serve_command.h"
#include "stores/sql.h"
#include "stsfs/base/log.h"
#include "stsfs/base/process.h"
#include "user_commands.h"

// stsfs-vend: checks who a person is and hands out a temporary credential for that person's folder.
namespace stsfs::vend {
namespace {

constexpr const char* kDefaultConfig = "/etc/stsfs/vend.toml";

int report(const Error& error) {
  std::fprintf(stderr, "stsfs-vend: %s\n", error.message.c_str());
  return error.code == Errc::kInvalid ? kExitUsage : kExitFailed;
}

Result<void> with_database(const std::string& file,
                           const std::function<Result<void>(SqlDatabase&, AuditLog&)>& work) {
  auto config = load_config(file);
  if (!config) return fail(std::move(config.error()));
  auto database = open_database(config->database);
  if (!database) return fail(std::move(database.error()));
  auto audit = AuditLog::open(config->audit_log, system_clock(), config->audit_sync);
  if (!audit) return fail(std::move(audit.error()));
  return work(**database, **audit);
}

Result<void> print(Result<std::string> text) {
  if (!text) return fail(std::move(text.error()));
  std::fputs(text->c_str(), stdout);
  return {};
}

/// The commands and what they write into; lives as long as the parsing.
struct CommandLine {
  CLI::App app{"Hands out temporary credentials for each person's folder; see stsfs-vend(8)."};
  std::string file = kDefaultConfig;
  Result<void> result;
  bool ask_sts = false;
  UserCommandLine user;
  std::string login_id;
  AuditQuery audit;
  PolicyQuery policy{.prefix = "users/${user}/"};
  std::string principal, role_arn;

  CLI::App* with_config(CLI::App* command) {
    command->add_option("--config", file, "configuration file")->capture_default_str();
    return command;
  }
  void add_server_commands() {
    with_config(app.add_subcommand("serve", "run the server"))->callback([this] {
      result = serve(file);
    });
    auto* check = with_config(
        app.add_subcommand("check-config", "read the configuration, say what is wrong"));
    check->add_flag("--ask-sts", ask_sts, "also try one AssumeRole");
    check->callback([this] { result = check_config(file, ask_sts); });
    app.add_subcommand("example-config", "print a configuration to start from")->callback([] {
      std::fputs(std::string(example_config()).c_str(), stdout);
    });
  }
  void add_user_command(CLI::App* parent, const char* verb, const char* help, UserCommand command) {
    auto* sub = with_config(parent->add_subcommand(verb, help));
    if (command != UserCommand::kList) sub->add_option("NAME", user.name)->required();
    if (command == UserCommand::kGroups)
      sub->add_option("GROUP", user.groups, "all groups of the user, or none");
    if (command == UserCommand::kAdd || command == UserCommand::kPassword)
      sub->add_flag("--password-stdin", user.password_on_stdin,
                    "read the password's line from stdin");
    sub->callback([this, command] {
      user.command = command;
      result = with_database(file, [this](SqlDatabase& database, AuditLog& log) {
        return run_user_command(user, database, log);
      });
    });
  }
  void add_user_commands() {
    auto* parent = app.add_subcommand("user", "manage users, also while the server runs");
    parent->require_subcommand(1);
    add_user_command(parent, "add", "add a user", UserCommand::kAdd);
    add_user_command(parent, "passwd", "set a password; ends the user's logins",
                     UserCommand::kPassword);
    add_user_command(parent, "disable", "refuse a user; ends the user's logins",
                     UserCommand::kDisable);
    add_user_command(parent, "enable", "admit a user again", UserCommand::kEnable);
    add_user_command(parent, "delete", "forget a user; the folder stays as it is",
                     UserCommand::kDelete);
    add_user_command(parent, "unlock", "forget the failed logins of a name", UserCommand::kUnlock);
    add_user_command(parent, "groups", "say which groups a user is in", UserCommand::kGroups);
    add_user_command(parent, "list", "list users", UserCommand::kList);
  }
  void add_token_commands() {
    auto* parent = app.add_subcommand("token", "manage logins");
    parent->require_subcommand(1);
    auto* list =
        with_config(parent->add_subcommand("list", "list the logins of a user, or of everybody"));
    list->add_option("USER", user.name);
    list->callback([this] {
      result = with_database(file, [this](SqlDatabase& database, AuditLog&) {
        return list_tokens(user.name, database);
      });
    });
    auto* revoke = with_config(parent->add_subcommand("revoke", "end a login"));
    revoke->add_option("ID", login_id)->required();
    revoke->callback([this] {
      result = with_database(file, [this](SqlDatabase& database, AuditLog& log) {
        return revoke_token(login_id, database, log);
      });
    });
  }
  void add_usage_command() {
    with_config(app.add_subcommand("usage", "print what is used of folders that have a quota"))
        ->callback([this] {
          result = with_database(
              file, [](SqlDatabase& database, AuditLog&) { return list_usage(database); });
        });
  }
  void add_audit_command() {
    auto* command = with_config(app.add_subcommand("audit", "print lines of the audit log"));
    command->add_option("--user", audit.user, "only of this user");
    command->add_option("--action", audit.action, "only this action");
    command->add_option("--since", audit.since, "from this time on: 2026-01-02T03:04:05Z");
    command->add_flag("--denied", audit.denied, "only what was refused");
    command->callback([this] {
      auto config = load_config(file);
      result = config ? print_audit(config->audit_log, audit) : fail(std::move(config.error()));
    });
  }
  void add_policy_options(CLI::App* command) {
    command->add_option("--bucket", policy.bucket)->required();
    command->add_option("--prefix", policy.prefix, "like users/${user}/")->capture_default_str();
    constexpr const char* kWords = "rw, ro, upload-only or shared";
    command->add_option_function<std::string>(
        "--permissions",
        [this](const std::string& word) {
          const auto access = access_of(word);
          if (!access) throw CLI::ValidationError("--permissions", std::string("one of ") + kWords);
          policy.access = *access;
        },
        kWords);
    command->add_flag("--allow-acl", policy.extras.acl);
    command->add_flag("--allow-restore", policy.extras.restore);
    command->add_flag("--allow-versions", policy.extras.versions);
    command->add_flag("--allow-tagging", policy.extras.tagging);
    command->add_flag("--plain-http", policy.plain_http, "do not deny plain HTTP: for tests");
  }
  void add_policy_commands() {
    auto* parent = app.add_subcommand("policy", "print RAM policies");
    parent->require_subcommand(1);
    auto* session = parent->add_subcommand("session", "what one user's credential may do");
    add_policy_options(session);
    session->add_option("--user", policy.user)->required();
    session->add_option("--source-address", policy.source_addresses,
                        "only from this address or block");
    session->add_option("--policy-file", policy.policy_file, "a template of your own");
    session->callback([this] { result = print(print_session_policy(policy)); });
    auto* role =
        parent->add_subcommand("role", "the policy of the role: the bound of all credentials");
    add_policy_options(role);
    role->add_option("--user", policy.user, "has no effect: the role is for all");
    role->callback([this] { result = print(print_role_policy(policy)); });
    auto* trust = parent->add_subcommand("trust", "who may assume the role");
    trust->add_option("--principal", principal, "acs:ram::ACCOUNT:user/NAME of the server")
        ->required();
    trust->callback([this] { result = print(print_trust_policy(principal)); });
    auto* server = parent->add_subcommand("server", "the policy of the server's RAM user");
    server->add_option("--role-arn", role_arn, "acs:ram::ACCOUNT:role/NAME")->required();
    server->callback([this] { result = print(print_server_policy(role_arn)); });
  }
};

int run(int argc, char** argv) {
  // As other servers spell it.
  if (argc > 1 && std::strcmp(argv[1], "--check-config") == 0) argv[1] += 2;
  CommandLine line;
  line.app.set_version_flag("-V,--version", std::string("stsfs-vend ") + STSFS_VERSION);
  line.app.require_subcommand(1);
  line.add_server_commands();
  line.add_user_commands();
  line.add_token_commands();
  line.add_usage_command();
  line.add_audit_command();
  line.add_policy_commands();
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return line.app.exit(error) == 0 ? 0 : kExitUsage;
  }
  return line.result ? 0 : report(line.result.error());
}

}  // namespace
}  // namespace stsfs::vend

int main(int argc, char** argv) {
  if (auto hardened = stsfs::harden_process(); !hardened)
    std::fprintf(stderr, "stsfs-vend: %s\n", hardened.error().message.c_str());
  stsfs::start_log({.program = "stsfs-vend"});
  try {
    return stsfs::vend::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stsfs-vend: %s\n", error.what());
    return stsfs::vend::kExitFailed;
  }
}
