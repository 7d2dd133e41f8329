#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/cache/known_directory.h"

namespace stsfs::cache {

/// Directories that were listed whole, by their key (with the closing slash). What we change
/// ourselves is put in at once.
///
/// Threads: every call at once on any thread.
class DirectoryCache {
 public:
  struct Options {
    std::chrono::milliseconds fresh{30'000};
    /// Of all directories together; the least recently used go first. Room for two million entries.
    std::size_t bytes_max = std::size_t{128} << 20;
  };
  DirectoryCache(Options options, const Clock& clock) : options_(options), clock_(clock) {}

  /// Null when it was never listed, or too long ago.
  KnownDirectoryPointer find(const std::string& directory_key) STSFS_EXCLUDES(mutex_);

  /// What we change ourselves from its making on, in one directory or below a prefix: who lists it
  /// meanwhile may have been given the pages before that, and who reads it holds an older state.
  class Changes {
   public:
    /// `below`: of all directories whose key begins with `key`.
    Changes(DirectoryCache& cache, std::string key, bool below = false);
    ~Changes();
    Changes(const Changes&) = delete;
    Changes& operator=(const Changes&) = delete;

    /// Cheap: whether there may be any.
    bool any() const { return any_.load(std::memory_order_acquire); }
    struct Change {
      std::optional<KnownEntry> entry;  ///< None: it was removed.
      bool was_directory = false;       ///< Which was removed: a file beside it may be there.
      SteadyTime when;
      std::uint64_t number = 0;  ///< Another one for each change.
    };
    /// Absent: nothing changed. `name` in the directory `key`.
    std::optional<Change> of(const std::string& directory_key, std::string_view name) const;
    /// The names in a directory that are there now, whether or not they were before.
    std::map<std::string, KnownEntry, std::less<>> added(const std::string& directory_key) const;
    /// What is known of it is no longer good for anything but the names.
    bool forgotten() const;

   private:
    friend class DirectoryCache;
    /// By (directory, name).
    using Map = std::map<std::pair<std::string, std::string>, Change>;

    DirectoryCache& cache_;
    const std::string key_;
    const bool below_;
    std::atomic<bool> any_ = false;
    // Both guarded by the cache's mutex.
    Map changes_;
    bool forgotten_ = false;
  };

  /// Keeps what was listed since `changes` was made, with what is in there and came after it was
  /// asked for, and returns it.
  KnownDirectoryPointer put(const std::string& directory_key, const Changes& changes,
                            KnownDirectory directory) STSFS_EXCLUDES(mutex_);

  /// A name that we created, changed or removed.
  void set_entry(const std::string& directory_key, std::string_view name, const KnownEntry& entry)
      STSFS_EXCLUDES(mutex_);
  void erase_entry(const std::string& directory_key, std::string_view name) STSFS_EXCLUDES(mutex_);
  /// The same for a directory: what it hid has the name now.
  void erase_directory(const std::string& directory_key, std::string_view name)
      STSFS_EXCLUDES(mutex_);
  /// Forgets the directory, or with "" all of them.
  void forget(const std::string& directory_key) STSFS_EXCLUDES(mutex_);
  /// Forgets every directory whose key begins so.
  void forget_below(const std::string& prefix) STSFS_EXCLUDES(mutex_);

  /// How often anything was changed here, for `put_absent`.
  std::uint64_t changes_made() const STSFS_EXCLUDES(mutex_);
  /// A name that was asked for by itself since `asked` and is not there. Who makes it asks once
  /// more a moment later: it is remembered for a second, and until anything here changes. Only if
  /// nothing has since `changes_made` was asked for.
  void put_absent(const std::string& directory_key, std::string_view name, SteadyTime asked,
                  std::uint64_t changes_made) STSFS_EXCLUDES(mutex_);
  /// When it was asked for.
  std::optional<SteadyTime> absent(const std::string& directory_key, std::string_view name) const
      STSFS_EXCLUDES(mutex_);

  struct Usage {
    std::size_t directories = 0;
    std::size_t entries = 0;
    std::size_t bytes = 0;
  };
  Usage usage() STSFS_EXCLUDES(mutex_);

 private:
  struct Slot {
    std::shared_ptr<KnownDirectory> directory;
    std::list<std::string>::iterator used;
    std::size_t bytes = 0;
  };
  using Slots = std::map<std::string, Slot>;
  void note_change(const std::string& directory_key, std::string_view name,
                   const std::optional<KnownEntry>& entry, bool was_directory = false)
      STSFS_REQUIRES(mutex_);
  void any_changed() STSFS_REQUIRES(mutex_);
  template <class Change>
  void change(const std::string& directory_key, Change how) STSFS_REQUIRES(mutex_);
  void account(Slot& slot) STSFS_REQUIRES(mutex_);
  void shrink_to_budget() STSFS_REQUIRES(mutex_);
  void drop(Slots::iterator slot) STSFS_REQUIRES(mutex_);

  const Options options_;
  const Clock& clock_;
  mutable Mutex mutex_;  // a leaf
  Slots slots_ STSFS_GUARDED_BY(mutex_);
  std::list<std::string> recently_used_ STSFS_GUARDED_BY(mutex_);  // most recent first
  std::size_t bytes_ STSFS_GUARDED_BY(mutex_) = 0;
  struct Absent {
    std::string directory_key, name;
    SteadyTime asked;
  };
  std::optional<Absent> absent_ STSFS_GUARDED_BY(mutex_);  // the last one
  std::uint64_t changes_made_ STSFS_GUARDED_BY(mutex_) = 0;
  std::multimap<std::string, Changes*> watched_ STSFS_GUARDED_BY(mutex_);
  std::list<Changes*> watched_below_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::cache
