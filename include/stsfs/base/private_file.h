#pragma once

#include <cstddef>
#include <string>

#include "stsfs/base/result.h"
#include "stsfs/base/secret.h"

namespace stsfs {

inline constexpr std::size_t kPrivateFileMaxBytes = 64 * 1024;

/// The whole of a small file that holds a secret.
///
/// Errors: kNotFound; kDenied when somebody else owns it (root may) or when group or others may
/// read
///         or write it: the message says which and what to do; kTooLarge; kInvalid when it is no
///         regular file.
Result<Secret> read_private_file(const std::string& path,
                                 std::size_t size_max_bytes = kPrivateFileMaxBytes);

}  // namespace stsfs
