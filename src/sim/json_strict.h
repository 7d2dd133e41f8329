#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "stsfs/base/result.h"

namespace stsfs::sim {

/// JSON without the freedoms that make a policy mean two things: no name twice in one object, no
/// nesting deeper than kJsonDepthMax. The error says line and column.
Result<nlohmann::json> parse_json_strictly(std::string_view text);

inline constexpr int kJsonDepthMax = 64;

}  // namespace stsfs::sim
