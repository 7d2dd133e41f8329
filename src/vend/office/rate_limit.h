#pragma once

#include <string>
#include <unordered_map>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"

namespace stsfs::vend {

/// So many requests a second from one client, by its address or its user's name, ten times as many
/// at once. In this process only: it is there to keep the process from being busy with one client.
///
/// Threads: every call on any thread.
class RateLimit {
 public:
  static constexpr std::size_t kClientsMax = 50'000;

  explicit RateLimit(const Clock& clock) : clock_(clock) {}

  /// False: too many. `per_second` 0: any number.
  bool allows(const std::string& client, int per_second) STSFS_EXCLUDES(mutex_);

 private:
  struct Bucket {
    double tokens = 0;
    SteadyTime filled;
  };

  const Clock& clock_;
  Mutex mutex_;  // a leaf
  std::unordered_map<std::string, Bucket> buckets_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::vend
