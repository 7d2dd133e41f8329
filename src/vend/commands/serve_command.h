#pragma once

#include <string>

#include "stsfs/base/result.h"

namespace stsfs::vend {

/// Runs the server until a signal ends it.
Result<void> serve(const std::string& config_file);

}  // namespace stsfs::vend
