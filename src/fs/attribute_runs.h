#pragma once

#include <list>
#include <string>
#include <string_view>

#include "listings.h"
#include "stsfs/base/mutex.h"

namespace stsfs::fs {

/// Sees when attributes are asked for name by name in the order of a directory, as `ls -l` does:
/// then those of the names behind are worth asking for at once.
///
/// Threads: every call at once on any thread.
class AttributeRuns {
 public:
  explicit AttributeRuns(Listings& listings) : listings_(listings) {}

  /// `name` is asked for. Returns whether one shortly before it was asked for last.
  bool goes_on(const std::string& directory_key, const std::string& name) {
    const std::string last = exchange_last(directory_key, name);
    if (last.empty()) return false;
    for (const auto& [next, entry] : listings_.after(directory_key, last, kGapMax))
      if (next == name) return true;
    return false;
  }

 private:
  static constexpr std::size_t kGapMax = 80;  // a batch of 64, and a few that were known
  static constexpr std::size_t kRunsMax = 32;

  std::string exchange_last(const std::string& directory_key, const std::string& name) {
    MutexLock lock(mutex_);
    for (auto run = runs_.begin(); run != runs_.end(); ++run) {
      if (run->directory_key != directory_key) continue;
      runs_.splice(runs_.begin(), runs_, run);
      return std::exchange(run->last, name);
    }
    runs_.push_front({directory_key, name});
    if (runs_.size() > kRunsMax) runs_.pop_back();
    return {};
  }

  struct Run {
    std::string directory_key;
    std::string last;
  };
  Listings& listings_;
  Mutex mutex_;  // a leaf
  std::list<Run> runs_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fs
