#pragma once

#include <string>

#include "stsfs/base/result.h"
#include "stsfs/base/secret.h"

namespace stsfs {

inline constexpr std::size_t kPasswordMax = 1024;

/// Asks on the terminal, without showing what is typed. kInterrupted for Ctrl-C and Ctrl-D;
/// kNotSupported when there is no terminal (the message names --password-stdin).
Result<Secret> prompt_for_password(const std::string& prompt);

/// One line of `fd`, without its line break.
Result<Secret> read_password_line(int fd);

}  // namespace stsfs
