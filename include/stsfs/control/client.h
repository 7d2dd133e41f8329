#pragma once

#include <functional>
#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/base/result.h"
#include "stsfs/control/status.h"

/// How command lines talk to a daemon.
///
/// Errors: kNotFound: no daemon listens at `path` (none was started, or it was killed); kTimedOut;
///         kProtocol; and whatever the daemon itself answered.
namespace stsfs::control {

struct Progress {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

/// The status object as the daemon sent it.
Result<std::string> ask_status_json(const std::string& path, const Clock& clock, Deadline deadline);
Result<Status> ask_status(const std::string& path, const Clock& clock, Deadline deadline);
Result<void> ask_refresh(const std::string& path, const Clock& clock, Deadline deadline);
/// `path` relative to the mount; "" is all of it.
Result<void> ask_forget(const std::string& socket, const std::string& path, const Clock& clock,
                        Deadline deadline);
Result<void> ask_log_level(const std::string& path, const std::string& level, const Clock& clock,
                           Deadline deadline);
/// Until nothing is pending; `progress` hears of every step.
Result<void> ask_drain(const std::string& path, const Clock& clock, Deadline deadline,
                       const std::function<void(const Progress&)>& progress);

}  // namespace stsfs::control
