#pragma once

#include <utility>

#include "stsfs/base/mutex.h"
#include "tree.h"

namespace stsfs::fs {

/// While we ourselves put the same bytes of a file there as another version, or under another key,
/// until the tree has been told: what a look finds meanwhile may be that already, and changes
/// nothing. Taken for another client's it would part those who have the file open from those who
/// open it next. For a request that is answered soon: another client's changes do not show either.
///
/// Threads: any, without the tree's mutex.
class Replacing {
 public:
  Replacing(Tree& tree, InodePointer inode) : tree_(tree), inode_(std::move(inode)) {
    MutexLock lock(tree_.mutex);
    ++inode_->replacing;
  }
  ~Replacing() {
    MutexLock lock(tree_.mutex);
    --inode_->replacing;
  }
  Replacing(const Replacing&) = delete;
  Replacing& operator=(const Replacing&) = delete;

 private:
  Tree& tree_;
  const InodePointer inode_;
};

}  // namespace stsfs::fs
