#include "unattended_login.h"

#include <sys/stat.h>

#include <utility>

#include "stsfs/base/command.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/password_prompt.h"
#include "stsfs/base/text.h"

namespace stsfs::daemon {
namespace {

constexpr std::size_t kPasswordFileMax = 64 * 1024;

/// The first line, as a password is typed.
Result<Secret> first_line(const Secret& text, const std::string& origin) {
  std::string_view line = text.reveal();
  line = line.substr(0, line.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty() || line.size() > kPasswordMax)
    return fail(Errc::kInvalid, "no password in " + origin);
  return Secret(line);
}

}  // namespace

std::optional<std::string> handed_over_password(const Environment& environment) {
  const char* directory = environment("CREDENTIALS_DIRECTORY");
  if (directory == nullptr || *directory != '/') return std::nullopt;
  std::string path = std::string(directory) + "/" + kPasswordCredential;
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return path;
}

Result<credentials::UnattendedLogin> unattended_login(const MountOptions& options,
                                                      const Environment& environment,
                                                      const Clock& clock) {
  const auto handed_over = handed_over_password(environment);
  credentials::UnattendedLogin login{.username = options.vend_user, .password = {}};
  if (options.password_command.empty() && !handed_over) return login;
  if (login.username.empty())
    return fail(Errc::kInvalid, "there is a password, but whose? add vend_user=NAME");
  if (options.password_command.empty()) {
    login.password = [path = *handed_over](Deadline, Interrupt&) -> Result<Secret> {
      // Not judged by its mode: systemd lets the unit's user in by an access list.
      auto text = read_file(path, kPasswordFileMax);
      if (!text) return fail(std::move(text.error()));
      return first_line(Secret(std::move(*text)), printable(path));
    };
    return login;
  }
  auto command = split_command(options.password_command);
  if (!command) return fail(std::move(command.error()), "password_command");
  login.password = [words = std::move(*command), &clock](Deadline deadline,
                                                         Interrupt& interrupt) -> Result<Secret> {
    auto text =
        run_command(words, {.output_max_bytes = kPasswordFileMax}, clock, deadline, interrupt);
    if (!text) return text;
    return first_line(*text, "the output of " + printable(words.front()));
  };
  return login;
}

}  // namespace stsfs::daemon
