#include "serve.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "config_file.h"
#include "exit_codes.h"
#include "service_manager.h"
#include "signals.h"
#include "status_text.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/control/server.h"

namespace stsfs::daemon {
namespace {

// After a polite unmount, for the kernel's last requests.
constexpr std::chrono::seconds kUnmountGrace{10};
constexpr std::chrono::milliseconds kDrainLook{100};
constexpr std::chrono::seconds kDrainReport{10};

// --- logging ---

LogOptions log_options(const MountRequest& request) {
  LogOptions out{.level = request.options.log_level, .program = "stsfs"};
  const std::string& where = request.options.log;
  const auto fallback_file = request.paths.state + "/stsfs.log";
  if (request.foreground || where == "stderr") {
    out.target = LogTarget::kStderr;
  } else if (where.starts_with('/')) {
    out.target = LogTarget::kFile;
    out.file = where;
  } else if (where == "journal" || (where == "auto" && journal_is_there())) {
    out.target = LogTarget::kJournal;
  } else if (where == "syslog" || access("/dev/log", W_OK) == 0) {
    out.target = LogTarget::kSyslog;
  } else {
    out.target = LogTarget::kFile;
    out.file = fallback_file;
  }
  return out;
}

void start_logging(const MountRequest& request) {
  const LogOptions options = log_options(request);
  if (options.target == LogTarget::kFile) {
    const auto made = make_directories(options.file.substr(0, options.file.rfind('/')), 0700);
    if (!made) log_warning("daemon", "{}", made.error().message);
  }
  if (!start_log(options)) log_warning("daemon", "the log at {} cannot be written", options.file);
  if (request.debug) set_log_level(LogLevel::kDebug);
}

// --- the daemon, once it is mounted ---

class Daemon {
 public:
  Daemon(const MountRequest& request, Wiring& wiring, Signals& signals, const Event& ended)
      : request_(request), wiring_(wiring), signals_(signals), ended_(ended) {}

  /// Until the mount is gone.
  void serve() {
    for (;;) {
      std::array<pollfd, 2> fds{pollfd{signals_.fd(), POLLIN, 0}, pollfd{ended_.fd(), POLLIN, 0}};
      if (poll(fds.data(), fds.size(), -1) < 0) continue;
      if (fds[1].revents != 0) return;
      while (const auto signal = signals_.take())
        if (!handle(*signal)) return;
    }
  }

  /// Waits for what is pending; false when some of it is left.
  bool drain();

 private:
  /// False: the mount is taken down.
  bool handle(int signal) {
    switch (signal) {
      case SIGHUP:
        reload();
        return true;
      case SIGUSR1:
        log_info("daemon", "status {}", control::to_json(wiring_.service().status()));
        return true;
      case SIGUSR2:
        next_log_level();
        return true;
      default:
        take_down();
        return false;
    }
  }

  void reload();
  void next_log_level() {
    const LogLevel level = log_level();
    wiring_.service().set_log_level(level == LogLevel::kDebug   ? LogLevel::kTrace
                                    : level == LogLevel::kTrace ? LogLevel::kInfo
                                                                : LogLevel::kDebug);
  }
  void take_down();
  bool told_to_stop() {
    while (const auto signal = signals_.take())
      if (*signal == SIGTERM || *signal == SIGINT) return true;
    return false;
  }
  void report_left(const control::Pending& pending) const;

