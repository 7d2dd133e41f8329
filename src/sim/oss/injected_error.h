#pragma once

#include <string_view>

#include "faults.h"
#include "identity/access.h"
#include "sts/sts_answer.h"

namespace stsfs::sim {

/// The error that a fault asks for, in OSS's words for its code. Without a code it is the one that
/// OSS most often gives with that status.
///
/// Source: OSS, "Error responses" and the pages of each HTTP status.
Refusal injected_oss_error(const FaultEffect& effect);

/// The same in the words of STS. Source: STS, "Common errors".
StsFailure injected_sts_error(const FaultEffect& effect);

}  // namespace stsfs::sim
