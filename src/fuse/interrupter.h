#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "stsfs/base/await.h"
#include "stsfs/base/mutex.h"

namespace stsfs::fuse {

/// Raises the interrupts of requests whose callers are to be let go, on a thread of its own.
///
/// A signal that does not ask the caller to end (see caller_signals.h) leaves its request waiting.
/// The kernel tells of the first signal only, so the caller is looked at from then on until its
/// request is answered.
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
  /// FUSE_INTERRUPT came for it. `thread`: who waits, as the kernel names it to us.
  void signal_came(std::shared_ptr<Interrupt> interrupt, pid_t thread) STSFS_EXCLUDES(mutex_);
  /// All that are tracked, and from now on every new one.
  void raise_all() STSFS_EXCLUDES(mutex_);

  std::size_t tracked() const STSFS_EXCLUDES(mutex_);

 private:
  struct Signalled {
    std::weak_ptr<Interrupt> interrupt;  // gone: answered
    pid_t thread;
  };

  void forget(Interrupt* interrupt) STSFS_EXCLUDES(mutex_);
  void run() STSFS_EXCLUDES(mutex_);
  /// What came since the last call; empty when it is time to look again, nothing when to end.
  std::optional<std::vector<Signalled>> next(bool look_again) STSFS_EXCLUDES(mutex_);

  mutable Mutex mutex_;  // not held while an interrupt is raised or dropped
  Condition ready_;
  std::vector<Signalled> came_ STSFS_GUARDED_BY(mutex_);
  std::unordered_map<Interrupt*, std::weak_ptr<Interrupt>> tracked_ STSFS_GUARDED_BY(mutex_);
  bool all_ STSFS_GUARDED_BY(mutex_) = false;
  bool stopping_ STSFS_GUARDED_BY(mutex_) = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace stsfs::fuse
