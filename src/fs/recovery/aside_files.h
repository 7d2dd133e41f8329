#pragma once

#include <string>
#include <utility>
#include <vector>

#include "stsfs/base/mutex.h"
#include "stsfs/fs/mounted_folder.h"
#include "stsfs/staging/extent_map.h"
#include "stsfs/staging/journal.h"
#include "stsfs/staging/staging_area.h"

namespace stsfs::fs {

/// What can never be committed: it is kept for `stsfs rescue`, which may take it away.
///
/// Threads:  every call at once on any thread.
/// Lifetime: the area outlives it.
class AsideFiles {
 public:
  explicit AsideFiles(const staging::StagingArea& area) : area_(area) {}

  /// `is_here`: what is staged of it can be read.
  void add(staging::JournalEntry note, bool is_here) STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    files_.push_back({std::move(note), is_here});
  }

  /// Those that were not taken away since.
  std::vector<PendingFile> pending() const STSFS_EXCLUDES(mutex_) {
    std::vector<File> files;
    {
      MutexLock lock(mutex_);
      files = files_;
    }
    std::vector<PendingFile> out;
    for (const auto& [note, was_here] : files)
      if (!was_here || area_.has(note.staged_name))
        out.push_back({.path = note.path,
                       .bytes = staging::ExtentMap(note.extents).staged_bytes(),
                       .last_error = note.aside,
                       .aside = true});
    return out;
  }

 private:
  struct File {
    staging::JournalEntry note;
    bool was_here = true;  // when it was set aside
  };

  const staging::StagingArea& area_;
  mutable Mutex mutex_;  // a leaf
  std::vector<File> files_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fs
