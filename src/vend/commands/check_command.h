#pragma once

#include <string>

#include "stsfs/base/result.h"

namespace stsfs::vend {

/// Reads everything that the configuration names and says what is wrong; with `ask_sts` also tries
/// one AssumeRole. Makes and changes nothing: whoever looks may be another user than the server's.
Result<void> check_config(const std::string& config_file, bool ask_sts);

}  // namespace stsfs::vend
