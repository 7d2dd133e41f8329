#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include "stsfs/base/callback.h"
#include "stsfs/base/mutex.h"

namespace stsfs {

/// Threads for what must wait, made when needed, up to a bound; tasks beyond it queue up.
///
/// Threads:  `run` on any thread, also from a task.
/// Lifetime: the destructor runs what is queued (its waits are to be interrupted by whoever owns
/// them) and joins.
class WorkerPool {
 public:
  struct Options {
    std::size_t threads_max = 64;
    std::size_t queue_max =
        65'536;  ///< Past it `run` refuses: the kernel itself never has that many under way.
  };

  explicit WorkerPool(Options options) : options_(options) {}
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// False when the queue is full, or the system gives not even one thread; `task` is then dropped
  /// unrun.
  bool run(UniqueFunction<void()> task) STSFS_EXCLUDES(mutex_);

  std::size_t thread_count() const STSFS_EXCLUDES(mutex_);

 private:
  void add_thread() STSFS_REQUIRES(mutex_);
  void work() STSFS_EXCLUDES(mutex_);

  const Options options_;
  mutable Mutex mutex_;  // a leaf
  Condition ready_;
  std::deque<UniqueFunction<void()>> queue_ STSFS_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_ STSFS_GUARDED_BY(mutex_);
  std::size_t idle_ STSFS_GUARDED_BY(mutex_) = 0;
  bool stopping_ STSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace stsfs
