#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "access_key.h"
#include "audit.h"
#include "config.h"
#include "server.h"
#include "service.h"
#include "stsfs/base/log.h"
#include "stsfs/base/process.h"
#include "stsfs/base/text.h"
#include "user_commands.h"
#include "user_store.h"

// stsfs-vend: checks who a person is and hands out a temporary credential for that person's folder.
namespace stsfs::vend {
namespace {

constexpr const char* kDefaultConfig = "/etc/stsfs/vend.toml";
constexpr std::chrono::seconds kGrace{10};

int report(const Error& error) {
  std::fprintf(stderr, "stsfs-vend: %s\n", error.message.c_str());
  return error.code == Errc::kInvalid ? kExitUsage : kExitFailed;
}

Result<std::shared_ptr<const Settings>> load_settings(const std::string& file) {
  auto config = load_config(file);
  if (!config) return fail(std::move(config.error()));
  auto key =
      load_access_key(config->access_key_file, [](const char* name) { return getenv(name); });
  if (!key) return fail(std::move(key.error()));
  auto engine = http::Engine::create({.ca_file = config->sts.ca_file, .user_agent = "stsfs-vend"},
                                     system_clock());
  if (!engine) return fail(std::move(engine.error()));
  auto client = sts::Client::create(**engine, system_clock(), config->sts.client);
  if (!client) return fail(std::move(client.error()));
  auto settings = std::make_shared<Settings>();
  settings->config = std::move(*config);
  settings->key = std::move(*key);
  settings->engine = std::move(*engine);
  settings->sts = std::move(*client);
  return settings;
}

/// What cannot change without a restart keeps its place; the rest takes effect at once.
void reload(const std::string& file, Service& service, AuditLog& audit) {
  if (auto reopened = audit.reopen(); !reopened) log_error("vend", "{}", reopened.error().message);
  auto settings = load_settings(file);
  if (!settings) {
    log_error("vend", "the configuration stays as it was: {}", settings.error().message);
    return;
  }
  service.reload(std::move(*settings));
  log_info("vend", "configuration reloaded");
}

sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before the first thread
  ::signal(SIGPIPE, SIG_IGN);
  return signals;
}

Result<void> serve(const std::string& file) {
  const sigset_t signals = block_signals();
  auto settings = load_settings(file);
  if (!settings) return fail(std::move(settings.error()));
  const Config& config = (*settings)->config;
  auto store = UserStore::open(config.database, system_clock());
  if (!store) return fail(std::move(store.error()));
  auto audit = AuditLog::open(config.audit_log, system_clock());
  if (!audit) return fail(std::move(audit.error()));
  auto options = server_options(config);
  if (!options) return fail(std::move(options.error()));
  auto service = Service::create(*settings, **store, **audit, PasswordCost{}, system_clock());
  if (!service) return fail(std::move(service.error()));
  auto server = Server::start(std::move(*options), **service);
  if (!server) return fail(std::move(server.error()));
  settings->reset();  // the service has it, until a reload

  std::printf("VEND_URL=%s\n", (*server)->url().c_str());
  std::fflush(stdout);
  log_info("vend", "listening on {}", (*server)->url());
  for (int signal = 0;;) {
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) break;
    reload(file, **service, **audit);
  }
  log_info("vend", "stopping");
  (*server)->stop(kGrace);
  return {};
}

Result<void> with_store(const std::string& file,
                        const std::function<Result<void>(UserStore&, AuditLog&)>& work) {
  auto config = load_config(file);
  if (!config) return fail(std::move(config.error()));
  auto store = UserStore::open(config->database, system_clock());
  if (!store) return fail(std::move(store.error()));
  auto audit = AuditLog::open(config->audit_log, system_clock());
  if (!audit) return fail(std::move(audit.error()));
  return work(**store, **audit);
}

int run(int argc, char** argv) {
  CLI::App app{"Hands out temporary credentials for each person's folder; see stsfs-vend(8)."};
  app.set_version_flag("-V,--version", std::string("stsfs-vend ") + STSFS_VERSION);
  app.require_subcommand(1);
  std::string file = kDefaultConfig;
  std::string name;
  bool password_on_stdin = false;
  Result<void> result;
  const auto config_option = [&](CLI::App* command) {
    command->add_option("--config", file, "configuration file")->capture_default_str();
    return command;
  };

  auto* serve_command = config_option(app.add_subcommand("serve", "run the server"));
  serve_command->callback([&] { result = serve(file); });
  auto* check = config_option(
      app.add_subcommand("check-config", "read the configuration, say what is wrong"));
  check->callback([&] {
    auto settings = load_settings(file);
    if (!settings) result = fail(std::move(settings.error()));
  });
  app.add_subcommand("example-config", "print a configuration to start from")->callback([] {
    std::fputs(std::string(example_config()).c_str(), stdout);
  });

  auto* user = app.add_subcommand("user", "manage users, also while the server runs");
  user->require_subcommand(1);
  const auto user_command = [&](const char* verb, const char* help, UserCommand command) {
    auto* sub = config_option(user->add_subcommand(verb, help));
    if (command != UserCommand::kList) sub->add_option("NAME", name)->required();
    if (command == UserCommand::kAdd || command == UserCommand::kPassword)
      sub->add_flag("--password-stdin", password_on_stdin, "read the password's line from stdin");
    sub->callback([&, command] {
      result = with_store(file, [&](UserStore& store, AuditLog& audit) {
        return run_user_command(command, name, password_on_stdin, store, audit);
      });
    });
  };
  user_command("add", "add a user", UserCommand::kAdd);
  user_command("passwd", "set a password; ends the user's logins", UserCommand::kPassword);
  user_command("disable", "refuse a user; ends the user's logins", UserCommand::kDisable);
  user_command("enable", "admit a user again", UserCommand::kEnable);
  user_command("list", "list users", UserCommand::kList);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  return result ? 0 : report(result.error());
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
