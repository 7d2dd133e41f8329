#include "user_commands.h"

#include <unistd.h>

#include <cstdio>

#include "office/sign_in.h"
#include "office/throttle.h"
#include "stores/login_store.h"
#include "stores/password.h"
#include "stores/usage_store.h"
#include "stores/user_store.h"
#include "stsfs/base/password_prompt.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::vend {
namespace {

Result<Secret> read_password(bool on_stdin) {
  if (on_stdin) return read_password_line(STDIN_FILENO);
  auto first = prompt_for_password("Password: ");
  if (!first) return first;
  auto second = prompt_for_password("Once more: ");
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

Result<void> add(const std::string& name, bool on_stdin, UserStore& users) {
  if (auto good = users.check_new(name); !good) return good;
  auto hash = new_password_hash(on_stdin);
  if (!hash) return fail(std::move(hash.error()));
  return users.add(name, *hash);
}

Result<void> set_password(const std::string& name, bool on_stdin, UserStore& users) {
  auto known = users.find(name);
  if (!known) return fail(std::move(known.error()));
  if (!*known) return fail(Errc::kNotFound, "there is no user " + printable(name));
  auto hash = new_password_hash(on_stdin);
  if (!hash) return fail(std::move(hash.error()));
  return users.set_password(name, *hash);
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ",") + word;
  return out.empty() ? "-" : out;
}

Result<void> list(UserStore& store) {
  auto users = store.list();
  if (!users) return fail(std::move(users.error()));
  for (const User& user : *users)
    std::printf("%s\t%s\t%s\t%s\t%s\n", user.name.c_str(), user.enabled ? "enabled" : "disabled",
                format_iso8601(user.created_at).c_str(), joined(user.groups).c_str(),
                user.origin.empty() ? "password" : printable(user.origin).c_str());
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
    case UserCommand::kDelete:
      return "user.delete";
    case UserCommand::kUnlock:
      return "user.unlock";
    case UserCommand::kGroups:
      return "user.groups";
    case UserCommand::kList:
      return "user.list";
  }
  return "user";
}

Result<void> change(const UserCommandLine& line, SqlDatabase& database) {
  UserStore users(database, system_clock());
  switch (line.command) {
    case UserCommand::kAdd:
      return add(line.name, line.password_on_stdin, users);
    case UserCommand::kPassword:
      return set_password(line.name, line.password_on_stdin, users);
    case UserCommand::kDisable:
      return users.set_enabled(line.name, false);
    case UserCommand::kEnable:
      return users.set_enabled(line.name, true);
    case UserCommand::kDelete:
      return users.remove(line.name);
    case UserCommand::kUnlock:
      return Throttle(database, system_clock()).unlock(counted_name(line.name));
    case UserCommand::kGroups:
      return users.set_groups(line.name, line.groups);
    case UserCommand::kList:
      return list(users);
  }
  return {};
}

AuditEvent event_of(const char* action, const std::string& user, const Result<void>& done) {
  return {.action = action,
          .user = user,
          .address = "local uid " + std::to_string(getuid()),
          .allowed = done.has_value(),
          .reason = done ? std::string() : done.error().message};
}

}  // namespace

Result<void> run_user_command(const UserCommandLine& line, SqlDatabase& database, AuditLog& audit) {
  auto done = change(line, database);
  if (line.command != UserCommand::kList)
    audit.record(event_of(action_of(line.command), line.name, done));
  return done;
}

Result<void> list_tokens(const std::string& user, SqlDatabase& database) {
  auto logins = LoginStore(database, system_clock()).list(user);
  if (!logins) return fail(std::move(logins.error()));
  for (const LoginSummary& login : *logins)
    std::printf("%s\t%s\t%s\t%s\n", login.id.c_str(), login.name.c_str(),
                format_iso8601(login.issued_at).c_str(), format_iso8601(login.expires_at).c_str());
  return {};
}

Result<void> revoke_token(const std::string& id, SqlDatabase& database, AuditLog& audit) {
  auto done = LoginStore(database, system_clock()).revoke(id);
  audit.record(event_of("login.revoke", {}, done));
  return done;
}

Result<void> list_usage(SqlDatabase& database) {
  auto all = UsageStore(database, system_clock()).list();
  if (!all) return fail(std::move(all.error()));
  for (const FolderUsage& one : *all)
    std::printf("%s\t%llu\t%llu\t%s\n", one.folder.c_str(),
                static_cast<unsigned long long>(one.usage.bytes),
                static_cast<unsigned long long>(one.usage.objects),
                format_iso8601(one.usage.counted_at).c_str());
  return {};
}

}  // namespace stsfs::vend
