#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/result.h"
#include "stsfs/base/secret.h"

namespace stsfs {

/// Another program that is asked for a secret. No shell sees it.
struct CommandOptions {
  std::chrono::milliseconds time_max{10'000};  ///< Then it is killed, with all it has started.
  std::size_t output_max_bytes = 256 * 1024;   ///< More is an error, and the end of it.
};

/// Takes `/path/to/program arg "an arg"` apart: blanks separate words, quotes of either kind keep
/// them together. Nothing else means anything: no `$`, no `*`, no backslash.
///
/// Errors: kInvalid: the program is not named by an absolute path, a quote is left open, or there
/// is
///         a `$` or a backquote, which whoever wrote it expected a shell for.
Result<std::vector<std::string>> split_command(const std::string& text);

/// Runs `command` and returns what it wrote to its standard output.
///
/// It gets nothing of ours: standard input is empty, standard error goes nowhere, no descriptor
/// is inherited, no signal blocked, and of the environment only PATH, HOME, USER, LANG and the XDG
/// directories. The program must belong to this user or root, and be writable by nobody else.
///
/// Errors: kNotFound, kDenied (the program); kCredential (its exit code was not 0: the message says
///         which, not what it wrote, which may be a secret); kTimedOut; kTooLarge; kInterrupted.
Result<Secret> run_command(const std::vector<std::string>& command, const CommandOptions& options,
                           const Clock& clock, Deadline deadline, Interrupt& interrupt);

}  // namespace stsfs
