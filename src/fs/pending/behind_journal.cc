#include "behind_journal.h"

#include <utility>

namespace stsfs::fs {

void BehindJournal::stop() {
  std::thread thread;
  Settling::Waiters told;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    thread.swap(thread_);
    told = settling_.take_all();
    changed_.notify_all();
  }
  ending_.raise();
  if (thread.joinable()) thread.join();
  for (auto& waiter : told) waiter.give_up();
}

void BehindJournal::wake() {
  changed_.notify_all();
  if (stopped_) return;
  woken_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
}

bool BehindJournal::wait_for(std::set<std::uint64_t> ids, Callback<void>& done) {
  if (ids.empty() || stopped_) return false;
  settling_.add(std::move(ids), std::move(done));
  wake();
  return true;
}

void BehindJournal::tell_settled() {
  Settling::Waiters settled;
  {
    MutexLock lock(mutex_);
    settled = settling_.take_settled();
  }
  for (auto& waiter : settled) waiter.tell();
}

BehindJournal::Pause BehindJournal::pause_after(bool failed) {
  MutexLock lock(mutex_);
  if (!failed) {
    backoff_.succeeded();
    return std::nullopt;
  }
  backoff_.failed();
  return backoff_.pause();
}

void BehindJournal::run() {
  Transfer timer;
  for (;;) {
    bool is_over = false;
    {
      MutexLock lock(mutex_);
      while (!woken_ && !pause_over_ && !stopped_) changed_.wait(mutex_);
      if (stopped_) return;
      woken_ = false;
      is_over = std::exchange(pause_over_, false);
    }
    if (const Pause pause = work(is_over))
      timer = scheduler_.after(*pause, [this] {
        MutexLock lock(mutex_);
        pause_over_ = true;
        changed_.notify_all();
      });
  }
}

}  // namespace stsfs::fs
