#pragma once

#include <condition_variable>
#include <mutex>

// clang checks these (-Wthread-safety); libstdc++'s own mutex carries no annotations.
#if defined(__clang__)
#define STSFS_TSA(x) __attribute__((x))
#else
#define STSFS_TSA(x)
#endif
#define STSFS_GUARDED_BY(m) STSFS_TSA(guarded_by(m))
#define STSFS_REQUIRES(...) STSFS_TSA(requires_capability(__VA_ARGS__))
#define STSFS_EXCLUDES(...) STSFS_TSA(locks_excluded(__VA_ARGS__))
#define STSFS_NO_TSA STSFS_TSA(no_thread_safety_analysis)

namespace stsfs {

class STSFS_TSA(capability("mutex")) Mutex {
 public:
  void lock() STSFS_TSA(acquire_capability()) { mutex_.lock(); }
  void unlock() STSFS_TSA(release_capability()) { mutex_.unlock(); }
  bool try_lock() STSFS_TSA(try_acquire_capability(true)) { return mutex_.try_lock(); }

 private:
  std::mutex mutex_;
};

class STSFS_TSA(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& m) STSFS_TSA(acquire_capability(m)) : mutex_(m) { mutex_.lock(); }
  ~MutexLock() STSFS_TSA(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Wait in a loop: `while (queue_.empty()) ready_.wait(mutex_);`. A predicate lambda is a function
/// of its own to the checker, which then cannot see the lock.
using Condition = std::condition_variable_any;

}  // namespace stsfs
