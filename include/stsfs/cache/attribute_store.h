#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/oss/object.h"

namespace stsfs::cache {

struct AttributeStoreOptions {
  std::string file;  ///< The database; empty: only memory. Its directory is made.
  std::size_t memory_rows_max = 20'000;
  std::size_t disk_rows_max = 1'000'000;  ///< About 400 bytes each; the oldest go first.
  /// How long an answer is good that may be outrun within its second; never kept on disk.
  std::chrono::milliseconds fresh{30'000};
  /// How long what we wrote waits for what may follow (a chmod) before it is kept on disk.
  std::chrono::milliseconds settle{3'000};
};

/// What only HeadObject tells of an object, remembered under (key, ETag, LastModified), in memory
/// and over restarts: as long as a listing shows the same, nobody has to ask.
///
/// LastModified has whole seconds, so an answer about an object that was written within 2 s of it
/// is no proof for later; it is only good for `fresh`. What we wrote ourselves we know.
///
/// The database is a cache: one that cannot be read is made anew, one that cannot be written is
/// done without; both are logged.
///
/// Threads: every call at once on any thread. Only `find` with kAnywhere may wait for the disk.
class AttributeStore {
 public:
  /// Errors: none; what is wrong with the file is logged.
  static std::unique_ptr<AttributeStore> open(AttributeStoreOptions options, const Clock& clock);
  /// Writes what is not on disk yet.
  ~AttributeStore();

  enum class Where { kMemory, kAnywhere };
  std::optional<oss::ObjectMeta> find(const std::string& key, const std::string& etag,
                                      WallTime last_modified, Where where) STSFS_EXCLUDES(mutex_);
  /// Less: what a HEAD said of it and no change within its second can have outrun, or what we
  /// wrote.
  std::optional<oss::ObjectMeta> find_proven(const std::string& key, const std::string& etag,
                                             WallTime last_modified, Where where)
      STSFS_EXCLUDES(mutex_);
  /// What was put within `fresh`, whatever a listing shows. An empty ETag: there is no such object.
  std::optional<oss::ObjectMeta> recent(const std::string& key) STSFS_EXCLUDES(mutex_);
  /// What a HEAD answered.
  void put(const std::string& key, const oss::ObjectMeta& meta) STSFS_EXCLUDES(mutex_);
  /// What we wrote: `meta.last_modified` is not known, but within a second of `server_time`.
  void put_written(const std::string& key, oss::ObjectMeta meta) STSFS_EXCLUDES(mutex_);
  /// A HEAD that found nothing; good for `fresh`.
  void put_absent(const std::string& key) STSFS_EXCLUDES(mutex_);
  void forget(const std::string& key) STSFS_EXCLUDES(mutex_);
  /// All whose keys begin with that. Those that only the disk has may stay: their LastModified
  /// tells what they are of.
  void forget_below(const std::string& prefix) STSFS_EXCLUDES(mutex_);
  /// What is only good for a while is good no more.
  void expire() STSFS_EXCLUDES(mutex_);

  /// Whether any object here is a symbolic link that a listing shows as a file: remembered with the
  /// rest, since then a listing alone does not tell what is a file.
  bool has_hidden_links() const { return hidden_links_.load(std::memory_order_relaxed); }
  void note_hidden_link();

  /// Waits until all that may be kept is on disk; for tests and measurements.
  void flush() STSFS_EXCLUDES(mutex_);

 private:
  class Database;
  struct Row {
    oss::ObjectMeta meta;
    bool written = false;    ///< By us.
    bool confirmed = false;  ///< A HEAD has told of what was written by us, after that.
    bool kept = true;        ///< Good for later, too.
    SteadyTime known;        ///< Since when.
  };
  struct Slot {
    Row row;
    std::list<std::string>::iterator used;
  };

  AttributeStore(AttributeStoreOptions options, const Clock& clock);
  static bool answers(const Row& row, const std::string& etag, WallTime last_modified);
  void remember(const std::string& key, Row row) STSFS_REQUIRES(mutex_);
  void keep(const std::string& key, std::optional<Row> row) STSFS_REQUIRES(mutex_);
  void drop(const std::string& key) STSFS_REQUIRES(mutex_);
  void run();
  bool write_some(bool all) STSFS_EXCLUDES(mutex_);

  const AttributeStoreOptions options_;
  const Clock& clock_;
  const std::unique_ptr<Database> database_;  // null: only memory
  std::atomic<bool> hidden_links_ = false;

  Mutex mutex_;  // a leaf but for the database's, which is never taken while it is held
  std::unordered_map<std::string, Slot> slots_ STSFS_GUARDED_BY(mutex_);
  std::list<std::string> recently_used_ STSFS_GUARDED_BY(mutex_);
  // On their way to the disk; no row: to be erased there.
  std::map<std::string, std::optional<Row>> queue_ STSFS_GUARDED_BY(mutex_);
  std::map<std::string, std::optional<Row>> being_written_ STSFS_GUARDED_BY(mutex_);
  bool stopping_ STSFS_GUARDED_BY(mutex_) = false;
  Condition wake_;
  std::thread writer_;
};

}  // namespace stsfs::cache
