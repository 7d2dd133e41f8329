#pragma once

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "directory_listing.h"
#include "stsfs/base/mutex.h"
#include "stsfs/cache/directory_cache.h"
#include "tree_walk.h"

namespace stsfs::fs {

/// What is in which directory: from the cache, from a listing under way, from OSS. Sees a walk
/// through the tree coming and then lists ahead of it.
///
/// Threads:  every call at once on any thread.
/// Lifetime: store and clock outlive it.
class Listings {
 public:
  struct Options {
    const KeySpace& keys;  ///< Outlives it. Nothing above its prefix is ever asked for.
    std::chrono::milliseconds fresh{30'000};
    std::chrono::milliseconds page_timeout{30'000};
    std::size_t cache_bytes_max = std::size_t{128} << 20;
  };
  Listings(oss::ObjectStore& store, const Clock& clock, Options options);

  cache::DirectoryCache& cache() { return cache_; }
  std::chrono::milliseconds fresh() const { return options_.fresh; }

  /// From memory: what is known of the name, if anything.
  std::optional<NameAnswer> find(const std::string& directory_key, std::string_view name);
  /// From memory, for who wants to be ahead: the entries behind `name` in the order of the listing.
  std::vector<std::pair<std::string, cache::KnownEntry>> after(const std::string& directory_key,
                                                               std::string_view name,
                                                               std::size_t count);

  /// The directory's listing, shared with whoever is at it. Asks nothing yet.
  DirectoryListingPointer open(const std::string& directory_key);
  /// The same for one who will read it all. Waits where that brings the directories behind it, too.
  Result<DirectoryListingPointer> read(const std::string& directory_key, Interrupt* interrupt);
  /// The directory's listing with its first page there: who wants to know of its marker.
  Result<DirectoryListingPointer> begin(const std::string& directory_key, Interrupt* interrupt);

  /// Whether a directory of this one was read a moment ago.
  bool was_read_within(const std::string& directory_key);

  /// Called for each lookup that no listing answers. True: names have been asked for here so often
  /// that the directory is better listed; or it had but one page when it was.
  bool worth_listing(const std::string& directory_key);
  /// It has more than a page: names are asked for one by one.
  void note_large(const std::string& directory_key);

  /// Forgets the directory and all below it; with "" everything.
  void forget(const std::string& directory_key);

 private:
  /// Lookups that went to OSS, in one directory.
  struct Asked {
    SteadyTime since;
    int times = 0;
    bool large = false;
  };
  /// Directories of one directory that were read one behind the other, or names looked up in them.
  struct Trail {
    std::string parent;
    std::string last;
    SteadyTime when;
    int read = 0;
  };

  Result<void> follow_walk(const std::string& directory_key, int pages_max, Interrupt* interrupt);
  std::shared_ptr<TreeWalk> walk_to(const std::string& directory_key);
  void note_read(const std::string& directory_key);
  void note_small(const std::string& directory_key);
  std::optional<std::string> parent_of(const std::string& directory_key) const;
  DirectoryListingPointer under_way(const std::string& directory_key) STSFS_EXCLUDES(mutex_);

  oss::ObjectStore& store_;
  const Clock& clock_;
  const Options options_;
  cache::DirectoryCache cache_;

  Mutex mutex_;  // a leaf; a listing or walk is never dropped while it is held
  std::map<std::string, std::weak_ptr<DirectoryListing>> under_way_ STSFS_GUARDED_BY(mutex_);
  std::size_t sweep_at_ STSFS_GUARDED_BY(mutex_) = 64;
  std::map<std::string, Asked> asked_ STSFS_GUARDED_BY(mutex_);
  std::unordered_set<std::string> small_ STSFS_GUARDED_BY(mutex_);  // of one page
  std::list<Trail> trails_ STSFS_GUARDED_BY(mutex_);                // most recent first
  // Of which somebody wanted the first page only, and perhaps soon the rest.
  std::list<DirectoryListingPointer> begun_ STSFS_GUARDED_BY(mutex_);
  std::shared_ptr<TreeWalk> walk_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fs
