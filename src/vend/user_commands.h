#pragma once

#include <string>

#include "audit.h"
#include "stsfs/base/result.h"
#include "user_store.h"

namespace stsfs::vend {

// Exit codes, as stsfs-vend(8) has them.
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

enum class UserCommand { kAdd, kPassword, kDisable, kEnable, kList };

/// One `stsfs-vend user …`. A password comes from the terminal without an echo, twice, or as one
/// line of standard input; never from the command line, which everybody sees.
Result<void> run_user_command(UserCommand command, const std::string& name, bool password_on_stdin,
                              UserStore& store, AuditLog& audit);

}  // namespace stsfs::vend
