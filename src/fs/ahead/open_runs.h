#pragma once

#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "stsfs/base/await.h"
#include "stsfs/base/mutex.h"
#include "stsfs/oss/object_store.h"
#include "tree/directory_listing.h"

namespace stsfs::fs {

struct OpenRunOptions {
  std::string prefix;               ///< Of the folder; nothing is listed but what lies below it.
  std::chrono::milliseconds fresh;  ///< For how long an answer is good; 0: nothing is listed.
  std::chrono::milliseconds request_timeout;
};

/// Sees when files that were known are opened one after the other, each to be confirmed by a HEAD,
/// as `git status` opens a dozen below `.git`: one listing, without a delimiter, of the directory
/// that they have in common confirms them all.
///
/// What it says is as old as its request, as every answer is, and is good for `fresh`, as long as
/// what an open relies on: no open sees less than with a HEAD of its own. What changes here
/// meanwhile has another ETag than it tells of. A listing that spares fewer than two HEADs was not
/// worth its bytes: from then on more opens have to come in a row before the next.
///
/// Threads:  every call at once on any thread.
/// Lifetime: store and clock outlive it.
class OpenRuns {
 public:
  OpenRuns(oss::ObjectStore& store, const Clock& clock, OpenRunOptions options)
      : store_(store), clock_(clock), options_(std::move(options)) {}

  /// The file at `key` is to be confirmed. Nothing: ask for it alone. May wait for a listing.
  std::optional<NameAnswer> find(const std::string& key, Interrupt* interrupt)
      STSFS_EXCLUDES(mutex_);

  /// Whether a listing that will be good for a while yet has told of it.
  bool covers(const std::string& key) const STSFS_EXCLUDES(mutex_);

 private:
  /// What one page told: everything from `first` to `last` that begins with `prefix`.
  struct Page {
    std::string prefix;
    std::string first, last;  // `last` empty: to the end
    SteadyTime asked;
    std::map<std::string, cache::KnownEntry> entries;
    int spared = 0;
    bool covers(const std::string& key) const {
      return key.starts_with(prefix) && key >= first && (last.empty() || key <= last);
    }
  };

  const Page* page_of(const std::string& key) STSFS_REQUIRES(mutex_);
  std::optional<oss::ListRequest> worth_listing(const std::string& key) STSFS_REQUIRES(mutex_);
  void drop_old() STSFS_REQUIRES(mutex_);
  std::string common_directory(const std::string& key) const STSFS_REQUIRES(mutex_);
  void take(const oss::ListRequest& request, const oss::ListPage& page, SteadyTime asked)
      STSFS_REQUIRES(mutex_);
  bool is_fresh(SteadyTime asked) const { return clock_.steady() - asked < options_.fresh; }

  static constexpr int kInARowMin = 2;
  static constexpr int kInARowMax = 64;

  oss::ObjectStore& store_;
  const Clock& clock_;
  const OpenRunOptions options_;

  mutable Mutex mutex_;                             // a leaf
  std::list<Page> pages_ STSFS_GUARDED_BY(mutex_);  // of the last `fresh`
  std::string last_key_ STSFS_GUARDED_BY(mutex_);
  SteadyTime last_asked_ STSFS_GUARDED_BY(mutex_);
  int in_a_row_ STSFS_GUARDED_BY(mutex_) = 0;
  int in_a_row_needed_ STSFS_GUARDED_BY(mutex_) = kInARowMin;
  bool under_way_ STSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace stsfs::fs
