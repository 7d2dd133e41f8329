#pragma once

#include <string>
#include <string_view>

#include "stsfs/base/result.h"
#include "stsfs/http/engine.h"
#include "stsfs/sts/assume_role.h"

namespace stsfs::sts {

/// Reads the answer to an AssumeRole, good or not; see `Client` for the errors.
Result<Session> read_answer(const http::Response& response);

}  // namespace stsfs::sts
