#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stsfs/base/clock.h"
#include "stsfs/base/worker_pool.h"
#include "stsfs/fs/file_system.h"
#include "stsfs/fuse/notifier.h"

namespace stsfs::fuse {

struct SessionOptions {
  std::string mount_point;
  std::string source;  ///< What `mount` and `df` show.
  bool read_only = false;
  bool allow_other = false;
  /// Further options of the kernel, as in fstab: `nosuid`, `noatime`, …
  std::vector<std::string> kernel_options;
  int receivers = 0;          ///< Threads that take requests; 0: as many as CPUs, at most 4.
  int background_max = 64;    ///< Reads ahead and the like that the kernel has under way at once.
  int read_ahead_kib = 1024;  ///< Of the kernel; more than 128 takes root and is left out without.
  std::chrono::milliseconds metadata_timeout{30'000};
  std::chrono::milliseconds read_timeout{30'000};
  /// For what `fs` bounds by itself, by progress: commits (flush, fsync) and renames. This is the
  /// outer bound.
  std::chrono::milliseconds commit_timeout_max{std::chrono::hours{24}};
  bool debug = false;  ///< libfuse prints every request on stderr.

  Result<void> validate() const;
};

/// What passed between the kernel and us.
struct SessionCounters {
  std::uint64_t requests = 0;
  std::uint64_t handed_over = 0;  ///< Of them, to a thread that may wait.
  std::uint64_t errors = 0;       ///< Of them, of the kinds that are logged.
  int under_way = 0;
};

/// One mount: takes the kernel's requests, has `fs` carry them out, answers each exactly once.
///
/// A receiver thread first tries an operation without waiting; what would wait goes to the pool.
/// Reads, flush and fsync are answered by whichever thread completes them.
///
/// Threads:  every call on any thread.
/// Lifetime: `file_system`, `pool` and `notifier` outlive it; then the pool goes before the file
/// system,
///           because its tasks use that.
class Session {
 public:
  /// Mounts, and starts the receivers. `ended` is called once, on a thread of the session, when the
  /// kernel says that the mount is gone, for whatever reason; it must not block.
  ///
  /// Errors: kInvalid (options), kDenied, kIo: what the system refused, with the remedy where there
  /// is one.
  static Result<std::unique_ptr<Session>> mount(const SessionOptions& options,
                                                fs::FileSystem& file_system, WorkerPool& pool,
                                                Notifier& notifier, const Clock& clock,
                                                std::function<void()> ended);
  virtual ~Session() = default;  ///< Unmounts if need be; interrupts what is under way; joins.

  /// Takes the mount out of the tree. kBusy when files are open on it and `lazy` is false; with
  /// `lazy` it disappears at once and `ended` follows when the last of them is closed.
  virtual Result<void> unmount(bool lazy) = 0;
  /// Until the mount is gone or `deadline` has passed; true: it is gone.
  virtual bool wait_ended(Deadline deadline) = 0;
  /// Ends the waits of every operation that is under way and of those to come.
  virtual void interrupt_all() = 0;
  virtual SessionCounters counters() const = 0;
};

}  // namespace stsfs::fuse
