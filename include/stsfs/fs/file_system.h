#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "stsfs/base/await.h"
#include "stsfs/base/byte_range.h"
#include "stsfs/base/callback.h"
#include "stsfs/base/clock.h"

namespace stsfs::fs {

enum class InodeNumber : std::uint64_t { kRoot = 1 };  // FUSE_ROOT_ID
enum class HandleNumber : std::uint64_t {};            // an open file or directory

/// Who asks.
struct Caller {
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  mode_t umask = 0;  ///< Only set where the kernel sends it (create, mkdir, mknod).
};

/// Whether an operation may wait for the network or the disk on this thread.
enum class Wait { kNever, kAllowed };

/// One operation in progress. With `Wait::kNever` it answers from memory or fails with kWouldWait,
/// having changed nothing; the caller then repeats it on a thread where waiting is allowed.
struct Context {
  Caller caller;
  Wait wait = Wait::kAllowed;
  Interrupt* interrupt = nullptr;  ///< Ends the waits of this operation; may be null.
  Deadline deadline;
};

/// Whether that process has the inode of the operation open for writing. May be asked during the
/// call only; may say no for want of knowledge.
using HoldsForWriting = std::function<bool(pid_t process)>;

struct Attributes {
  InodeNumber inode = InodeNumber::kRoot;
  mode_t mode = 0;  ///< With the type bits.
  std::uint32_t link_count = 1;
  uid_t uid = 0;
  gid_t gid = 0;
  dev_t rdev = 0;
  std::uint64_t size_bytes = 0;
  WallTime atime, mtime, ctime;
};

/// An answer about a name, and how long the kernel may rely on it.
struct Entry {
  Attributes attributes;
  std::chrono::milliseconds entry_timeout{0};
  std::chrono::milliseconds attribute_timeout{0};
};

/// What setattr changes; absent members stay. Times are given or "now".
struct Now {};
struct AttributeChange {
  std::optional<mode_t> mode;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<std::uint64_t> size_bytes;
  std::optional<std::variant<Now, WallTime>> atime;
  std::optional<std::variant<Now, WallTime>> mtime;
};

/// How the kernel is to treat an open file. Source: fuse_common.h, struct fuse_file_info.
struct Opened {
  HandleNumber handle{};
  bool keep_cache = false;  ///< Its pages are of this version.
  bool direct_io = false;
  bool no_flush = false;  ///< Nothing to report at close.
  /// The kernel has another size of the file, and appends there: it is to look the name up once
  /// more before it uses a handle. Not asked twice in a row of one thread: it may have no name.
  bool size_is_news = false;
};

struct Statistics {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t files = 0;
};

/// The inode number in `attributes` is what readdir(3) shows as d_ino; it need not be the file's.
struct DirectoryEntry {
  std::string_view name;
  std::uint64_t next_cookie = 0;  ///< Where a later readdir goes on after this entry.
  Attributes attributes;
};

/// Takes one entry; false: it does not fit any more and is to be given again at the next call.
using DirectorySink = std::function<bool(const DirectoryEntry&)>;

/// What fallocate(2) does with a range.
enum class Allocation {
  kReserve,  ///< Room for it; the size stays.
  kExtend,   ///< Room for it, and the file reaches to its end.
  kPunch,    ///< A hole; the size stays.
  kZero,     ///< Zeros; the file reaches to its end.
};

/// What lseek(2) looks for.
enum class SeekTo { kData, kHole };

enum class RenameMode { kReplace, kNoReplace, kExchange };

/// The longest value of an extended attribute that OSS could hold, in base64 and with nothing
/// beside it. Less may fit: kMetadataFull.
inline constexpr std::size_t kExtendedAttributeMax = 5 * 1024;

/// What each file operation means over objects. Knows neither FUSE nor curl.
///
/// Lookups are counted as FUSE counts them: every Entry returned by lookup, create, mkdir, symlink,
/// link, mknod and each entry given to a `readdir_plus` sink adds one (`.` and `..` do not),
/// `forget` takes them back.
///
/// Threads:  every call at once on any thread. `done` callbacks run on any thread, once, possibly
/// before the
///           call returns.
/// Errors:   kWouldWait as said at Context; kTimedOut at the deadline; kInterrupted. fuse maps them
/// to errno. Source:   POSIX.1-2017 for each operation's meaning; stsfs(7) where we differ.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // --- names ---
  virtual Result<Entry> lookup(const Context&, InodeNumber parent, std::string_view name) = 0;
  virtual void forget(InodeNumber inode, std::uint64_t count) = 0;
  virtual Result<Entry> mkdir(const Context&, InodeNumber parent, std::string_view name,
                              mode_t mode) = 0;
  virtual Result<Entry> mknod(const Context&, InodeNumber parent, std::string_view name,
                              mode_t mode, dev_t rdev) = 0;
  virtual Result<Entry> symlink(const Context&, InodeNumber parent, std::string_view name,
                                std::string_view target) = 0;
  virtual Result<Entry> link(const Context&, InodeNumber inode, InodeNumber new_parent,
                             std::string_view new_name) = 0;
  virtual Result<void> unlink(const Context&, InodeNumber parent, std::string_view name) = 0;
  virtual Result<void> rmdir(const Context&, InodeNumber parent, std::string_view name) = 0;
  virtual Result<void> rename(const Context&, InodeNumber parent, std::string_view name,
                              InodeNumber new_parent, std::string_view new_name,
                              RenameMode mode) = 0;
  virtual Result<std::string> readlink(const Context&, InodeNumber inode) = 0;

