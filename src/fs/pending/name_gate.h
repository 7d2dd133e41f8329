#pragma once

#include <utility>

#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/fs/file_system.h"
#include "wake.h"

namespace stsfs::fs {

/// Lets changes of names run together, but for the moment in which a directory gets another name:
/// a change below it must not have formed its key before and use it after.
///
/// Threads: any that may wait, within the deadline of the operation and until it is interrupted.
///          Who passes may wait for the network, within the same.
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

  Result<Pass> enter(const Context& context, const Clock& clock) STSFS_EXCLUDES(mutex_) {
    Wake wake(mutex_, changed_, context.interrupt);
    MutexLock lock(mutex_);
    while (closed_)
      if (auto waited = wait(wake, context.deadline, clock); !waited)
        return fail(std::move(waited.error()));
    ++inside_;
    return Pass(this, false);
  }
  /// Waits until nobody is inside, and keeps the others out.
  Result<Pass> enter_alone(const Context& context, const Clock& clock) STSFS_EXCLUDES(mutex_) {
    Wake wake(mutex_, changed_, context.interrupt);
    MutexLock lock(mutex_);
    while (closed_)
      if (auto waited = wait(wake, context.deadline, clock); !waited)
        return fail(std::move(waited.error()));
    closed_ = true;
    while (inside_ > 0)
      if (auto waited = wait(wake, context.deadline, clock); !waited) {
        closed_ = false;
        changed_.notify_all();
        return fail(std::move(waited.error()));
      }
    return Pass(this, true);
  }

 private:
  Result<void> wait(const Wake& wake, Deadline deadline, const Clock& clock)
      STSFS_REQUIRES(mutex_) {
    if (wake.raised()) return fail(Errc::kInterrupted, "interrupted");
    if (deadline.passed(clock))
      return fail(Errc::kTimedOut, "waits for another change of names, which does not get on");
    changed_.wait_for(mutex_, deadline.left(clock));
    return {};
  }

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
