#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "stsfs/base/mutex.h"

namespace stsfs::fs {

/// Whether what is seen may be the version that was removed: where either is unknown it may.
inline bool may_be_same_version(std::string_view removed_etag, std::string_view etag) {
  return removed_etag.empty() || etag.empty() || removed_etag == etag;
}

/// Removals that ended while somebody waited for an answer that may still tell of their objects.
/// Empty when nobody does.
///
/// Threads:  any.
/// Lifetime: shared with every Watch, which may go last.
class EndedRemovals {
 public:
  void add(const std::string& key, const std::string& etag) STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ++count_;
    if (!watches_.empty()) ended_.emplace(key, Ended{etag, count_});
  }
  void forget(std::string_view key) STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto [first, last] = ended_.equal_range(key);
    ended_.erase(first, last);
  }

  /// Sees what ends from its beginning on.
  class Watch {
   public:
    explicit Watch(std::shared_ptr<EndedRemovals> of)
        : of_(std::move(of)), since_(of_->begin_watch()) {}
    ~Watch() { of_->end_watch(since_); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    bool has(std::string_view key, std::string_view etag) const {
      return of_->has(key, etag, since_);
    }

   private:
    const std::shared_ptr<EndedRemovals> of_;
    const std::uint64_t since_;
  };

 private:
  struct Ended {
    std::string etag;
    std::uint64_t number;
  };

  std::uint64_t begin_watch() STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    watches_.insert(count_);
    return count_;
  }
  void end_watch(std::uint64_t since) STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    watches_.erase(watches_.find(since));
    if (watches_.empty()) {
      ended_.clear();
      return;
    }
    const std::uint64_t oldest = *watches_.begin();
    if (oldest > since)
      std::erase_if(ended_, [&](const auto& one) { return one.second.number <= oldest; });
  }
  bool has(std::string_view key, std::string_view etag, std::uint64_t since) const
      STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto [first, last] = ended_.equal_range(key);
    for (auto one = first; one != last; ++one)
      if (one->second.number > since && may_be_same_version(one->second.etag, etag)) return true;
    return false;
  }

  mutable Mutex mutex_;                                            // a leaf
  std::uint64_t count_ STSFS_GUARDED_BY(mutex_) = 0;               // of all that ended
  std::multiset<std::uint64_t> watches_ STSFS_GUARDED_BY(mutex_);  // the count when each began
  std::multimap<std::string, Ended, std::less<>> ended_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fs
