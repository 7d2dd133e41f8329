#include "user_commands.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>

#include "password.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs::vend {
namespace {

/// One line, without its end; kInvalid when it is too long, or empty input.
Result<Secret> read_line(int fd) {
  std::string line;
  line.reserve(kPasswordMaxBytes + 2);  // so that no copy stays behind in freed memory
  char c = 0;
  while (read(fd, &c, 1) == 1 && c != '\n' && line.size() <= kPasswordMaxBytes) line.push_back(c);
  if (line.ends_with('\r')) line.pop_back();
  return Secret(std::move(line));
}

/// Turns the terminal's echo off while it lives.
class NoEcho {
 public:
  explicit NoEcho(int fd) : fd_(fd), changed_(tcgetattr(fd, &before_) == 0) {
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (changed_) tcsetattr(fd_, TCSAFLUSH, &quiet);
  }
  ~NoEcho() {
    if (changed_) tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  const int fd_;
  termios before_{};
  const bool changed_;
};

Result<Secret> ask(int terminal, const std::string& prompt) {
  const NoEcho quiet(terminal);
  dprintf(terminal, "%s", prompt.c_str());
  auto line = read_line(terminal);
  dprintf(terminal, "\n");
  return line;
}

Result<Secret> read_password(bool on_stdin) {
  if (on_stdin) return read_line(STDIN_FILENO);
  UniqueFd terminal(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal)
    return fail(Errc::kInvalid, "no terminal to ask for the password; remedy: --password-stdin");
  auto first = ask(terminal.get(), "Password: ");
  if (!first) return first;
  auto second = ask(terminal.get(), "Once more: ");
  if (!second) return second;
  if (!(*first == *second)) return fail(Errc::kInvalid, "the two passwords differ");
  return first;
}

Result<std::string> new_password_hash(bool on_stdin) {
  auto password = read_password(on_stdin);
  if (!password) return fail(std::move(password.error()));
  if (password->size_bytes() < kPasswordMinBytes || password->size_bytes() > kPasswordMaxBytes)
    return fail(Errc::kInvalid, "a password has 8 to 1,024 bytes");
  return hash_password(*password, PasswordCost{});
}

Result<void> add(const std::string& name, bool on_stdin, UserStore& store) {
  if (auto good = sts::check_user_name(name); !good) return good;
  auto hash = new_password_hash(on_stdin);
  if (!hash) return fail(std::move(hash.error()));
  return store.add(name, *hash);
}

Result<void> set_password(const std::string& name, bool on_stdin, UserStore& store) {
  auto known = store.find(name);
  if (!known) return fail(std::move(known.error()));
  if (!*known) return fail(Errc::kNotFound, "there is no user " + printable(name));
  auto hash = new_password_hash(on_stdin);
  if (!hash) return fail(std::move(hash.error()));
  return store.set_password(name, *hash);
}

Result<void> list(UserStore& store) {
  auto users = store.list();
  if (!users) return fail(std::move(users.error()));
  for (const User& user : *users)
    std::printf("%s\t%s\t%s\n", user.name.c_str(), user.enabled ? "enabled" : "disabled",
                format_iso8601(user.created_at).c_str());
  return {};
}

const char* action_of(UserCommand command) {
  switch (command) {
    case UserCommand::kAdd:
      return "user.add";
    case UserCommand::kPassword:
      return "user.passwd";
    case UserCommand::kDisable:
      return "user.disable";
    case UserCommand::kEnable:
      return "user.enable";
    case UserCommand::kList:
      return "user.list";
  }
  return "user";
}

Result<void> change(UserCommand command, const std::string& name, bool on_stdin, UserStore& store) {
  switch (command) {
    case UserCommand::kAdd:
      return add(name, on_stdin, store);
    case UserCommand::kPassword:
      return set_password(name, on_stdin, store);
    case UserCommand::kDisable:
      return store.set_enabled(name, false);
    case UserCommand::kEnable:
      return store.set_enabled(name, true);
    case UserCommand::kList:
      return list(store);
  }
  return {};
}

}  // namespace

Result<void> run_user_command(UserCommand command, const std::string& name, bool password_on_stdin,
                              UserStore& store, AuditLog& audit) {
  auto done = change(command, name, password_on_stdin, store);
  if (command != UserCommand::kList)
    audit.record({.action = action_of(command),
                  .user = name,
                  .address = "local uid " + std::to_string(getuid()),
                  .allowed = done.has_value(),
                  .reason = done ? std::string() : done.error().message});
  return done;
}

}  // namespace stsfs::vend
