#pragma once

#include <utility>

#include "stsfs/base/await.h"
#include "stsfs/base/mutex.h"

namespace stsfs::fs {

/// Lets changes of names run together, but for the moment in which a directory gets another name:
/// a change below it must not have formed its key before and use it after.
///
/// Threads: any that may wait. Who passes may wait for the network meanwhile, within its deadline.
class NameGate {
 public:
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)), alone_(other.alone_) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave(alone_);
    }

   private:
    friend class NameGate;
    Pass(NameGate* gate, bool alone) : gate_(gate), alone_(alone) {}
    NameGate* gate_ = nullptr;
    bool alone_ = false;
  };

  Pass enter() STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (closed_) changed_.wait(mutex_);
    ++inside_;
    return Pass(this, false);
  }
  /// Waits until nobody is inside, and keeps the others out.
  Pass enter_alone() STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (closed_) changed_.wait(mutex_);
    closed_ = true;
    while (inside_ > 0) changed_.wait(mutex_);
    return Pass(this, true);
  }

 private:
  void leave(bool alone) STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (alone)
      closed_ = false;
    else
      --inside_;
    changed_.notify_all();
  }

  Mutex mutex_;  // a leaf
  Condition changed_;
  bool closed_ STSFS_GUARDED_BY(mutex_) = false;
  int inside_ STSFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace stsfs::fs
