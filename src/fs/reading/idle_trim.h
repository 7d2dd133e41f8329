#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"
#include "stsfs/cache/block_pool.h"

namespace stsfs::fs {

/// Gives the memory of reading back to the machine when no file has been open for a while.
///
/// Threads: any. `stop` before the scheduler goes.
class IdleTrim {
 public:
  IdleTrim(Scheduler& scheduler, std::shared_ptr<cache::BlockPool> pool)
      : scheduler_(scheduler), pool_(std::move(pool)) {}

  void opened() STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ++open_;
  }
  void closed() STSFS_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (--open_ > 0 || set_ || stopped_) return;
      set_ = true;
    }
    Transfer timer = scheduler_.after(kAfter, [this] { trim(); });
    MutexLock lock(mutex_);
    if (!stopped_) std::swap(timer, timer_);
  }
  void stop() STSFS_EXCLUDES(mutex_) {
    Transfer timer;
    MutexLock lock(mutex_);
    stopped_ = true;
    std::swap(timer, timer_);
  }

 private:
  static constexpr std::chrono::seconds kAfter{5};

  void trim() STSFS_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      set_ = false;
      if (open_ > 0) return;  // whoever closes last sets it again
    }
    pool_->give_back_unused();
  }

  Scheduler& scheduler_;
  const std::shared_ptr<cache::BlockPool> pool_;
  Mutex mutex_;  // a leaf
  int open_ STSFS_GUARDED_BY(mutex_) = 0;
  bool set_ STSFS_GUARDED_BY(mutex_) = false;
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;
  Transfer timer_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fs
