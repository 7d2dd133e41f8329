#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/oss/object.h"

namespace stsfs::cache {

/// One name in a directory, as a listing told it.
struct KnownEntry {
  bool is_directory =
      false;  ///< `name/` exists or something lies below it. Wins over a file of that name.
  bool has_marker = false;  ///< The object `name/` itself, where known (only with is_directory).
  std::uint64_t size_bytes = 0;
  std::string etag;
  WallTime last_modified;
  oss::ObjectType type = oss::ObjectType::kNormal;
  std::string storage_class;
};

/// A whole directory, as it was at `asked`.
struct KnownDirectory {
  std::map<std::string, KnownEntry, std::less<>> entries;
  SteadyTime asked;  ///< When the first page was asked for: nothing later is known.
};
using KnownDirectoryPointer = std::shared_ptr<const KnownDirectory>;

/// Directories that were listed whole, by their key (with the closing slash). What we change
/// ourselves is put in at once.
///
/// Threads: every call at once on any thread.
class DirectoryCache {
 public:
  struct Options {
    std::chrono::milliseconds fresh{30'000};
    std::size_t entries_max = 500'000;  ///< In all directories; the least recently used go first.
  };
  DirectoryCache(Options options, const Clock& clock) : options_(options), clock_(clock) {}

  /// Null when it was never listed, or too long ago.
  KnownDirectoryPointer find(const std::string& directory_key) STSFS_EXCLUDES(mutex_);

  /// A listing under way: what we change ourselves while it runs may be on pages that have passed.
  class Listing {
   public:
    Listing(DirectoryCache& cache, std::string directory_key)
        : cache_(cache), directory_key_(std::move(directory_key)) {
      cache_.begin(*this);
    }
    ~Listing() { cache_.end(*this); }
    Listing(const Listing&) = delete;
    Listing& operator=(const Listing&) = delete;

   private:
    friend class DirectoryCache;
    DirectoryCache& cache_;
    const std::string directory_key_;
    // Guarded by the cache's mutex. No entry: it was removed.
    std::map<std::string, std::optional<KnownEntry>, std::less<>> changes_;
    bool forgotten_ = false;
  };
  /// Keeps what was listed, with what changed meanwhile, and returns it.
  KnownDirectoryPointer put(Listing& listing, KnownDirectory directory) STSFS_EXCLUDES(mutex_);

  /// A name that we created, changed or removed.
  void set_entry(const std::string& directory_key, std::string_view name, KnownEntry entry)
      STSFS_EXCLUDES(mutex_);
  void erase_entry(const std::string& directory_key, std::string_view name) STSFS_EXCLUDES(mutex_);
  /// Forgets the directory, or with "" all of them.
  void forget(const std::string& directory_key) STSFS_EXCLUDES(mutex_);
  /// Forgets every directory whose key begins so.
  void forget_below(const std::string& prefix) STSFS_EXCLUDES(mutex_);

 private:
  struct Slot {
    std::shared_ptr<KnownDirectory> directory;
    std::list<std::string>::iterator used;
  };
  void begin(Listing& listing) STSFS_EXCLUDES(mutex_);
  void end(Listing& listing) STSFS_EXCLUDES(mutex_);
  void note_change(const std::string& directory_key, std::string_view name,
                   const std::optional<KnownEntry>& entry) STSFS_REQUIRES(mutex_);
  KnownDirectory* writable(const std::string& directory_key) STSFS_REQUIRES(mutex_);
  void drop(std::map<std::string, Slot>::iterator slot) STSFS_REQUIRES(mutex_);

  const Options options_;
  const Clock& clock_;
  Mutex mutex_;  // a leaf
  std::map<std::string, Slot> slots_ STSFS_GUARDED_BY(mutex_);
  std::list<std::string> recently_used_ STSFS_GUARDED_BY(mutex_);  // most recent first
  std::size_t entries_ STSFS_GUARDED_BY(mutex_) = 0;
  std::multimap<std::string, Listing*> under_way_ STSFS_GUARDED_BY(mutex_);
};

/// What HeadObject told of an object, remembered under (key, ETag, LastModified): a listing that
/// shows the same needs no HEAD. LastModified has whole seconds, so nothing is kept that was
/// written within 2 s of the answer.
///
/// Threads: every call at once on any thread.
class MetaCache {
 public:
  explicit MetaCache(std::size_t entries_max = 200'000) : entries_max_(entries_max) {}

  std::optional<oss::ObjectMeta> find(const std::string& key, const std::string& etag,
                                      WallTime last_modified) STSFS_EXCLUDES(mutex_);
  void put(const std::string& key, const oss::ObjectMeta& meta) STSFS_EXCLUDES(mutex_);
  void forget(const std::string& key) STSFS_EXCLUDES(mutex_);

 private:
  struct Slot {
    oss::ObjectMeta meta;
    std::list<std::string>::iterator used;
  };
  const std::size_t entries_max_;
  Mutex mutex_;  // a leaf
  std::unordered_map<std::string, Slot> slots_ STSFS_GUARDED_BY(mutex_);
  std::list<std::string> recently_used_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::cache
