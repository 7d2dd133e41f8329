#pragma once

#include <vector>

#include "stsfs/base/mutex.h"
#include "stsfs/fs/file_system.h"
#include "tree.h"

namespace stsfs::fs {

/// Keeps inodes in the tree that the kernel may not know, or forget, as if it had looked them up.
///
/// Threads: one at a time, without the tree's mutex.
class KeptInodes {
 public:
  /// `folder` is the one that `tree` is of; both outlive this.
  KeptInodes(FileSystem& folder, Tree& tree) : folder_(folder), tree_(tree) {}
  ~KeptInodes() {
    for (auto inode = inodes_.rbegin(); inode != inodes_.rend(); ++inode)
      folder_.forget((*inode)->number, 1);
  }
  KeptInodes(const KeptInodes&) = delete;
  KeptInodes& operator=(const KeptInodes&) = delete;

  /// False when it is in the tree no more.
  bool add(const InodePointer& inode) STSFS_EXCLUDES(tree_.mutex) {
    MutexLock lock(tree_.mutex);
    if (tree_.find(inode->number) != inode) return false;
    ++inode->lookups;
    inodes_.push_back(inode);
    return true;
  }

 private:
  FileSystem& folder_;
  Tree& tree_;
  std::vector<InodePointer> inodes_;
};

}  // namespace stsfs::fs
