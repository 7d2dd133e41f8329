#pragma once

#include <string>

#include "settings.h"

namespace stsfs::daemon {

/// The settings of a TOML file, each with `file:line` as its origin. A file that is not there has
/// none.
///
/// Errors: kInvalid, naming file and line: no TOML, an unknown key, a table, a value of the wrong
/// kind.
Result<Settings> read_config_file(const std::string& path);
/// The same of its text.
Result<Settings> parse_config(const std::string& text, const std::string& path);

}  // namespace stsfs::daemon
