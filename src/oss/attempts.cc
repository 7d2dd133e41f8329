#include "attempts.h"

#include <algorithm>

#include <fmt/format.h>

#include "stsfs/base/log.h"
#include "stsfs/base/random.h"

namespace stsfs::oss {

Result<void> RetryOptions::validate() const {
  if (attempts_max < 1) return fail(Errc::kInvalid, "at least one attempt must be made");
  if (backoff.count() < 1 || backoff_max < backoff)
    return fail(Errc::kInvalid, "the pause between attempts must be at least 1 ms");
  return {};
}

bool RetryPlan::may_pass(Errc code) const {
  return code == Errc::kUnavailable || code == Errc::kThrottled ||
         (code == Errc::kCorrupt && damage_ == Damage::kSendAgain);
}

std::optional<std::chrono::milliseconds> RetryPlan::pause_after(const Error& error) {
  if (!may_pass(error.code) || in_a_row_ >= options_.attempts_max) return std::nullopt;
  std::int64_t bound = options_.backoff.count();
  for (int i = 1; i < in_a_row_ && bound < options_.backoff_max.count(); ++i) bound *= 2;
  bound = std::min<std::int64_t>(bound, options_.backoff_max.count());
  std::chrono::milliseconds pause(1 + random_below(static_cast<std::uint64_t>(bound)));
  if (error.code == Errc::kThrottled) pause += options_.throttled_min;
  pause = std::max(pause, error.retry_after);
  if (deadline_.left(clock_) <= pause) return std::nullopt;
  log_debug("oss", "attempt {} failed, again in {} ms: {}", attempts_, pause.count(),
            error.message);
  before_ = error.message;
  return pause;
}

Error RetryPlan::give_up(Error last) {
  if (!may_pass(last.code) && (last.code != Errc::kTimedOut || attempts_ <= 1)) return last;
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::duration<double>>(clock_.steady() - began_);
  std::string message = fmt::format("gave up after {} attempt{} in {:.1f} s: {}", attempts_,
                                    attempts_ == 1 ? "" : "s", elapsed.count(), last.message);
  if (last.code == Errc::kTimedOut && !before_.empty())
    message += "; the attempt before failed: " + before_;
  last.message = std::move(message);
  if (deadline_.passed(clock_)) last.code = Errc::kTimedOut;
  return last;
}

}  // namespace stsfs::oss
