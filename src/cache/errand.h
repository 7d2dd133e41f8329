#pragma once

#include <memory>

#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"
#include "stsfs/base/worker_pool.h"

namespace stsfs::cache {

/// Work for a thread that may wait, and behind it what is to happen on the thread that completes
/// transfers: a step of a Chain like any other.
///
/// Once it is dropped, what comes behind does not run; the work may still, so it must touch nothing
/// but what it owns.
///
/// Threads: as Transfer.
class Errand : public std::enable_shared_from_this<Errand> {
 public:
  using Behind = UniqueFunction<void()>;

  /// `work` gives what comes behind. `refused` comes instead when the pool takes no more.
  static Transfer start(WorkerPool& pool, Scheduler& scheduler, UniqueFunction<Behind()> work,
                        Behind refused);

 private:
  explicit Errand(Scheduler& scheduler) : scheduler_(scheduler) {}
  void go_behind(Behind behind) STSFS_EXCLUDES(mutex_);
  void cancel() STSFS_EXCLUDES(mutex_);

  Scheduler& scheduler_;

  Mutex mutex_;  // never held while a transfer starts or goes
  Condition handed_over_;
  bool cancelled_ STSFS_GUARDED_BY(mutex_) = false;
  bool handing_over_ STSFS_GUARDED_BY(mutex_) = false;
  Transfer behind_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::cache