  // --- attributes ---
  virtual Result<Entry> getattr(const Context&, InodeNumber inode) = 0;
  /// `handle` when the change came through an open file (ftruncate, futimens).
  virtual Result<Entry> setattr(const Context&, InodeNumber inode,
                                std::optional<HandleNumber> handle,
                                const AttributeChange& change) = 0;
  virtual Result<Statistics> statfs(const Context&) = 0;
  virtual Result<std::string> getxattr(const Context&, InodeNumber inode,
                                       std::string_view name) = 0;
  /// Names, each ended by a NUL.
  virtual Result<std::string> listxattr(const Context&, InodeNumber inode) = 0;
  /// `flags` as setxattr(2): XATTR_CREATE, XATTR_REPLACE.
  virtual Result<void> setxattr(const Context&, InodeNumber inode, std::string_view name,
                                std::string_view value, int flags) = 0;
  virtual Result<void> removexattr(const Context&, InodeNumber inode, std::string_view name) = 0;

  // --- files; `flags` as open(2) ---
  virtual Result<Opened> open(const Context&, InodeNumber inode, int flags) = 0;
  virtual Result<std::pair<Entry, Opened>> create(const Context&, InodeNumber parent,
                                                  std::string_view name, mode_t mode,
                                                  int flags) = 0;
  /// The bytes are valid only while `done` runs; fewer than asked for only at the end of the file.
  virtual void read(const Context&, HandleNumber handle, ByteRange range,
                    Callback<std::span<const std::byte>> done) = 0;
  virtual Result<std::size_t> write(const Context&, HandleNumber handle,
                                    std::span<const std::byte> bytes, std::uint64_t offset) = 0;
  /// What was changed through a mapping, page by page. It has its place, O_APPEND or not, and what
  /// lies behind the end of the file is dropped.
  virtual Result<void> write_back(const Context&, HandleNumber handle,
                                  std::span<const std::byte> bytes, std::uint64_t offset) = 0;
  /// `done` when who has just written may go on: at once while there is room, later when it gets
  /// scarce, after a bounded time in any case.
  virtual void pace(Callback<void> done) { done({}); }
  /// The bytes `from` of one file become those at `to_offset` of another, as copy_file_range(2).
  /// Returns how many. kNotSupported when the caller must read and write them itself.
  virtual Result<std::uint64_t> copy_range(const Context&, HandleNumber from, ByteRange range,
                                           HandleNumber to, std::uint64_t to_offset) = 0;
  virtual Result<void> allocate(const Context&, HandleNumber handle, ByteRange range,
                                Allocation kind) = 0;
  /// nullopt when there is none up to the end of the file (ENXIO).
  virtual Result<std::optional<std::uint64_t>> seek(const Context&, HandleNumber handle,
                                                    std::uint64_t offset, SeekTo what) = 0;
  /// close(2) of one descriptor: the file's data is where the commit mode says, or why not. While
  /// the caller, or who opened the handle, `holds` another descriptor of it, a close that commits
  /// is still to come, and this one need not.
  virtual void flush(const Context&, HandleNumber handle, const HoldsForWriting& holds,
                     Callback<void> done) = 0;
  virtual void fsync(const Context&, HandleNumber handle, bool data_only, Callback<void> done) = 0;
  /// The last descriptor of the handle is gone. Never waits; a commit still owed is started.
  virtual void release(HandleNumber handle) = 0;

  // --- directories ---
  virtual Result<HandleNumber> opendir(const Context&, InodeNumber inode) = 0;
  /// Entries after `cookie` (0: from the start, `.` and `..` included), until the sink is full or
  /// none are left.
  virtual Result<void> readdir(const Context&, HandleNumber handle, std::uint64_t cookie,
                               const DirectorySink& sink) = 0;
  /// The same with lookups counted and full attributes. An entry with inode number 0 is a name and
  /// a type: nobody knows more without asking, and no lookup is counted for it.
  virtual Result<void> readdir_plus(
      const Context&, HandleNumber handle, std::uint64_t cookie,
      const std::function<bool(const DirectoryEntry&, const Entry&)>& sink) = 0;
  virtual void releasedir(HandleNumber handle) = 0;
  /// What was acknowledged of names until now survives a loss of power.
  virtual void fsyncdir(const Context&, Callback<void> done) = 0;
};

/// Tells the kernel that what it remembers is no longer so. Implemented by `fuse`, called by `fs`.
///
/// Threads: any; never with an inode lock held. The work is done on a thread of its own.
class KernelNotifier {
 public:
  virtual ~KernelNotifier() = default;
  virtual void inode_changed(InodeNumber inode) = 0;
  virtual void entry_changed(InodeNumber parent, std::string_view name) = 0;
};

}  // namespace stsfs::fs
