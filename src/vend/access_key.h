#pragma once

#include <functional>
#include <string>

#include "stsfs/base/result.h"
#include "stsfs/sts/assume_role.h"

namespace stsfs::vend {

using Environment = std::function<const char*(const char* name)>;

/// The RAM user's key: from `file` (0600; JSON with AccessKeyId and AccessKeySecret, as
/// CreateAccessKey answers it, nested in `AccessKey` or not), or, when `file` is empty, from
/// ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
Result<sts::AccessKey> load_access_key(const std::string& file, const Environment& environment);

}  // namespace stsfs::vend