  const MountRequest& request_;
  Wiring& wiring_;
  Signals& signals_;
  const Event& ended_;
};

void Daemon::reload() {
  wiring_.renew_now();
  Settings settings;
  for (const std::string& path : request_.paths.config_files) {
    auto more = read_config_file(path);
    if (!more) return log_error("daemon", "the log level stays: {}", more.error().message);
    settings.insert(settings.end(), more->begin(), more->end());
  }
  settings.insert(settings.end(), request_.settings.begin(), request_.settings.end());
  const auto options = resolve(settings);
  if (!options) return log_error("daemon", "the log level stays: {}", options.error().message);
  wiring_.service().set_log_level(options->log_level);
}

void Daemon::take_down() {
  log_info("daemon", "told to end: unmounting {}", request_.mount_point);
  auto gone = wiring_.unmount(false);
  if (!gone && gone.error().code == Errc::kBusy) {
    log_warning("daemon", "{}; it is detached all the same", gone.error().message);
    gone = wiring_.unmount(true);
  }
  if (!gone && gone.error().code != Errc::kNotFound)
    log_error("daemon", "{}", gone.error().message);
  // Files that stay open elsewhere do not keep us: what they wrote is staged, and closing them is
  // over.
  if (!wiring_.wait_ended(Deadline::in(system_clock(), kUnmountGrace)))
    log_warning("daemon", "files are still open; they are cut off");
}

bool Daemon::drain() {
  const Clock& clock = system_clock();
  const Deadline deadline = Deadline::in(clock, request_.options.drain_timeout);
  Deadline report = Deadline::in(clock, kDrainReport);
  control::Pending pending = wiring_.service().pending();
  if (pending.files != 0) wiring_.service().hurry();
  while (pending.files != 0) {
    if (deadline.passed(clock) || told_to_stop()) {
      report_left(pending);
      return false;
    }
    if (report.passed(clock)) {
      log_info("daemon", "waiting for {}", amount_text(pending.files, pending.bytes));
      report = Deadline::in(clock, kDrainReport);
    }
    pollfd signals{signals_.fd(), POLLIN, 0};
    poll(&signals, 1, static_cast<int>(kDrainLook.count()));
    pending = wiring_.service().pending();
  }
  return true;
}

void Daemon::report_left(const control::Pending& pending) const {
  log_error("daemon", "ended with {} not in OSS; all of it is kept for the next mount",
            amount_text(pending.files, pending.bytes));
  for (const auto& file : pending.some)
    log_error("daemon", "not in OSS: {} ({}): {}", printable(file.path, 1'000),
              human_bytes(file.size_bytes), file.last_error);
}

/// Mounted, with whoever asks on the control socket answered, until all is over.
int run_mounted(const MountRequest& request, Readiness& readiness, Wiring& wiring, Signals& signals,
                const Event& ended) {
  auto server = control::Server::start(control_socket_path(request.paths, request.mount_point),
                                       wiring.service(), system_clock());
  if (!server) {
    readiness.failed(server.error());
    return exit_code_of(server.error().code);
  }
  if (auto told = readiness.ready(); !told) {
    log_error("daemon", "nobody waits for the mount any more; unmounting");
    return kExitInterrupt;
  }
  log_info("daemon", "mounted {} at {}", request.source_text, request.mount_point);
  notify_service_manager("READY=1\nSTATUS=mounted at " + request.mount_point);
  Daemon daemon(request, wiring, signals, ended);
  daemon.serve();
  notify_service_manager("STOPPING=1\nSTATUS=waiting for what is not in OSS yet");
  const bool all = daemon.drain();
  log_info("daemon", "unmounted {}", request.mount_point);
  return all ? kExitOk : kExitFailed;
}

}  // namespace

int serve(const MountRequest& request, Readiness readiness) {
  umask(077);
  start_logging(request);
  auto signals = Signals::block();
  auto ended = Event::create();
  if (!signals || !ended) {
    readiness.failed(!signals ? signals.error() : ended.error());
    return kExitSystem;
  }
  Result<std::unique_ptr<Wiring>> wiring = [&] {
    const EndOnSignal until_mounted(*signals, request.mount_point);
    return Wiring::build(request, system_clock(), [&ended] { ended->set(); });
  }();
  if (!wiring) {
    if (!request.foreground) log_error("daemon", "{}", wiring.error().message);
    readiness.failed(wiring.error());
    return exit_code_of(wiring.error().code);
  }
  const int code = run_mounted(request, readiness, **wiring, *signals, *ended);
  wiring->reset();
  flush_log();
  return code;
}

}  // namespace stsfs::daemon
