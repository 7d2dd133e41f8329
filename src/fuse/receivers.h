#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "fuse_handles.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"

namespace stsfs::fuse {

/// The threads that take requests from the kernel and have libfuse call the operations.
///
/// Threads:  every call on any thread but a receiver.
/// Lifetime: the destructor stops them.
class Receivers {
 public:
  /// `ended` is called once, by the last receiver, when the mount is gone or `stop` was called.
  Receivers(FuseSession session, int count, std::function<void()> ended);
  ~Receivers() { stop(); }

  /// Makes them end although the mount may still be there. Waits for the operations that they are
  /// in.
  void stop() STSFS_EXCLUDES(mutex_);
  bool wait_ended(const Clock& clock, Deadline deadline) STSFS_EXCLUDES(mutex_);

 private:
  void receive();
  void leave() STSFS_EXCLUDES(mutex_);

  const FuseSession session_;
  const std::function<void()> ended_;
  Mutex mutex_;  // a leaf
  Condition left_;
  int running_ STSFS_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace stsfs::fuse
