#include "interrupter.h"

#include <utility>
#include <vector>

namespace stsfs::fuse {

Interrupter::Interrupter() : thread_([this] { run(); }) {}

Interrupter::~Interrupter() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    ready_.notify_all();
  }
  thread_.join();
}

std::shared_ptr<Interrupt> Interrupter::track() {
  std::shared_ptr<Interrupt> interrupt(new Interrupt, [this](Interrupt* gone) {
    forget(gone);
    delete gone;
  });
  bool raise = false;
  {
    MutexLock lock(mutex_);
    tracked_.emplace(interrupt.get(), interrupt);
    raise = all_;
  }
  if (raise) interrupt->raise();
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

void Interrupter::raise_soon(std::shared_ptr<Interrupt> interrupt) {
  MutexLock lock(mutex_);
  queue_.push_back(std::move(interrupt));
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

void Interrupter::run() {
  for (;;) {
    std::shared_ptr<Interrupt> next;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) ready_.wait(mutex_);
      if (queue_.empty()) return;
      next = std::move(queue_.front());
      queue_.pop_front();
    }
    next->raise();
  }
}

}  // namespace stsfs::fuse
