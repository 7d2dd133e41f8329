#pragma once

#include <memory>

#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"

namespace stsfs::oss {

/// Takes an answer from a provider's thread over to the loop's.
///
/// Two threads that call back must not drop each other's transfers: the loop, which calls a request
/// off, would wait for the provider's callback, and that, dropping what it has just started, for
/// the loop. So the provider's callback drops nothing: it leaves what is to be done to the loop,
/// which looks whether it was called off.
///
/// Threads:  `take_to_loop` on the provider's, once; the rest on any.
/// Lifetime: kept by its own callbacks until they have run or were dropped.
class Handover : public std::enable_shared_from_this<Handover> {
 public:
  /// What the provider is asked: dropped with `close`.
  void waits_for(Transfer asked) STSFS_EXCLUDES(mutex_);

  /// Calls `what` on the loop, unless closed before.
  void take_to_loop(Scheduler& loop, UniqueFunction<void()> what) STSFS_EXCLUDES(mutex_);

  /// As a Transfer does: when it has returned, `what` is not running and will not run.
  void close() STSFS_EXCLUDES(mutex_);

 private:
  bool closed() STSFS_EXCLUDES(mutex_);

  Mutex mutex_;  // a leaf: never held while a transfer starts or goes
  bool closed_ STSFS_GUARDED_BY(mutex_) = false;
  Transfer asked_ STSFS_GUARDED_BY(mutex_);
  Transfer on_loop_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::oss
