#include "waiting_desk.h"

#include <algorithm>
#include <chrono>

namespace stsfs::credentials {
namespace {

// Condition waits do not count a suspend, our clock does: look again from time to time.
constexpr std::chrono::milliseconds kLookForCallersAgain{5'000};

}  // namespace

struct WaitingDesk::State {
  struct Waiter {
    std::string rejected;
    Deadline deadline;
    Callback<CredentialSnapshot> done;
    std::optional<Answer> answer;
  };

  explicit State(const Clock& the_clock) : clock(the_clock) {}

  void cancel(std::uint64_t number) STSFS_EXCLUDES(mutex);
  void serve() STSFS_EXCLUDES(mutex);
  bool serve_next() STSFS_EXCLUDES(mutex);
  /// The next to answer; 0 when there is none now.
  std::uint64_t ready() STSFS_REQUIRES(mutex);
  std::chrono::milliseconds until_next() const STSFS_REQUIRES(mutex);
  Waiter take(std::uint64_t number) STSFS_REQUIRES(mutex);

  const Clock& clock;
  mutable Mutex mutex;  // a leaf: never held while a callback runs or is destroyed
  Condition changed;
  std::map<std::uint64_t, Waiter> waiters STSFS_GUARDED_BY(mutex);
  std::set<std::pair<SteadyTime, std::uint64_t>> deadlines STSFS_GUARDED_BY(mutex);
  std::set<std::uint64_t> answered STSFS_GUARDED_BY(mutex);
  std::multiset<std::string> rejected STSFS_GUARDED_BY(mutex);  ///< Of those without an answer.
  std::string reason STSFS_GUARDED_BY(mutex);
  std::uint64_t last_number STSFS_GUARDED_BY(mutex) = 0;
  std::uint64_t running STSFS_GUARDED_BY(mutex) = 0;
  std::thread::id server STSFS_GUARDED_BY(mutex);
  bool stopping STSFS_GUARDED_BY(mutex) = false;
};

std::uint64_t WaitingDesk::State::ready() {
  if (!answered.empty()) return *answered.begin();
  if (deadlines.empty()) return 0;
  const auto& [when, number] = *deadlines.begin();
  Waiter& waiter = waiters.at(number);
  if (stopping) {
    waiter.answer = fail(Errc::kInterrupted, "the mount ends");
  } else if (when <= clock.steady()) {
    waiter.answer = fail(Errc::kCredential, "no fresh credential in time" +
                                                (reason.empty() ? std::string() : ": " + reason));
  } else {
    return 0;
  }
  rejected.erase(rejected.find(waiter.rejected));
  return number;
}

WaitingDesk::State::Waiter WaitingDesk::State::take(std::uint64_t number) {
  auto node = waiters.extract(number);
  deadlines.erase({node.mapped().deadline.when(), number});
  answered.erase(number);
  return std::move(node.mapped());
}

std::chrono::milliseconds WaitingDesk::State::until_next() const {
  if (deadlines.empty()) return kLookForCallersAgain;
  const auto left = deadlines.begin()->first - clock.steady();
  return std::clamp(std::chrono::ceil<std::chrono::milliseconds>(left),
                    std::chrono::milliseconds(1), kLookForCallersAgain);
}

bool WaitingDesk::State::serve_next() {
  std::optional<Waiter> waiter;
  {
    MutexLock lock(mutex);
    std::uint64_t number = ready();
    while (number == 0) {
      if (stopping) return false;
      changed.wait_for(mutex, until_next());
      number = ready();
    }
    waiter = take(number);
    running = number;
  }
  waiter->done(std::move(*waiter->answer));
  waiter.reset();
  MutexLock lock(mutex);
  running = 0;
  changed.notify_all();
  return true;
}

void WaitingDesk::State::serve() {
  {
    MutexLock lock(mutex);
    server = std::this_thread::get_id();
  }
  while (serve_next()) {
  }
}

void WaitingDesk::State::cancel(std::uint64_t number) {
  std::optional<Waiter> dropped;  // destroyed with no lock held
  MutexLock lock(mutex);
  if (const auto found = waiters.find(number); found != waiters.end()) {
    if (!found->second.answer) rejected.erase(rejected.find(found->second.rejected));
    dropped = take(number);
    return;
  }
  while (running == number && server != std::this_thread::get_id()) changed.wait(mutex);
}

WaitingDesk::WaitingDesk(const Clock& clock)
    : state_(std::make_shared<State>(clock)), thread_([state = state_] { state->serve(); }) {}

WaitingDesk::~WaitingDesk() {
  MutexLock lock(state_->mutex);
  state_->stopping = true;
  state_->changed.notify_all();
}

std::optional<Transfer> WaitingDesk::add(std::string rejected, Deadline deadline,
                                         Callback<CredentialSnapshot>& done) {
  MutexLock lock(state_->mutex);
  if (state_->waiters.size() >= kWaitersMax || state_->stopping) return std::nullopt;
  const std::uint64_t number = ++state_->last_number;
  state_->deadlines.emplace(deadline.when(), number);
  state_->rejected.insert(rejected);
  state_->waiters.emplace(
      number, State::Waiter{std::move(rejected), deadline, std::move(done), std::nullopt});
  state_->changed.notify_all();
  return Transfer([state = state_, number] { state->cancel(number); });
}

void WaitingDesk::settle(
    const std::function<std::optional<Answer>(const std::string& rejected)>& decide) {
  MutexLock lock(state_->mutex);
  for (auto& [number, waiter] : state_->waiters) {
    if (waiter.answer) continue;
    waiter.answer = decide(waiter.rejected);
    if (!waiter.answer) continue;
    state_->answered.insert(number);
    state_->rejected.erase(state_->rejected.find(waiter.rejected));
  }
  state_->changed.notify_all();
}

void WaitingDesk::set_reason(std::string reason) {
  MutexLock lock(state_->mutex);
  state_->reason = std::move(reason);
}

bool WaitingDesk::empty() const {
  MutexLock lock(state_->mutex);
  return state_->rejected.empty();
}

std::string WaitingDesk::rejected() const {
  MutexLock lock(state_->mutex);
  return state_->rejected.empty() ? std::string() : *state_->rejected.rbegin();
}

void WaitingDesk::poke() {
  MutexLock lock(state_->mutex);
  state_->changed.notify_all();
}

}  // namespace stsfs::credentials
