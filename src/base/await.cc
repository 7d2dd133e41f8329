#include "stsfs/base/await.h"

#include <algorithm>

namespace stsfs {

void Interrupt::raise() {
  // Under the lock, so that `unlisten` cannot return while a listener runs. A listener only wakes.
  MutexLock lock(mutex_);
  if (raised_) return;
  raised_ = true;
  for (auto& [number, wake] : listeners_) wake();
}

bool Interrupt::raised() const {
  MutexLock lock(mutex_);
  return raised_;
}

std::size_t Interrupt::listen(std::function<void()> wake) {
  MutexLock lock(mutex_);
  if (raised_) wake();
  listeners_.emplace_back(next_, std::move(wake));
  return next_++;
}

void Interrupt::unlisten(std::size_t listener) {
  MutexLock lock(mutex_);
  std::erase_if(listeners_, [&](const auto& entry) { return entry.first == listener; });
}

}  // namespace stsfs
