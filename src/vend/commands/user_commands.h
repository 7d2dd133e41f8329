#pragma once

#include <string>
#include <vector>

#include "office/audit.h"
#include "stores/sql.h"
#include "stsfs/base/result.h"

namespace stsfs::vend {

enum class UserCommand { kAdd, kPassword, kDisable, kEnable, kDelete, kUnlock, kGroups, kList };

struct UserCommandLine {
  UserCommand command = UserCommand::kList;
  std::string name;
  std::vector<std::string> groups;
  bool password_on_stdin = false;
};

/// What `stsfs-vend user …` does, the server running or not. A password is asked for on the
/// terminal, twice, or read as one line of standard input; it is never taken from the command line.
Result<void> run_user_command(const UserCommandLine& line, SqlDatabase& database, AuditLog& audit);

/// `stsfs-vend token list|revoke`. `id` empty: lists the logins of `user`, or of everybody.
Result<void> list_tokens(const std::string& user, SqlDatabase& database);
Result<void> revoke_token(const std::string& id, SqlDatabase& database, AuditLog& audit);

/// `stsfs-vend usage`: what was counted in folders that have a quota.
Result<void> list_usage(SqlDatabase& database);

}  // namespace stsfs::vend
