#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"

namespace stsfs::vend {

struct ThrottleOptions {
  int free_failures = 5;          ///< Before the first pause.
  std::chrono::seconds pause{1};  ///< Doubles with each further failure, up to:
  std::chrono::seconds pause_max{60};
  std::chrono::minutes forget_after{15};
  std::size_t entries_max = 10'000;  ///< Above it the one that failed longest ago goes.
};

/// Slows down whoever keeps failing, by a name or by an address. An attempt counts as a failure
/// from its beginning, so that many at once count as many.
///
/// Threads: every call on any thread.
class Throttle {
 public:
  Throttle(const ThrottleOptions& options, const Clock& clock) : options_(options), clock_(clock) {}

  /// Zero: go on, and it is counted. Otherwise how long to stay away.
  std::chrono::seconds attempt(const std::string& who) STSFS_EXCLUDES(mutex_);
  /// It went well: what was counted against `who` is forgotten.
  void succeeded(const std::string& who) STSFS_EXCLUDES(mutex_);
  /// It said nothing about `who`, one way or the other: the attempt does not count.
  void take_back(const std::string& who) STSFS_EXCLUDES(mutex_);
  std::size_t size() const STSFS_EXCLUDES(mutex_);

 private:
  struct Entry {
    int failures = 0;
    SteadyTime last;
    SteadyTime blocked_until;
  };
  void make_room() STSFS_REQUIRES(mutex_);

  const ThrottleOptions options_;
  const Clock& clock_;
  mutable Mutex mutex_;  // a leaf
  std::unordered_map<std::string, Entry> entries_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::vend
