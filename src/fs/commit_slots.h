#pragma once

#include <deque>
#include <memory>
#include <utility>

#include "stsfs/base/callback.h"
#include "stsfs/base/mutex.h"

namespace stsfs::fs {

/// How many commits are under way at once; the others wait in the order in which they came, so that
/// no request waits inside its own deadline.
///
/// Threads: any. Lifetime: outlives its slots.
class CommitSlots {
 public:
  explicit CommitSlots(std::size_t count) : free_(count) {}

  /// Gives its place to the next when it goes.
  class Slot {
   public:
    Slot() = default;
    explicit Slot(CommitSlots& slots) : slots_(&slots) {}
    Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)) {}
    Slot& operator=(Slot&& other) noexcept {
      if (this != &other) {
        release();
        slots_ = std::exchange(other.slots_, nullptr);
      }
      return *this;
    }
    ~Slot() { release(); }
    void release() {
      if (CommitSlots* slots = std::exchange(slots_, nullptr)) slots->give_back();
    }

   private:
    CommitSlots* slots_ = nullptr;
  };

  /// Calls `go` at once, or on the thread that gives a slot back. Not with a lock held that a
  /// commit takes.
  void acquire(UniqueFunction<void(Slot)> go) {
    {
      MutexLock lock(mutex_);
      if (stopped_) return;
      if (free_ == 0) {
        waiting_.push_back(std::move(go));
        return;
      }
      --free_;
    }
    go(Slot(*this));
  }

  /// Nobody has a turn any more, and who waits for one is dropped.
  void stop() {
    std::deque<UniqueFunction<void(Slot)>> dropped;  // perhaps the last owners: not under the lock
    MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(waiting_);
  }

 private:
  void give_back() {
    UniqueFunction<void(Slot)> next;
    {
      MutexLock lock(mutex_);
      if (waiting_.empty()) {
        ++free_;
        return;
      }
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    next(Slot(*this));
  }

  Mutex mutex_;
  std::size_t free_ STSFS_GUARDED_BY(mutex_);
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;
  std::deque<UniqueFunction<void(Slot)>> waiting_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fs
