#pragma once

#include <string_view>

#include "stsfs/base/result.h"

namespace stsfs::sign {

inline constexpr int kJsonDepthMax = 64;

/// JSON without the freedoms that let a signed or judged text mean two things: no name twice in one
/// object, no nesting deeper than `depth_max`. Whoever reads it afterwards with any parser reads
/// the same.
///
/// Errors: kInvalid; the message has line and column.
Result<void> check_json_strictly(std::string_view text, int depth_max = kJsonDepthMax);

}  // namespace stsfs::sign
