#pragma once

#include <string>

#include "stsfs/base/result.h"

namespace stsfs::vend {

/// That there is such a user; empty: nobody is meant. Errors: kNotFound.
Result<void> check_user(const std::string& user);

/// Becomes `user` for good, with that user's groups and nothing of root's. Nothing to do when we
/// are that user, or when `user` is empty. Call before the first thread starts. Errors: kNotFound;
/// kDenied when we are neither root nor that user.
Result<void> become(const std::string& user);

}  // namespace stsfs::vend
