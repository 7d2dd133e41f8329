#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "naming/key_space.h"
#include "stsfs/base/await.h"
#include "stsfs/base/mutex.h"
#include "stsfs/cache/directory_cache.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// Lists what lies below a directory without a delimiter, from one of its directories on, and puts
/// every directory that it has seen whole into the cache: a thousand small ones cost what one of
/// their entries' number costs.
///
/// It goes no further than it is asked to, but for one page. It ends at a directory that is too
/// large to wait for: that one is better listed by itself.
///
/// Threads:  every call at once on any thread.
/// Lifetime: store, clock and cache outlive it. Dropping it calls off what is under way.
class TreeWalk {
 public:
  /// `from`: the first directory, one of those in `key`; both with the closing slash.
  TreeWalk(oss::ObjectStore& store, const Clock& clock, cache::DirectoryCache& cache,
           const KeySpace& keys, std::string key, const std::string& from,
           std::chrono::milliseconds timeout);
  ~TreeWalk();

  const std::string& key() const { return key_; }
  /// Whether a directory lies where it will still come to.
  bool is_ahead(const std::string& directory_key) const;
  /// Goes on until the directory has been seen whole, or it ends: it does where more than
  /// `pages_max` must be waited for. Errors: as start_list.
  Result<void> reach(const std::string& directory_key, int pages_max, Interrupt* interrupt);

 private:
  struct Open {
    std::string key;
    cache::KnownDirectory directory;
    cache::DirectoryPage page;
    std::size_t entries = 0;
  };
  bool is_past(const std::string& directory_key) const STSFS_REQUIRES(mutex_);
  void advance();
  void take(Result<oss::ListPage> listed);
  void take_object(const oss::ListEntry& object) STSFS_REQUIRES(mutex_);
  void enter(std::string key, const oss::ListEntry& first) STSFS_REQUIRES(mutex_);
  void add(Open& directory, std::string_view component, const cache::KnownEntry& entry)
      STSFS_REQUIRES(mutex_);
  void leave_all_but(const std::string& key) STSFS_REQUIRES(mutex_);

  oss::ObjectStore& store_;
  const Clock& clock_;
  cache::DirectoryCache& cache_;
  const KeySpace& keys_;
  const std::string key_;
  const std::string start_after_;
  const std::chrono::milliseconds timeout_;
  const cache::DirectoryCache::Changes changes_;

  mutable Mutex mutex_;  // before the cache's; not held while a transfer starts or goes
  std::vector<Open> open_ STSFS_GUARDED_BY(mutex_);  // one within the other
  std::string at_ STSFS_GUARDED_BY(mutex_);          // the last key
  std::string next_token_ STSFS_GUARDED_BY(mutex_);
  bool ended_ STSFS_GUARDED_BY(mutex_) = false;
  bool under_way_ STSFS_GUARDED_BY(mutex_) = false;
  int begun_ STSFS_GUARDED_BY(mutex_) = 0;  // requests
  SteadyTime page_asked_ STSFS_GUARDED_BY(mutex_);
  std::optional<Error> error_ STSFS_GUARDED_BY(mutex_);
  std::vector<Callback<void>> waiting_ STSFS_GUARDED_BY(mutex_);
  Transfer transfer_ STSFS_GUARDED_BY(mutex_);  // of the last request
};

}  // namespace stsfs::fs
