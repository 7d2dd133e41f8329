#include "schedule.h"

#include <algorithm>

#include "stsfs/base/random.h"

namespace stsfs::credentials {
namespace {

using std::chrono::nanoseconds;

// While requests wait for a credential, or fail for want of one, a server that is back is noticed
// within this.
constexpr std::chrono::seconds kPauseMaxWhileWaiting{5};
// After a failure we never try again sooner. Before an expiry, where pauses shrink with what is
// left, that bounds what a fleet whose credentials die together does to its server.
constexpr std::chrono::milliseconds kPauseMin{200};
// A server may ask for so much patience and no more: a mistyped header must not end the mount.
constexpr std::chrono::minutes kAskedPatienceMax{5};
constexpr std::chrono::seconds kFetchTimeoutMin{2};
// A server that hands out what is all but dead is not asked faster than this.
constexpr std::chrono::seconds kShortLife{1};
constexpr std::chrono::milliseconds kShortLifePause{100};
constexpr int kDoublingsMax = 20;

/// Evenly from [0, longest].
nanoseconds random_part(nanoseconds longest) {
  if (longest.count() <= 0) return nanoseconds(0);
  return nanoseconds(
      static_cast<std::int64_t>(random_below(static_cast<std::uint64_t>(longest.count()) + 1)));
}

}  // namespace

void Schedule::arrived(std::optional<nanoseconds> life) {
  arrived_ = clock_.steady();
  failures_ = 0;
  not_before_ = paused_since_ = arrived_;
  expires_.reset();
  due_.reset();
  if (!life) return;
  expires_ = arrived_ + *life;
  if (*life < kShortLife) not_before_ = arrived_ + kShortLifePause;
  const auto at = std::chrono::duration_cast<nanoseconds>(*life * options_.renew_at);
  const auto spread = std::chrono::duration_cast<nanoseconds>(*life * options_.jitter);
  due_ = arrived_ + std::max(at - random_part(spread), nanoseconds(0));
}

void Schedule::correct(nanoseconds life) {
  if (!expires_) return;
  const SteadyTime expires = clock_.steady() + life;
  *due_ += expires - *expires_;
  expires_ = expires;
}

nanoseconds Schedule::pause(nanoseconds longest) {
  nanoseconds limit = options_.backoff;
  for (int i = 0; i < std::min(failures_, kDoublingsMax) && limit < longest; ++i) limit *= 2;
  ++failures_;
  return random_part(std::min(limit, longest));
}

void Schedule::failed(std::chrono::milliseconds retry_after, bool somebody_waits) {
  const SteadyTime now = clock_.steady();
  nanoseconds longest = options_.backoff_max;
  if (somebody_waits) longest = std::min<nanoseconds>(longest, kPauseMaxWhileWaiting);
  // What is left of the present one is not slept through: several attempts before it ends.
  if (expires_ && *expires_ > now)
    longest =
        std::min<nanoseconds>(longest, std::max<nanoseconds>((*expires_ - now) / 4, 2 * kPauseMin));
  paused_since_ = now;
  asked_patience_until_ = now + std::min<nanoseconds>(retry_after, kAskedPatienceMax);
  not_before_ =
      std::max(now + std::max<nanoseconds>(pause(longest), kPauseMin), asked_patience_until_);
}

void Schedule::refused() {
  nanoseconds young = std::chrono::seconds(10);
  if (expires_) young = std::min(young, (*expires_ - arrived_) / 2);
  const SteadyTime now = clock_.steady();
  if (now - arrived_ >= young) return;
  paused_since_ = now;
  not_before_ = std::max(not_before_, now + pause(options_.backoff_max));
}

void Schedule::needed() {
  const SteadyTime soon = std::max(paused_since_ + kPauseMaxWhileWaiting, asked_patience_until_);
  not_before_ = std::min(not_before_, soon);
}

void Schedule::hurry() { not_before_ = clock_.steady(); }

std::optional<SteadyTime> Schedule::next(bool wanted) const {
  if (wanted) return std::max(not_before_, arrived_);
  if (!due_) return std::nullopt;
  return std::max(*due_, not_before_);
}

Deadline Schedule::deadline() const {
  nanoseconds time = options_.fetch_timeout;
  // A request that is lost on the way must leave time for another.
  const SteadyTime now = clock_.steady();
  if (expires_ && *expires_ > now)
    time =
        std::min<nanoseconds>(time, std::max<nanoseconds>((*expires_ - now) / 2, kFetchTimeoutMin));
  return Deadline::in(clock_, time);
}

}  // namespace stsfs::credentials
