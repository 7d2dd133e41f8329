// login, logout, whoami: what a person does with a vending server.
#include <pwd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "commands.h"
#include "exit_codes.h"
#include "stsfs/base/password_prompt.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/control/client.h"
#include "stsfs/credentials/device_login.h"
#include "unattended_login.h"
#include "vending_place.h"

namespace stsfs::daemon {
namespace {

using credentials::LoginToken;

constexpr std::chrono::seconds kLoginTimeout{30};
constexpr std::chrono::seconds kAskTimeout{30};

Deadline in(std::chrono::seconds delay) { return Deadline::in(system_clock(), delay); }

std::string present_user() {
  const passwd* entry = getpwuid(geteuid());
  return entry != nullptr ? entry->pw_name : "";
}

/// The mounts of this user that have their credentials from the server at `url`.
template <class Do>
void for_mounts_of(const Paths& paths, const std::string& url, Do what) {
  for (const std::string& socket : control_sockets(paths)) {
    const auto status = control::ask_status(socket, system_clock(), in(kAskTimeout));
    if (status && status->credential.source.find(url) != std::string::npos) what(socket, *status);
  }
}

/// Mounts of this server, which may have lost their login, go on with the new one at once.
void refresh_mounts(const Paths& paths, const std::string& url) {
  for_mounts_of(paths, url, [](const std::string& socket, const control::Status& status) {
    if (auto done = control::ask_refresh(socket, system_clock(), in(kAskTimeout)); !done)
      std::fprintf(stderr, "stsfs: %s: %s\n", printable(status.mount_point).c_str(),
                   done.error().message.c_str());
  });
}

// --- with a password ---

Result<Secret> obtain_password(const LoginArguments& arguments, const VendingPlace& place,
                               const std::string& user, Interrupt& interrupt) {
  if (arguments.password_from_stdin) return read_password_line(STDIN_FILENO);
  MountOptions options = place.options;
  options.vend_user = user;
  auto unattended = unattended_login(
      options, [](const char* name) { return getenv(name); }, system_clock());
  if (!unattended) return fail(std::move(unattended.error()));
  if (unattended->password) return unattended->password(in(kLoginTimeout), interrupt);
  return prompt_for_password("Password of " + printable(user) + " at " + printable(place.url()) +
                             ": ");
}

Result<LoginToken> log_in_with_password(const LoginArguments& arguments, VendingPlace& place,
                                        Interrupt& interrupt) {
  std::string user = arguments.user.empty() ? place.options.vend_user : arguments.user;
  if (user.empty()) user = present_user();
  if (user.empty()) return fail(Errc::kInvalid, "say who you are: --user NAME");
  auto password = obtain_password(arguments, place, user, interrupt);
  if (!password) return fail(std::move(password.error()));
  return place.client->login(user, *password, in(kLoginTimeout), interrupt);
}

// --- with another device ---

void show_code(const credentials::DeviceCode& code) {
  std::printf("To log in, open %s\nand enter the code %s\n",
              printable(code.verification_uri, 1024).c_str(), printable(code.user_code).c_str());
  if (!code.verification_uri_complete.empty())
    std::printf("or open %s\n", printable(code.verification_uri_complete, 1024).c_str());
  std::printf("Waiting for that, for %lld s at most.\n",
              static_cast<long long>(code.expires_in.count()));
  std::fflush(stdout);
}

Result<LoginToken> log_in_with_device(VendingPlace& place, Interrupt& interrupt) {
  const auto code = place.client->start_device_login(in(kLoginTimeout), interrupt);
  if (!code) return fail(code.error());
  show_code(*code);
  auto token = credentials::wait_for_device_login(*place.client, *code, system_clock(),
                                                  credentials::real_pause(interrupt), interrupt);
  if (!token) return token;
  // The token says whose it is only to the server.
  if (auto who = place.client->whoami(token->token, in(kAskTimeout), interrupt))
    token->username = who->user;
  return token;
}

Result<void> login(const LoginArguments& arguments) {
  auto place = open_vending(arguments.url, arguments.settings);
  if (!place) return fail(std::move(place.error()));
  Interrupt interrupt;
  auto token = arguments.device ? log_in_with_device(*place, interrupt)
                                : log_in_with_password(arguments, *place, interrupt);
  if (!token) return fail(std::move(token.error()));
  if (auto saved = place->store().save(place->url(), *token); !saved) return saved;
  std::printf("Logged in at %s%s%s until %s\n", printable(place->url(), 512).c_str(),
              token->username.empty() ? "" : " as ", printable(token->username).c_str(),
              format_iso8601(token->expires_at).c_str());
  std::fflush(stdout);
  refresh_mounts(place->paths, place->url());
  return {};
}

// --- the end of a login ---

Result<void> logout(const LogoutArguments& arguments) {
  auto place = open_vending(arguments.url, arguments.settings);
  if (!place) return fail(std::move(place.error()));
  Interrupt interrupt;
  const auto token = place->store().load(place->url());
  if (!arguments.local && token) {
    auto revoked = place->client->logout(token->token, in(kAskTimeout), interrupt);
    if (!revoked)
      return fail(std::move(revoked.error()),
                  "still logged in, the token could not be revoked (stsfs logout --local forgets "
                  "it on this machine only)");
  }
  if (!token && token.error().code != Errc::kCredential) return fail(token.error());
  const auto erased = place->store().erase(place->url());
  if (!erased) return fail(erased.error());
  if (!*erased)
    return fail(Errc::kCredential, "not logged in at " + printable(place->url(), 512) +
                                       "; remedy: `stsfs whoami` shows where you are");
  std::printf("Logged out at %s\n", printable(place->url(), 512).c_str());
  std::fflush(stdout);
  for_mounts_of(place->paths, place->url(), [](const std::string&, const control::Status& status) {
    std::fprintf(stderr, "stsfs: %s goes on until its credential expires%s\n",
                 printable(status.mount_point).c_str(),
                 status.credential.expiration
                     ? (", at " + format_iso8601(*status.credential.expiration)).c_str()
                     : "");
  });
  return {};
}

// --- whose it is ---

Result<void> show_identity(const std::string& url, const Settings& settings) {
  auto place = open_vending(url, settings);
  if (!place) return fail(std::move(place.error()));
  const auto token = place->store().load(place->url());
  if (!token) return fail(token.error());
  Interrupt interrupt;
  const auto who = place->client->whoami(token->token, in(kAskTimeout), interrupt);
  if (!who) return fail(who.error());
  std::printf("%s at %s\n", printable(who->user).c_str(), printable(place->url(), 512).c_str());
  std::string groups;
  for (const std::string& group : who->groups) groups += (groups.empty() ? "" : ", ") + group;
  if (!groups.empty()) std::printf("  groups      %s\n", printable(groups, 1024).c_str());
  if (!who->bucket.empty())
    std::printf("  folder      oss://%s/%s, %s\n", printable(who->bucket).c_str(),
                printable(who->prefix, 1024).c_str(), printable(who->permissions).c_str());
  std::printf("  logged in   until %s\n",
              format_iso8601(who->token_expires_at.value_or(token->expires_at)).c_str());
  return {};
}

Result<void> whoami(const WhoamiArguments& arguments) {
  if (!arguments.url.empty()) return show_identity(arguments.url, arguments.settings);
  auto paths = our_paths();
  if (!paths) return fail(std::move(paths.error()));
  auto settings = all_settings(*paths, arguments.settings);
  if (!settings) return fail(std::move(settings.error()));
  const auto options = resolve(*settings);
  if (!options) return fail(options.error());
  if (options->token_store == credentials::TokenPlace::kKeyring)
    return fail(Errc::kInvalid,
                "with token_store=keyring name the URL (stsfs whoami URL): the keyring does not "
                "say where you are logged in");
  const auto servers = credentials::TokenStore(paths->state).servers();
  if (servers.empty())
    return fail(Errc::kCredential, "not logged in anywhere; remedy: stsfs login URL");
  Result<void> result;
  for (const std::string& url : servers)
    if (auto shown = show_identity(url, arguments.settings); !shown) {
      if (!result) (void)report(result.error());
      result = std::move(shown);
    }
  return result;
}

int code_of(const Result<void>& done) { return done ? kExitOk : report(done.error()); }

}  // namespace

int login_command(const LoginArguments& arguments) { return code_of(login(arguments)); }
int logout_command(const LogoutArguments& arguments) { return code_of(logout(arguments)); }
int whoami_command(const WhoamiArguments& arguments) { return code_of(whoami(arguments)); }

}  // namespace stsfs::daemon
