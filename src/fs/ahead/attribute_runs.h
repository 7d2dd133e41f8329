#pragma once

#include <algorithm>
#include <list>
#include <string>
#include <utility>

#include "stsfs/base/mutex.h"
#include "tree/listings.h"

namespace stsfs::fs {

/// Sees when attributes are asked for name by name in the order of a directory, as `ls -l` does:
/// then those of the names behind are worth asking for at once, and of more of them the longer it
/// goes on.
///
/// Threads: every call at once on any thread.
class AttributeRuns {
 public:
  explicit AttributeRuns(Listings& listings) : listings_(listings) {}

  /// `name` is asked for. Returns how many are worth asking for from there on: 1 unless one shortly
  /// before it was asked for last.
  std::size_t batch(const std::string& directory_key, const std::string& name) {
    const Run before = take_last(directory_key, name);
    if (before.last.empty()) return 1;
    bool goes_on = false;
    for (const auto& [next, entry] :
         listings_.after(directory_key, before.last, before.batch + kGapMax))
      goes_on = goes_on || next == name;
    if (!goes_on) return 1;
    const std::size_t batch = std::clamp(2 * before.batch, kBatchMin, kBatchMax);
    put_batch(directory_key, batch);
    return batch;
  }

 private:
  static constexpr std::size_t kGapMax = 16;  // a few that were known
  static constexpr std::size_t kBatchMin = 64;
  static constexpr std::size_t kBatchMax = 512;
  static constexpr std::size_t kRunsMax = 32;

  struct Run {
    std::string directory_key;
    std::string last;
    std::size_t batch = 1;  // asked for from there on
  };

  /// What was asked for last there. The run begins anew at `name`.
  Run take_last(const std::string& directory_key, const std::string& name) {
    MutexLock lock(mutex_);
    for (auto run = runs_.begin(); run != runs_.end(); ++run) {
      if (run->directory_key != directory_key) continue;
      runs_.splice(runs_.begin(), runs_, run);
      return std::exchange(*run, {directory_key, name});
    }
    runs_.push_front({directory_key, name});
    if (runs_.size() > kRunsMax) runs_.pop_back();
    return {};
  }
  void put_batch(const std::string& directory_key, std::size_t batch) {
    MutexLock lock(mutex_);
    for (Run& run : runs_)
      if (run.directory_key == directory_key) run.batch = batch;
  }

  Listings& listings_;
  Mutex mutex_;  // a leaf
  std::list<Run> runs_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fs
