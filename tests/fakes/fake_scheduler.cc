#include "fake_scheduler.h"

#include <thread>

namespace stsfs::fakes {

struct FakeScheduler::Timers {
  using Key =
      std::pair<SteadyTime, std::uint64_t>;  // the number keeps those of one moment in order

  /// As `Transfer` promises: when this returns, `key` is not running, but for on its own thread.
  void cancel(const Key& key) {
    UniqueFunction<void()> dropped;  // destroyed with no lock held
    MutexLock lock(mutex);
    if (const auto found = waiting.find(key); found != waiting.end()) {
      dropped = std::move(found->second);
      waiting.erase(found);
    }
    while (running == key && runner != std::this_thread::get_id()) changed.wait(mutex);
  }

  Mutex mutex;  // never held while a timer runs
  Condition changed;
  std::uint64_t last_number STSFS_GUARDED_BY(mutex) = 0;
  std::map<Key, UniqueFunction<void()>> waiting STSFS_GUARDED_BY(mutex);
  std::optional<Key> running STSFS_GUARDED_BY(mutex);
  std::thread::id runner STSFS_GUARDED_BY(mutex);
};

FakeScheduler::FakeScheduler(FakeClock& clock)
    : clock_(clock), timers_(std::make_shared<Timers>()) {}

Transfer FakeScheduler::after(std::chrono::milliseconds delay, UniqueFunction<void()> what) {
  if (delay.count() <= 0) {
    ++ran_at_once_;
    what();
    return {};
  }
  MutexLock lock(timers_->mutex);
  const Timers::Key key{clock_.steady() + delay, ++timers_->last_number};
  timers_->waiting.emplace(key, std::move(what));
  return Transfer([timers = timers_, key] { timers->cancel(key); });
}

bool FakeScheduler::run_next_until(SteadyTime limit) {
  UniqueFunction<void()> what;
  {
    MutexLock lock(timers_->mutex);
    const auto first = timers_->waiting.begin();
    if (first == timers_->waiting.end() || first->first.first > limit) return false;
    if (first->first.first > clock_.steady()) clock_.advance(first->first.first - clock_.steady());
    timers_->running = first->first;
    timers_->runner = std::this_thread::get_id();
    what = std::move(first->second);
    timers_->waiting.erase(first);
  }
  what();
  MutexLock lock(timers_->mutex);
  timers_->running.reset();
  timers_->changed.notify_all();
  return true;
}

void FakeScheduler::advance(std::chrono::nanoseconds by) {
  const SteadyTime limit = clock_.steady() + by;
  while (run_next_until(limit)) {
  }
  if (limit > clock_.steady()) clock_.advance(limit - clock_.steady());
}

bool FakeScheduler::run_next() { return run_next_until(SteadyTime::max()); }

std::size_t FakeScheduler::pending() const {
  MutexLock lock(timers_->mutex);
  return timers_->waiting.size();
}

std::optional<std::chrono::nanoseconds> FakeScheduler::next_in() const {
  MutexLock lock(timers_->mutex);
  if (timers_->waiting.empty()) return std::nullopt;
  return timers_->waiting.begin()->first.first - clock_.steady();
}

}  // namespace stsfs::fakes
