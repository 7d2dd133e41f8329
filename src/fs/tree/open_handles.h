#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "content/file_content.h"
#include "directory_view.h"
#include "stsfs/base/mutex.h"
#include "tree.h"

namespace stsfs::fs {

/// A file as one open(2) has it. Keeps the content that it opened, whatever the inode has by now.
struct FileHandle {
  InodePointer inode;
  std::shared_ptr<FileContent> content;
  int flags = 0;
  pid_t opener = 0;
  std::uint64_t last_change = 0;  // of the content's, that it made; 0: none
  bool paged = false;             // reads through the kernel's pages
  bool filled = false;            // by a write, not only made or emptied
  bool closed = false;            // one of its descriptors was
  // Its first read shows that the kernel has heard of this open, and dropped the pages of another
  // version: from then on it has those of this one. Empty when it kept what it had.
  std::string fills;
  std::atomic<bool> is_first_read{true};
};
using FileHandlePointer = std::shared_ptr<FileHandle>;

/// A directory as one opendir(3) has it.
struct DirectoryHandle {
  InodePointer inode;
  Mutex mutex;  // before a listing's
  std::shared_ptr<DirectoryView> view STSFS_GUARDED_BY(mutex);
};
using DirectoryHandlePointer = std::shared_ptr<DirectoryHandle>;

/// The files and directories that are open, by the numbers under which the kernel knows them. No
/// number is given twice.
///
/// Threads: every call at once on any thread. Who has found a handle may use it on when it is
/// released meanwhile.
class OpenHandles {
 public:
  HandleNumber add(FileHandlePointer file) STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return add(files_, std::move(file));
  }
  HandleNumber add(DirectoryHandlePointer directory) STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return add(directories_, std::move(directory));
  }

  /// Null when no file is open under this number.
  FileHandlePointer file(HandleNumber number) const STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return find(files_, number);
  }
  /// Null when no directory is open under this number.
  DirectoryHandlePointer directory(HandleNumber number) const STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return find(directories_, number);
  }

  std::vector<DirectoryHandlePointer> directories() const STSFS_EXCLUDES(mutex_) {
    std::vector<DirectoryHandlePointer> out;
    MutexLock lock(mutex_);
    out.reserve(directories_.size());
    for (const auto& [number, directory] : directories_) out.push_back(directory);
    return out;
  }

  /// The same, which nobody finds any more.
  FileHandlePointer take_file(HandleNumber number) STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return take(files_, number);
  }
  DirectoryHandlePointer take_directory(HandleNumber number) STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return take(directories_, number);
  }

 private:
  template <class Pointer>
  using Table = std::unordered_map<std::uint64_t, Pointer>;

  template <class Pointer>
  HandleNumber add(Table<Pointer>& table, Pointer handle) STSFS_REQUIRES(mutex_) {
    const std::uint64_t number = next_++;
    table.emplace(number, std::move(handle));
    return static_cast<HandleNumber>(number);
  }
  template <class Pointer>
  static Pointer find(const Table<Pointer>& table, HandleNumber number) {
    const auto found = table.find(static_cast<std::uint64_t>(number));
    return found == table.end() ? nullptr : found->second;
  }
  template <class Pointer>
  static Pointer take(Table<Pointer>& table, HandleNumber number) {
    auto taken = table.extract(static_cast<std::uint64_t>(number));
    return taken.empty() ? nullptr : std::move(taken.mapped());
  }

  mutable Mutex mutex_;  // a leaf
  Table<FileHandlePointer> files_ STSFS_GUARDED_BY(mutex_);
  Table<DirectoryHandlePointer> directories_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t next_ STSFS_GUARDED_BY(mutex_) = 1;
};

}  // namespace stsfs::fs
