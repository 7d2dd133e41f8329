// The credential of a mount for programs that are not ours: printed once, or served.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "commands.h"
#include "credential_choice.h"
#include "exit_codes.h"
#include "mount_source.h"
#include "service_manager.h"
#include "signals.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/private_file.h"
#include "stsfs/base/text.h"
#include "stsfs/control/credentials_port.h"
#include "vending_place.h"

namespace stsfs::daemon {
namespace {

struct Where {
  Paths paths;
  MountOptions options;
};

/// Without a source, what `credentials=` and the environment say.
Result<Where> where_from(const CredentialsArguments& arguments) {
  auto paths = our_paths();
  if (!paths) return fail(std::move(paths.error()));
  auto settings = all_settings(*paths, arguments.settings);
  if (!settings) return fail(std::move(settings.error()));
  auto options = resolve(*settings);
  if (!options) return fail(std::move(options.error()));
  if (arguments.source.empty()) return Where{std::move(*paths), std::move(*options)};
  auto source = parse_source(arguments.source);
  if (!source) return fail(std::move(source.error()));
  if (!std::holds_alternative<VendingSource>(*source))
    return fail(Errc::kInvalid,
                "a vending server gives credentials, a folder does not; leave it out and say "
                "credentials=KIND");
  auto fitted = fit_to_source(std::move(*options), *source);
  if (!fitted) return fail(std::move(fitted.error()));
  return Where{std::move(*paths), std::move(*fitted)};
}

Result<void> print_once(credentials::Source& source, const Where& where) {
  Interrupt interrupt;
  const auto grant =
      source.fetch({}, Deadline::in(system_clock(), where.options.mount_timeout), interrupt);
  if (!grant) return fail(grant.error());
  std::string json = control::credential_json(grant->credential);
  const int written = std::printf("%s\n", json.c_str());
  wipe(json);
  if (written < 0 || std::fflush(stdout) != 0) return fail_errno("write the credential");
  return {};
}

/// The address of the last time, so that configurations of others stay right.
control::CredentialsPort::Options kept_address(const std::string& uri_file) {
  if (uri_file.empty()) return {};
  const auto text = read_private_file(uri_file);
  if (!text) return {};
  return control::parse_credentials_uri(
             std::string(trim(text->reveal().substr(0, text->reveal().find('\n')))))
      .value_or(control::CredentialsPort::Options{});
}

Result<std::unique_ptr<control::CredentialsPort>> open_port(credentials::Provider& provider,
                                                            const std::string& uri_file) {
  auto address = kept_address(uri_file);
  auto port = control::CredentialsPort::start(provider, address);
  if (!port && port.error().code == Errc::kBusy && address.port != 0) {
    address.port = 0;  // somebody else has it now
    port = control::CredentialsPort::start(provider, address);
  }
  if (!port || uri_file.empty()) return port;
  if (auto kept = write_file_atomically(uri_file, (*port)->uri() + "\n", 0600); !kept)
    return fail(std::move(kept.error()), "uri file");
  return port;
}

/// Past stdout, whose buffer would keep it.
void print_address(const std::string& uri) {
  const std::string line = "ALIBABA_CLOUD_CREDENTIALS_URI=" + uri + "\n";
  [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, line.data(), line.size());
}

Result<void> serve(std::unique_ptr<credentials::Source> source, const Where& where,
                   const std::string& uri_file, Signals& signals) {
  const Deadline deadline = Deadline::in(system_clock(), where.options.mount_timeout);
  auto renewer = credentials::Renewer::start(std::move(source), {}, system_clock(), deadline);
  if (!renewer) return fail(std::move(renewer.error()), "no credential");
  auto port = open_port(**renewer, uri_file);
  if (!port) return fail(std::move(port.error()));
  print_address((*port)->uri());
  notify_service_manager("READY=1");
  for (;;) {
    pollfd wait{signals.fd(), POLLIN, 0};
    if (poll(&wait, 1, -1) < 0) continue;
    while (const auto signal = signals.take()) {
      if (*signal == SIGHUP) (*renewer)->renew_now();
      if (*signal == SIGTERM || *signal == SIGINT) return {};
    }
  }
}

Result<void> give(const CredentialsArguments& arguments) {
  auto where = where_from(arguments);
  if (!where) return fail(std::move(where.error()));
  auto signals = arguments.serve ? Signals::block()  // before the first thread
                                 : Result<Signals>(fail(Errc::kNotSupported, "not asked for"));
  if (arguments.serve && !signals) return fail(std::move(signals.error()));
  auto engine = command_engine(where->options);
  if (!engine) return fail(std::move(engine.error()));
  auto source = make_source(
      where->options, where->paths.state, [](const char* name) { return getenv(name); }, **engine,
      system_clock());
  if (!source) return fail(std::move(source.error()));
  if (arguments.serve) return serve(std::move(*source), *where, arguments.uri_file, *signals);
  return print_once(**source, *where);
}

}  // namespace

int credentials_command(const CredentialsArguments& arguments) {
  auto done = give(arguments);
  return done ? kExitOk : report(done.error());
}

}  // namespace stsfs::daemon
