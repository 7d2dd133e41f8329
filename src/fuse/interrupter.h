#pragma once

#include <deque>
#include <memory>
#include <thread>
#include <unordered_map>

#include "stsfs/base/await.h"
#include "stsfs/base/mutex.h"

namespace stsfs::fuse {

/// Raises the interrupts of requests, on a thread of its own.
///
/// libfuse calls an interrupt function with that request locked, and to answer the request takes
/// the same lock. What `raise` wakes may answer at once; so it must not run there. Nor in the pool:
/// when all of its threads wait, an interrupt is what would end their wait.
///
/// Threads: every call on any thread; none of them waits, but for the destructor.
class Interrupter {
 public:
  Interrupter();
  ~Interrupter();

  /// A new one for a request that leaves its receiver; known until its last owner drops it.
  std::shared_ptr<Interrupt> track() STSFS_EXCLUDES(mutex_);
  void raise_soon(std::shared_ptr<Interrupt> interrupt) STSFS_EXCLUDES(mutex_);
  /// All that are tracked, and from now on every new one.
  void raise_all() STSFS_EXCLUDES(mutex_);

  std::size_t tracked() const STSFS_EXCLUDES(mutex_);

 private:
  void forget(Interrupt* interrupt) STSFS_EXCLUDES(mutex_);
  void run() STSFS_EXCLUDES(mutex_);

  mutable Mutex mutex_;  // not held while an interrupt is raised or dropped
  Condition ready_;
  std::deque<std::shared_ptr<Interrupt>> queue_ STSFS_GUARDED_BY(mutex_);
  std::unordered_map<Interrupt*, std::weak_ptr<Interrupt>> tracked_ STSFS_GUARDED_BY(mutex_);
  bool all_ STSFS_GUARDED_BY(mutex_) = false;
  bool stopping_ STSFS_GUARDED_BY(mutex_) = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace stsfs::fuse
