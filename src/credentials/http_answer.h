#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/result.h"
#include "stsfs/http/engine.h"

namespace stsfs::credentials {

/// What a status that is not 200 means for a credential.
Errc errc_of_status(int status);

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), at most an hour; zero when there is
/// none or it makes no sense.
std::chrono::milliseconds retry_after_of(const http::Headers& headers, const Clock& clock);

/// When the server says it is now.
std::optional<WallTime> date_of(const http::Headers& headers);

/// Sends and waits for the answer, of whatever status.
Result<http::Response> answer_to(http::Engine& engine, http::Request request, Interrupt& interrupt);

}  // namespace stsfs::credentials
