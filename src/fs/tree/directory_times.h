#pragma once

#include <functional>
#include <set>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"
#include "tree.h"

namespace stsfs::fs {

/// When the entries of directories changed. Known here at once; brought to OSS lazily, one copy of
/// a directory's object for all that happened meanwhile, because it is worth no request per file.
/// Not journalled: a kill takes the last half minute of it, and nothing else.
///
/// Threads:  every call at once on any thread, and without the tree's mutex but for `take`. `store`
///           runs with no lock held, on the scheduler's thread or the caller's.
/// Lifetime: tree, scheduler and clock outlive it. `stop` before what `store` uses goes.
class DirectoryTimes {
 public:
  /// Brings a directory's times to OSS, without waiting for it.
  using Store = std::function<void(const InodePointer&)>;

  DirectoryTimes(Tree& tree, Scheduler& scheduler, const Clock& clock, Store store);
  ~DirectoryTimes() { stop(); }

  /// An entry of it came or went.
  void entries_changed(const InodePointer& directory) STSFS_EXCLUDES(mutex_);
  /// What OSS does not have yet goes there now. Returns when nothing of it is still on its way to
  /// `store` on any thread; not to be called from there.
  void store_all() STSFS_EXCLUDES(mutex_);
  /// The same of one directory, and without waiting for others.
  void store(const InodePointer& directory) STSFS_EXCLUDES(mutex_);
  /// The caller sees to them, or they went along with something else. False: nothing was owed.
  bool take(const InodePointer& directory) STSFS_EXCLUDES(mutex_);
  void stop() STSFS_EXCLUDES(mutex_);

 private:
  void store_late() STSFS_EXCLUDES(mutex_);
  void stored() STSFS_EXCLUDES(mutex_);

  Tree& tree_;
  Scheduler& scheduler_;
  const Clock& clock_;
  const Store store_;

  Mutex mutex_;                                           // a leaf
  std::set<InodePointer> late_ STSFS_GUARDED_BY(mutex_);  // their times are newer here than in OSS
  int storing_ STSFS_GUARDED_BY(mutex_) = 0;              // who has taken some, and not stored them
  Condition stored_;
  Transfer timer_ STSFS_GUARDED_BY(mutex_);  // when that is made good
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace stsfs::fs
