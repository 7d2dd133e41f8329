#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "naming/key_space.h"
#include "stsfs/base/await.h"
#include "stsfs/base/mutex.h"
#include "stsfs/cache/directory_cache.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// What a page of OSS says is in a directory. `others`: what is shown under another name than it
/// has in the key, and so would not be in the order of the page.
struct ListedPage {
  cache::DirectoryPage page;
  std::vector<std::pair<std::string, cache::KnownEntry>> others;
};
ListedPage page_of(const oss::ListPage& listed, const std::string& key, const KeySpace& keys);
/// The files that directories of the same names hide, as they are shown.
std::vector<std::pair<std::string, cache::KnownEntry>> hidden_files(
    const cache::KnownDirectory& directory, const KeySpace& keys);
cache::KnownEntry known_entry(const oss::ListEntry& listed);

/// What is known of a name.
struct NameAnswer {
  std::optional<cache::KnownEntry> entry;  ///< Absent: there is none.
  SteadyTime asked;                        ///< Since when.
  std::optional<oss::ObjectMeta> meta;     ///< Where OSS was asked for it.
};

/// One directory while it is listed, page by page, and what we change in it meanwhile. Shared by
/// all who read it; the next page is under way while one is read.
///
/// Threads:  every call at once on any thread.
/// Lifetime: store, clock and cache outlive it. Dropping it calls off what is under way.
class DirectoryListing {
 public:
  DirectoryListing(oss::ObjectStore& store, const Clock& clock, cache::DirectoryCache& cache,
                   const KeySpace& keys, std::string key, std::chrono::milliseconds timeout);
  ~DirectoryListing();

  /// Asks for the first page, unless that has been done.
  void begin();
  /// Page `index`; null past the end. Waits for it, and with `ahead` asks for the one behind. Asked
  /// once more after an error, it goes on where that was.
  Result<cache::DirectoryPagePointer> page(std::size_t index, Interrupt* interrupt,
                                           bool ahead = true);
  /// The same from memory: kWouldWait when it is not there.
  Result<cache::DirectoryPagePointer> page_here(std::size_t index);
  /// A file on a page before that only page `index`, or the end, shows not to be beside a directory
  /// of its name. Good once page() has given that page, or null.
  struct Closed {
    std::string name;
    cache::KnownEntry entry;
    SteadyTime asked;
  };
  std::vector<Closed> closed_by(std::size_t index) const;
  /// What the pages up to here tell of a name, if anything.
  std::optional<NameAnswer> find(std::string_view name) const;
  /// The same if it is not as old as `fresh`.
  std::optional<NameAnswer> find(std::string_view name, std::chrono::milliseconds fresh) const;
  /// The directory's own marker, told by the first page; nothing before.
  std::optional<cache::KnownEntry> marker() const;
  bool is_on_pages(std::string_view name) const;
  /// What its pages tell of under other names than in the keys, up to here.
  std::map<std::string, cache::KnownEntry, std::less<>> others() const;
  /// The entries behind `name` on the pages up to here.
  std::vector<std::pair<std::string, cache::KnownEntry>> after(std::string_view name,
                                                               std::size_t count) const;
  /// Whether any key begins with the directory's; good once the first page is there.
  bool exists() const;
  /// Whether a directory went that hides a file on the pages: who comes now is to see that one.
  bool hides_too_much() const;
  bool complete() const;
  bool failed() const;
  SteadyTime asked() const;
  /// When page `index`, which is there, was asked for.
  SteadyTime asked(std::size_t index) const;
  const std::string& key() const { return key_; }
  const cache::DirectoryCache::Changes& changes() const { return changes_; }

 private:
  Result<cache::DirectoryPagePointer> look(std::size_t index, bool& is_last) const;
  void advance();
  void take(Result<oss::ListPage> listed);
  void when_moved(Callback<void> done);
  SteadyTime asked_for(std::string_view name) const STSFS_REQUIRES(mutex_);

  oss::ObjectStore& store_;
  const Clock& clock_;
  cache::DirectoryCache& cache_;
  const KeySpace& keys_;
  const std::string key_;
  const std::chrono::milliseconds timeout_;
  const cache::DirectoryCache::Changes changes_;  // before anything is looked at or asked

  mutable Mutex mutex_;  // before the cache's; not held while a transfer starts or goes
  cache::KnownDirectory known_ STSFS_GUARDED_BY(mutex_);
  std::vector<SteadyTime> asked_ STSFS_GUARDED_BY(mutex_);  // of each page
  std::map<std::string, cache::KnownEntry, std::less<>> others_ STSFS_GUARDED_BY(mutex_);
  std::string next_token_ STSFS_GUARDED_BY(mutex_);
  bool exists_ STSFS_GUARDED_BY(mutex_) = false;
  bool complete_ STSFS_GUARDED_BY(mutex_) = false;
  bool under_way_ STSFS_GUARDED_BY(mutex_) = false;
  int begun_ STSFS_GUARDED_BY(mutex_) = 0;          // requests
  SteadyTime page_asked_ STSFS_GUARDED_BY(mutex_);  // the last of them
  std::optional<Error> error_ STSFS_GUARDED_BY(mutex_);
  std::vector<Callback<void>> waiting_ STSFS_GUARDED_BY(mutex_);
  Transfer transfer_ STSFS_GUARDED_BY(mutex_);  // of the last request
};
using DirectoryListingPointer = std::shared_ptr<DirectoryListing>;

}  // namespace stsfs::fs
