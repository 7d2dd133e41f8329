#pragma once

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "stsfs/base/result.h"

namespace stsfs::sim {

/// JSON that means one thing (sign/strict_json.h). The error says line and column.
Result<nlohmann::json> parse_json_strictly(std::string_view text);

}  // namespace stsfs::sim
