#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "stsfs/base/callback.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"

namespace stsfs::fs {

/// How many commits are under way at once; the others wait in the order in which they came, so that
/// no request waits inside its own deadline.
///
/// When OSS answers none, each round of them takes as long as one may; who has waited for some time
/// by then does not wait for the next round, but learns it from those before it.
///
/// Threads: any. Lifetime: outlives its slots.
class CommitSlots {
 public:
  /// `patience`: how long who waits does so at least before it is told that others get no answer.
  CommitSlots(std::size_t count, const Clock& clock, std::chrono::nanoseconds patience)
      : clock_(clock), patience_(patience), count_(count), free_(count) {}

  enum class End { kCameThrough, kNoAnswer, kOther };

  /// Gives its place to the next when it goes.
  class Slot {
   public:
    Slot() = default;
    explicit Slot(CommitSlots& slots) : slots_(&slots) {}
    Slot(Slot&& other) noexcept : slots_(std::exchange(other.slots_, nullptr)), end_(other.end_) {}
    Slot& operator=(Slot&& other) noexcept {
      if (this != &other) {
        release();
        slots_ = std::exchange(other.slots_, nullptr);
        end_ = other.end_;
      }
      return *this;
    }
    ~Slot() { release(); }
    /// How its commit ended, before it goes.
    void came_through() { end_ = End::kCameThrough; }
    void got_no_answer() { end_ = End::kNoAnswer; }
    void release() {
      if (CommitSlots* slots = std::exchange(slots_, nullptr)) slots->give_back(end_);
    }

   private:
    CommitSlots* slots_ = nullptr;
    End end_ = End::kOther;
  };

  /// Calls `go` at once, or on the thread that gives a slot back; kTimedOut: OSS does not answer.
  /// Not with a lock held that a commit takes.
  void acquire(UniqueFunction<void(Result<Slot>)> go) {
    {
      MutexLock lock(mutex_);
      if (stopped_) return;
      if (free_ == 0) {
        waiting_.push_back({clock_.steady(), std::move(go)});
        return;
      }
      --free_;
    }
    go(Slot(*this));
  }

  /// A commit is under way, or was in OSS a moment ago: what it holds of the local disk may become
  /// free, which is soon after its end.
  bool may_free_room() const STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return free_ < count_ || (last_through_ && clock_.steady() < *last_through_ + kFreesRoomWithin);
  }

  /// Nobody has a turn any more, and who waits for one is dropped.
  void stop() {
    std::deque<Waiting> dropped;  // with what may be the last owners: not under the lock
    MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(waiting_);
  }

 private:
  struct Waiting {
    SteadyTime since;
    UniqueFunction<void(Result<Slot>)> go;
  };

  void give_back(End end) {
    std::vector<Waiting> told;
    Waiting next;
    {
      MutexLock lock(mutex_);
      if (end == End::kCameThrough) last_through_ = clock_.steady();
      if (end == End::kNoAnswer) told = take_impatient();
      if (waiting_.empty()) {
        ++free_;
      } else {
        next = std::move(waiting_.front());
        waiting_.pop_front();
      }
    }
    for (Waiting& one : told)
      one.go(fail(Errc::kTimedOut, "it waits for others to be sent, and OSS answers none of them"));
    if (next.go) next.go(Slot(*this));
  }

  std::vector<Waiting> take_impatient() STSFS_REQUIRES(mutex_) {
    std::vector<Waiting> out;
    const SteadyTime now = clock_.steady();
    while (!waiting_.empty() &&
           std::max(waiting_.front().since, last_through_.value_or(SteadyTime{})) + patience_ <=
               now) {
      out.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    return out;
  }

  static constexpr std::chrono::seconds kFreesRoomWithin{5};

  const Clock& clock_;
  const std::chrono::nanoseconds patience_;
  const std::size_t count_;

  mutable Mutex mutex_;
  std::size_t free_ STSFS_GUARDED_BY(mutex_);
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;
  std::deque<Waiting> waiting_ STSFS_GUARDED_BY(mutex_);
  std::optional<SteadyTime> last_through_
      STSFS_GUARDED_BY(mutex_);  // when a commit was last in OSS
};

}  // namespace stsfs::fs
