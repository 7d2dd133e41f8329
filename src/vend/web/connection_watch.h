#pragma once

#include <chrono>
#include <thread>
#include <unordered_map>

#include "stsfs/base/mutex.h"

namespace stsfs::vend {

/// Ends connections whose request does not arrive whole in time, however steadily it trickles.
///
/// Threads: every call on any thread. Real time: it is about sockets.
class ConnectionWatch {
 public:
  ConnectionWatch(std::chrono::seconds request_timeout, std::chrono::seconds idle_timeout);
  ~ConnectionWatch();

  void opened(int fd) STSFS_EXCLUDES(mutex_);
  /// Must come before the descriptor is closed, and so could be another connection's.
  void closed(int fd) STSFS_EXCLUDES(mutex_);
  /// A request line has come: its rest has `request_timeout`.
  void began(int fd) STSFS_EXCLUDES(mutex_);
  /// The request is whole; it may take its time now.
  void received(int fd) STSFS_EXCLUDES(mutex_);
  /// It is answered; the next has `idle_timeout` to begin.
  void answered(int fd) STSFS_EXCLUDES(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;
  void set(int fd, Time until) STSFS_EXCLUDES(mutex_);
  void watch() STSFS_EXCLUDES(mutex_);

  const std::chrono::seconds request_timeout_;
  const std::chrono::seconds idle_timeout_;
  Mutex mutex_;  // a leaf
  Condition stop_;
  bool stopping_ STSFS_GUARDED_BY(mutex_) = false;
  std::unordered_map<int, Time> until_ STSFS_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace stsfs::vend
