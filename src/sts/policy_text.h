#pragma once

#include <string_view>

#include "stsfs/base/result.h"

namespace stsfs::sts {

/// Not empty, ends in `/`, at most 767 bytes of visible ASCII without what JSON, policies or
/// templates give a meaning, no component that is empty, `.` or `..`.
Result<void> check_policy_prefix(std::string_view prefix);

}  // namespace stsfs::sts
