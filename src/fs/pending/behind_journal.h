#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <thread>

#include "backoff.h"
#include "settling.h"
#include "stsfs/base/await.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"

namespace stsfs::fs {

/// One thread that does, behind the reply, what stands in the journal; who waits for it, and when
/// what failed is tried again. What there is to do is for the class that derives from this one; it
/// keeps it under the mutex of this.
///
/// Threads:  `work` runs on the thread of this, with no lock held; all else on any thread.
/// Lifetime: the scheduler outlives it. Who derives from it calls `stop` in its own destructor, as
///           long as `work` has all it needs.
class BehindJournal {
 public:
  /// Ends what is under way and joins the thread. Who still waits is told kInterrupted.
  void stop() STSFS_EXCLUDES(mutex_);

 protected:
  using Pause = std::optional<std::chrono::milliseconds>;

  BehindJournal(Scheduler& scheduler, std::chrono::milliseconds retry_backoff,
                std::chrono::milliseconds retry_backoff_max)
      : scheduler_(scheduler), backoff_(retry_backoff, retry_backoff_max) {}
  virtual ~BehindJournal() = default;

  /// Does what is due. Called after `wake`, and when the pause that was asked for is over
  /// (`is_over`). Returns the next one to ask for; nothing leaves the last one as it is.
  virtual Pause work(bool is_over) STSFS_EXCLUDES(mutex_) = 0;

  /// There is something to do. The thread starts with the first call; after `stop` there is none.
  void wake() STSFS_REQUIRES(mutex_);
  /// `done` when each of them has been tried or has ended. False: there is nothing to wait for, or
  /// nobody who does it any more, and `done` is untouched.
  bool wait_for(std::set<std::uint64_t> ids, Callback<void>& done) STSFS_REQUIRES(mutex_);
  /// Tells those who have nothing left to wait for.
  void tell_settled() STSFS_EXCLUDES(mutex_);
  /// After everything that was due has been tried: when what failed is tried again.
  Pause pause_after(bool failed) STSFS_EXCLUDES(mutex_);

  Scheduler& scheduler_;
  Interrupt ending_;  // raised by `stop`

  mutable Mutex mutex_;  // a leaf
  Condition changed_;
  Settling settling_ STSFS_GUARDED_BY(mutex_);
  Backoff backoff_ STSFS_GUARDED_BY(mutex_);
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;

 private:
  void run() STSFS_EXCLUDES(mutex_);

  bool woken_ STSFS_GUARDED_BY(mutex_) = false;
  bool pause_over_ STSFS_GUARDED_BY(mutex_) = false;
  std::thread thread_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fs
