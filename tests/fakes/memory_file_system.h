#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "stsfs/base/mutex.h"
#include "stsfs/fs/file_system.h"

namespace stsfs::fs {

/// A tree in memory behind the FileSystem contract: enough for programs to live on, and with
/// switches that show whether whoever drives it keeps its promises.
///
/// Threads: any. Switches may be set at any time.
class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();

  // --- switches ---
  /// Everything fails with kWouldWait unless waiting is allowed.
  std::atomic<bool> waits_always{false};
  /// Files are opened with FOPEN_DIRECT_IO: each read(2) is one request, and can be interrupted.
  std::atomic<bool> direct_io{false};
  /// Whatever is asked next fails with this, once; kWouldWait: nothing does.
  void fail_next(Errc code) STSFS_EXCLUDES(mutex_);
  /// Reads are parked until `release_reads`.
  void hold_reads() STSFS_EXCLUDES(mutex_);
  void release_reads() STSFS_EXCLUDES(mutex_);
  /// Who has written waits until `release_writers`.
  void hold_writers() STSFS_EXCLUDES(mutex_);
  void release_writers() STSFS_EXCLUDES(mutex_);
  /// Lookups, where they may wait, wait until `release_lookups`.
  void hold_lookups() STSFS_EXCLUDES(mutex_);
  void release_lookups() STSFS_EXCLUDES(mutex_);

  // --- what was seen ---
  std::size_t reads_held() const STSFS_EXCLUDES(mutex_);
  /// Waits until so many are held.
  void await_reads_held(std::size_t count) STSFS_EXCLUDES(mutex_);
  void await_writers_held(std::size_t count) STSFS_EXCLUDES(mutex_);
  /// Waits until so many are held at once. False: for so long they were not.
  bool await_lookups_held(std::size_t count, std::chrono::milliseconds most) STSFS_EXCLUDES(mutex_);
  /// Waits until every handle has been released.
  void await_handles_released() STSFS_EXCLUDES(mutex_);
  std::uint64_t lookups_of(InodeNumber inode) const STSFS_EXCLUDES(mutex_);
  std::uint64_t xattr_questions() const { return xattr_questions_; }
  Caller last_caller() const STSFS_EXCLUDES(mutex_);
  /// Of each flush, whether its caller held another descriptor for writing.
  std::vector<bool> held_at_close() const STSFS_EXCLUDES(mutex_);
  /// Changes the bytes as another client would: the kernel is not told.
  void replace_contents(const std::string& name, const std::string& bytes) STSFS_EXCLUDES(mutex_);
  InodeNumber inode_named(const std::string& name) const STSFS_EXCLUDES(mutex_);

