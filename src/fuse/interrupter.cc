#include "interrupter.h"

#include <chrono>
#include <utility>

#include "caller_signals.h"

namespace stsfs::fuse {
namespace {

constexpr std::chrono::milliseconds kLookAgain{200};

}  // namespace

Interrupter::Interrupter() : thread_([this] { run(); }) {}

Interrupter::~Interrupter() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    ready_.notify_all();
  }
  thread_.join();
}

// Raised from the start rather than then: whoever tracks may hold a lock that what listens takes.
std::shared_ptr<Interrupt> Interrupter::track() {
  MutexLock lock(mutex_);
  std::shared_ptr<Interrupt> interrupt(new Interrupt(all_), [this](Interrupt* gone) {
    forget(gone);
    delete gone;
  });
  tracked_.emplace(interrupt.get(), interrupt);
  return interrupt;
}

void Interrupter::forget(Interrupt* interrupt) {
  MutexLock lock(mutex_);
  tracked_.erase(interrupt);
}

std::size_t Interrupter::tracked() const {
  MutexLock lock(mutex_);
  return tracked_.size();
}

void Interrupter::signal_came(std::shared_ptr<Interrupt> interrupt, pid_t thread) {
  MutexLock lock(mutex_);
  came_.push_back({interrupt, thread});
  ready_.notify_one();
}

void Interrupter::raise_all() {
  std::vector<std::shared_ptr<Interrupt>> all;
  {
    MutexLock lock(mutex_);
    all_ = true;
    for (const auto& [raw, weak] : tracked_)
      if (auto interrupt = weak.lock()) all.push_back(std::move(interrupt));
  }
  for (const auto& interrupt : all) interrupt->raise();
}

std::optional<std::vector<Interrupter::Signalled>> Interrupter::next(bool look_again) {
  MutexLock lock(mutex_);
  const auto until = std::chrono::steady_clock::now() + kLookAgain;
  while (came_.empty() && !stopping_) {
    if (!look_again) {
      ready_.wait(mutex_);
    } else if (ready_.wait_until(mutex_, until) == std::cv_status::timeout) {
      break;
    }
  }
  if (stopping_) return std::nullopt;
  return std::exchange(came_, {});
}

void Interrupter::run() {
  std::vector<Signalled> waiting;
  while (auto came = next(!waiting.empty())) {
    waiting.insert(waiting.end(), came->begin(), came->end());
    std::erase_if(waiting, [](const Signalled& one) {
      const auto interrupt = one.interrupt.lock();
      if (interrupt == nullptr) return true;
      if (!asks_to_end(one.thread)) return false;
      interrupt->raise();
      return true;
    });
  }
}

}  // namespace stsfs::fuse
