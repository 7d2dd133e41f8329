#pragma once

#include <string>

#include "stsfs/base/result.h"

namespace stsfs::vend {

/// Runs the server until a signal ends it.
Result<void> serve(const std::string& config_file);

/// Reads everything that the configuration names and says what is wrong; with `ask_sts` also tries
/// one AssumeRole.
Result<void> check_config(const std::string& config_file, bool ask_sts);

}  // namespace stsfs::vend