  Result<Entry> lookup(const Context&, InodeNumber parent, std::string_view name) override;
  void forget(InodeNumber inode, std::uint64_t count) override;
  Result<Entry> mkdir(const Context&, InodeNumber parent, std::string_view name,
                      mode_t mode) override;
  Result<Entry> mknod(const Context&, InodeNumber parent, std::string_view name, mode_t mode,
                      dev_t rdev) override;
  Result<Entry> symlink(const Context&, InodeNumber parent, std::string_view name,
                        std::string_view target) override;
  Result<Entry> link(const Context&, InodeNumber inode, InodeNumber new_parent,
                     std::string_view new_name) override;
  Result<void> unlink(const Context&, InodeNumber parent, std::string_view name) override;
  Result<void> rmdir(const Context&, InodeNumber parent, std::string_view name) override;
  Result<void> rename(const Context&, InodeNumber parent, std::string_view name,
                      InodeNumber new_parent, std::string_view new_name, RenameMode mode) override;
  Result<std::string> readlink(const Context&, InodeNumber inode) override;
  Result<Entry> getattr(const Context&, InodeNumber inode) override;
  Result<Entry> setattr(const Context&, InodeNumber inode, std::optional<HandleNumber> handle,
                        const AttributeChange& change) override;
  Result<Statistics> statfs(const Context&) override;
  Result<std::string> getxattr(const Context&, InodeNumber inode, std::string_view name) override;
  Result<std::string> listxattr(const Context&, InodeNumber inode) override;
  Result<void> setxattr(const Context&, InodeNumber inode, std::string_view name,
                        std::string_view value, int flags) override;
  Result<void> removexattr(const Context&, InodeNumber inode, std::string_view name) override;
  Result<Opened> open(const Context&, InodeNumber inode, int flags) override;
  Result<std::pair<Entry, Opened>> create(const Context&, InodeNumber parent, std::string_view name,
                                          mode_t mode, int flags) override;
  void read(const Context&, HandleNumber handle, ByteRange range,
            Callback<std::span<const std::byte>> done) override;
  Result<std::size_t> write(const Context&, HandleNumber handle, std::span<const std::byte> bytes,
                            std::uint64_t offset) override;
  Result<void> write_back(const Context&, HandleNumber handle, std::span<const std::byte> bytes,
                          std::uint64_t offset) override;
  void pace(Callback<void> done) override;
  Result<std::uint64_t> copy_range(const Context&, HandleNumber from, ByteRange range,
                                   HandleNumber to, std::uint64_t to_offset) override;
  Result<void> allocate(const Context&, HandleNumber handle, ByteRange range,
                        Allocation kind) override;
  Result<std::optional<std::uint64_t>> seek(const Context&, HandleNumber handle,
                                            std::uint64_t offset, SeekTo what) override;
  void flush(const Context&, HandleNumber handle, const HoldsForWriting& holds,
             Callback<void> done) override;
  void fsync(const Context&, HandleNumber handle, bool data_only, Callback<void> done) override;
  void release(HandleNumber handle) override;
  Result<HandleNumber> opendir(const Context&, InodeNumber inode) override;
  Result<void> readdir(const Context&, HandleNumber handle, std::uint64_t cookie,
                       const DirectorySink& sink) override;
  Result<void> readdir_plus(
      const Context&, HandleNumber handle, std::uint64_t cookie,
      const std::function<bool(const DirectoryEntry&, const Entry&)>& sink) override;
  void releasedir(HandleNumber handle) override;
  void fsyncdir(const Context&, Callback<void> done) override;

 private:
  struct Node {
    Attributes attributes;
    std::string bytes;  // of a file, or a symbolic link's target
    std::map<std::string, InodeNumber, std::less<>> children;
    std::map<std::string, std::string, std::less<>> xattrs;
    std::uint64_t lookups = 0;
  };
  struct HeldRead {
    HandleNumber handle;
    ByteRange range;
    Callback<std::span<const std::byte>> done;
  };

  /// kWouldWait, the injected failure, or go ahead.
  Result<void> enter(const Context& context) STSFS_REQUIRES(mutex_);
  Result<Node*> directory(InodeNumber inode) STSFS_REQUIRES(mutex_);
  Result<Node*> child(InodeNumber parent, std::string_view name) STSFS_REQUIRES(mutex_);
  Result<Entry> make(const Context&, InodeNumber parent, std::string_view name, mode_t mode,
                     std::string bytes) STSFS_REQUIRES(mutex_);
  HandleNumber new_handle(InodeNumber inode) STSFS_REQUIRES(mutex_);
  Result<Node*> of(HandleNumber handle) STSFS_REQUIRES(mutex_);
  static Entry entry_of(const Node& node);
  void end_held(std::uint64_t number) STSFS_EXCLUDES(mutex_);
  std::vector<std::pair<std::string, InodeNumber>> listing(HandleNumber handle)
      STSFS_REQUIRES(mutex_);

  mutable Mutex mutex_;
  Condition changed_;
  std::map<InodeNumber, Node> nodes_ STSFS_GUARDED_BY(mutex_);
  std::map<HandleNumber, InodeNumber> handles_ STSFS_GUARDED_BY(mutex_);
  std::map<std::uint64_t, HeldRead> held_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t next_ STSFS_GUARDED_BY(mutex_) = 2;
  Errc fail_next_ STSFS_GUARDED_BY(mutex_) = Errc::kWouldWait;
  bool hold_reads_ STSFS_GUARDED_BY(mutex_) = false;
  bool hold_writers_ STSFS_GUARDED_BY(mutex_) = false;
  std::vector<Callback<void>> writers_held_ STSFS_GUARDED_BY(mutex_);
  bool hold_lookups_ STSFS_GUARDED_BY(mutex_) = false;
  std::size_t lookups_held_ STSFS_GUARDED_BY(mutex_) = 0;
  Caller last_caller_ STSFS_GUARDED_BY(mutex_);
  std::vector<bool> held_at_close_ STSFS_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> xattr_questions_{0};
};

}  // namespace stsfs::fs
