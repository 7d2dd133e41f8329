#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stsfs/fs/file_system.h"
#include "stsfs/oss/object_store.h"
#include "stsfs/staging/commit_plan.h"

namespace stsfs::fs {

/// What a close(2) that succeeded means.
enum class CommitMode {
  kClose,       ///< The file is in OSS.
  kBackground,  ///< It is in the journal, and goes to OSS by itself.
};

struct FolderOptions {
  std::string prefix;  ///< Empty or ends in `/`.
  bool read_only = false;
  bool symlink_objects = true;          ///< False on buckets with a hierarchical namespace.
  bool hierarchical_namespace = false;  ///< Of the bucket: the server can rename.
  std::uint64_t quota_bytes = 0;        ///< 0: none.
  std::uint64_t used_bytes = 0;
  bool acls_hidden = false;  ///< The credential may not read access control lists: nobody asks.

  // What an object without attributes is shown with:
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t file_mode = 0644;
  mode_t directory_mode = 0755;

  // What new files are put with; empty: as the bucket says.
  std::string storage_class;
  std::string acl;

  std::chrono::milliseconds fresh{
      30'000};  ///< How long names, attributes and listings are believed.
  std::chrono::milliseconds open_fresh{1'000};  ///< `open` confirms what was confirmed longer ago.
  std::chrono::milliseconds metadata_timeout{30'000};
  std::chrono::milliseconds read_timeout{30'000};
  std::chrono::seconds commit_timeout{60};  ///< Without progress.

  std::uint64_t read_memory_bytes = 0;  ///< For what is read and fetched ahead; 64 MiB at least.
  int prefetches_max = 32;              ///< Requests ahead of their readers at once.

  CommitMode commit = CommitMode::kClose;
  bool hard_links = true;  ///< A file may be given several names; those it has are always read.
  std::size_t fresh_links_max =
      10'000;                     ///< Further names that only the journal has; more wait for OSS.
  bool strict_exclusive = false;  ///< O_EXCL is decided in OSS before the create returns.
  bool sync_close = false;        ///< What close(2) acknowledges survives a loss of power at once.
  staging::PlanOptions plan;      ///< How a changed file becomes an object.

  /// Beyond this many the kernel is told to forget those that it has not used for long.
  std::size_t inodes_max = 50'000;
  std::string attribute_file;  ///< Remembers attributes over restarts; empty: nothing does.

  std::string staging_directory;           ///< Local, private; made when absent.
  std::uint64_t staging_budget_bytes = 0;  ///< 0: what the disk has.
};

/// One file, or one change of the tree, that is not in OSS as it is here.
struct PendingFile {
  std::string path;
  std::uint64_t bytes = 0;
  std::string last_error;  ///< Empty while all goes well.
  std::string doing{};  ///< Of a change of the tree: "to be deleted", …; empty: bytes to be sent.
  bool aside = false;   ///< It can never be brought to OSS, and is kept for a rescue.
};

/// What reading keeps in memory.
struct ReadMemory {
  std::uint64_t budget_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t highest_bytes = 0;  ///< Of `used_bytes`, ever.
  std::uint64_t taken_away = 0;     ///< Blocks that had to make room for others.
  std::uint64_t waiting = 0;        ///< Reads that wait for room.
};

/// A prefix of a bucket as a file tree.
///
/// Lifetime: the store and the clock outlive it. `stop` before the kernel's session or the engine
/// goes.
class MountedFolder : public FileSystem {
 public:
  /// Takes over what an earlier daemon left in the staging directory.
  ///
  /// Errors: the staging directory, or the journal in it, cannot be used.
  static Result<std::unique_ptr<MountedFolder>> make(oss::ObjectStore& store, Scheduler& scheduler,
                                                     const Clock& clock,
                                                     const FolderOptions& options);

  /// One listing of the prefix: shows that the credential, the bucket and the network are good.
  /// What a loss of power left is looked for in OSS then; before it is not to be seen.
  virtual Result<void> probe(Deadline deadline, Interrupt* interrupt) = 0;

  /// Who is told when something changed behind the kernel's back; may be set once, before the first
  /// request.
  virtual void set_notifier(KernelNotifier* notifier) = 0;
  virtual void set_read_only(bool read_only) = 0;
  /// What `statfs` tells from now on; a quota of 0: none.
  virtual void set_space(std::uint64_t quota_bytes, std::uint64_t used_bytes) = 0;

  virtual std::vector<PendingFile> pending() const = 0;
  virtual ReadMemory read_memory() const = 0;
  /// Names that were come across and are not shown, since there are too many that are longer than a
  /// name here, or two look the same; up to 10,000.
  virtual std::size_t names_left_out() const = 0;
  /// Starts every commit that is owed and waits until nothing is pending, or until the deadline.
  virtual Result<void> drain(Deadline deadline) = 0;
  /// Forgets what is known of names and attributes at `path` and below ("": everywhere), so that
  /// the next question goes to OSS.
  virtual void refresh(const std::string& path) = 0;
  void refresh() { refresh(""); }
  /// Starts bringing what an earlier daemon left to OSS. Once, when the folder is known to be good.
  virtual void resume() = 0;
  /// Ends everything under way. What the journal knows is taken over by the next daemon.
  virtual void stop() = 0;
};

}  // namespace stsfs::fs
