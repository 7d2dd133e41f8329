#include <pwd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "commands.h"
#include "exit_codes.h"
#include "password_prompt.h"
#include "paths.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/control/client.h"
#include "stsfs/credentials/token_store.h"
#include "stsfs/credentials/vending_client.h"
#include "stsfs/http/engine.h"

namespace stsfs::daemon {
namespace {

constexpr std::chrono::seconds kLoginTimeout{30};
constexpr std::chrono::seconds kAskTimeout{30};

std::string present_user() {
  const passwd* entry = getpwuid(geteuid());
  return entry != nullptr ? entry->pw_name : "";
}

Result<Secret> obtain_password(const LoginArguments& arguments, const std::string& user) {
  if (arguments.password_from_stdin) return read_password_line(STDIN_FILENO);
  return prompt_for_password("Password of " + printable(user) + " at " + printable(arguments.url) +
                             ": ");
}

/// Mounts of this server, which may have lost their login, go on with the new one at once.
void refresh_mounts(const Paths& paths, const std::string& url) {
  const Clock& clock = system_clock();
  const auto deadline = [&] { return Deadline::in(clock, kAskTimeout); };
  for (const std::string& socket : control_sockets(paths)) {
    const auto status = control::ask_status(socket, clock, deadline());
    if (!status || status->credential.source.find(url) == std::string::npos) continue;
    if (auto done = control::ask_refresh(socket, clock, deadline()); !done)
      std::fprintf(stderr, "stsfs: %s: %s\n", printable(status->mount_point).c_str(),
                   done.error().message.c_str());
  }
}

Result<credentials::LoginToken> log_in(const LoginArguments& arguments, const MountOptions& options,
                                       const std::string& user, std::string& url) {
  const Clock& clock = system_clock();
  auto engine = http::Engine::create({.connect_timeout = options.connect_timeout,
                                      .stall_timeout = options.stall_timeout,
                                      .ca_file = options.cacert,
                                      .proxy = options.proxy,
                                      .user_agent = "stsfs/" STSFS_VERSION},
                                     clock);
  if (!engine) return fail(std::move(engine.error()));
  auto client = credentials::VendingClient::create(
      **engine, clock, {.url = arguments.url, .insecure_http = options.insecure_http});
  if (!client) return fail(std::move(client.error()));
  url = (*client)->url();
  // Only now, so that nobody types a password for a server it may not be sent to.
  auto password = obtain_password(arguments, user);
  if (!password) return fail(std::move(password.error()));
  Interrupt interrupt;
  return (*client)->login(user, *password, Deadline::in(clock, kLoginTimeout), interrupt);
}

Result<void> login(const LoginArguments& arguments) {
  auto paths = our_paths();
  if (!paths) return fail(std::move(paths.error()));
  auto settings = all_settings(*paths, arguments.settings);
  if (!settings) return fail(std::move(settings.error()));
  auto options = resolve(*settings);
  if (!options) return fail(std::move(options.error()));
  const std::string user = arguments.user.empty() ? present_user() : arguments.user;
  if (user.empty()) return fail(Errc::kInvalid, "say who you are: --user NAME");
  std::string url;
  auto token = log_in(arguments, *options, user, url);
  if (!token) return fail(std::move(token.error()));
  if (auto saved = credentials::TokenStore(paths->state).save(url, *token); !saved) return saved;
  std::printf("Logged in at %s as %s until %s\n", printable(url).c_str(), printable(user).c_str(),
              format_iso8601(token->expires_at).c_str());
  std::fflush(stdout);
  refresh_mounts(*paths, url);
  return {};
}

}  // namespace

int login_command(const LoginArguments& arguments) {
  auto done = login(arguments);
  return done ? kExitOk : report(done.error());
}

}  // namespace stsfs::daemon
