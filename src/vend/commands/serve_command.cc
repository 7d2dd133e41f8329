#include "serve_command.h"

#include <pthread.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#include <cstdio>
#include <functional>
#include <memory>

#include "load_settings.h"
#include "stores/sql.h"
#include "stsfs/base/file_watch.h"
#include "stsfs/base/log.h"
#include "stsfs/base/log_format.h"
#include "web/privileges.h"
#include "web/routes.h"
#include "web/server.h"
#include "web/service.h"

namespace stsfs::vend {
namespace {

constexpr std::chrono::seconds kGrace{10};
constexpr std::chrono::minutes kSweepEvery{60};

sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before the first thread
  ::signal(SIGPIPE, SIG_IGN);
  return signals;
}

/// A new AccessKey is used as soon as its file is there, without a signal. `known`: the file as it
/// was when it was read last.
std::unique_ptr<FileWatch> watch_keys(const Config& config, FileStamp known, Service& service) {
  if (config.access_key_file.empty()) return nullptr;
  const std::string& file = config.access_key_file;
  return std::make_unique<FileWatch>(file, known, [file, &service] {
    auto keys = load_access_keys(file, {});
    if (!keys) {
      log_error("vend", "the AccessKey stays as it was: {}", keys.error().message);
      return;
    }
    log_info("vend", "AccessKey {} is used from now on", keys->front().id);
    service.replace_keys(std::move(*keys));
  });
}

/// What runs, and what a reload changes of it.
struct Running {
  const std::string file;
  const Config started;  ///< With what only a restart changes.
  Service& service;
  Server& server;
  AuditLog& audit;
  std::unique_ptr<FileWatch> keys;
};

/// What cannot change without a restart keeps its place; the rest takes effect at once.
Result<void> reload_all(Running& running) {
  if (auto reopened = running.audit.reopen(); !reopened) return reopened;
  auto loaded = load_settings(running.file, system_clock());
  if (!loaded) return fail(std::move(loaded.error()));
  const Config& config = loaded->settings->config;
  auto options = server_options(config);
  if (!options) return fail(std::move(options.error()));
  if (auto taken = running.server.reload(std::move(*options)); !taken) return taken;
  running.keys.reset();  // the old file says nothing any more
  running.service.replace_keys(std::move(loaded->keys));
  running.keys = watch_keys(config, loaded->keys_stamp, running.service);
  if (const auto keys = restart_needed(running.started, config); !keys.empty())
    log_warning("vend", "only a restart changes {}: as before until then", keys);
  running.service.reload(std::move(loaded->settings));
  return {};
}

void reload(Running& running) {
  sd_notify(0, "RELOADING=1");
  if (auto done = reload_all(running); !done)
    log_error("vend", "the configuration stays as it was: {}", done.error().message);
  else
    log_info("vend", "configuration reloaded");
  sd_notify(0, "READY=1");
}

/// What will never get better by itself ends the start; what may, does not.
Result<void> self_test(Office& office) {
  auto tried = try_sts(office);
  if (tried) return {};
  const Errc code = tried.error().code;
  if (code == Errc::kInvalid || code == Errc::kDenied || code == Errc::kCredential)
    return fail(std::move(tried.error()), "self-test");
  log_warning("vend", "self-test: {}; going on, it may come back", tried.error().message);
  return {};
}

void wait_for_the_end(const sigset_t& signals, const std::function<void()>& on_hangup,
                      Office& office) {
  const timespec sweep_every{std::chrono::seconds(kSweepEvery).count(), 0};
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &sweep_every);
    if (signal == SIGHUP) {
      on_hangup();
    } else if (signal > 0) {
      return;
    } else if (auto swept = office.logins.sweep(); !swept) {
      log_warning("vend", "{}", swept.error().message);
    }
  }
}

}  // namespace

Result<void> serve(const std::string& file) {
  const sigset_t signals = block_signals();
  auto early = load_config(file);
  if (!early) return fail(std::move(early.error()));
  // The socket may need root's rights; everything else is opened without them, as a reload will
  // have to.
  auto listener = open_listener(early->listen, !early->tls_certificate.empty());
  if (!listener) return fail(std::move(listener.error()));
  if (auto become_less = become(early->run_as); !become_less) return become_less;
  log_as_json(early->log_json);
  auto loaded = load_settings(file, system_clock());
  if (!loaded) return fail(std::move(loaded.error()));
  const Config& config = loaded->settings->config;
  auto database = open_database(config.database);
  if (!database) return fail(std::move(database.error()));
  auto audit = AuditLog::open(config.audit_log, system_clock(), config.audit_sync);
  if (!audit) return fail(std::move(audit.error()));
  auto options = server_options(config);
  if (!options) return fail(std::move(options.error()));
  const PasswordCost cost =
      tune_password_cost(std::chrono::milliseconds(config.password.target_milliseconds),
                         static_cast<std::size_t>(config.password.memory_mib) << 20);
  log_info("vend", "a password is hashed with {} passes over {} MiB", cost.operations,
           config.password.memory_mib);
  auto service = make_service(loaded->settings, std::move(loaded->keys), **database, **audit, cost,
                              system_clock());
  if (!service) return fail(std::move(service.error()));
  if (config.self_test)
    if (auto tested = self_test((*service)->office()); !tested) return tested;
  auto server = Server::start(std::move(*options), std::move(*listener), **service);
  if (!server) return fail(std::move(server.error()));
  Running running{file,     config,  **service,
                  **server, **audit, watch_keys(config, loaded->keys_stamp, **service)};
  loaded->settings.reset();  // the service has it, until a reload

  std::printf("VEND_URL=%s\n", (*server)->url().c_str());
  std::fflush(stdout);
  log_info("vend", "listening on {}", (*server)->url());
  sd_notify(0, "READY=1");
  wait_for_the_end(
      signals, [&] { reload(running); }, (*service)->office());
  log_info("vend", "stopping");
  sd_notify(0, "STOPPING=1");
  (*server)->stop(kGrace);
  return {};
}

}  // namespace stsfs::vend
