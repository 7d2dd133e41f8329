#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"
#include "stsfs/oss/object.h"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace stsfs::cache {

/// Rows of attributes in one SQLite file. It survives a kill at any moment (WAL).
///
/// Threads: every call at once on any thread; all may wait for the disk.
class AttributeDatabase {
 public:
  struct Row {
    oss::ObjectMeta meta;  ///< ETag, LastModified and server time included.
    bool written = false;
  };

  /// What is at `file` and is no database of ours is replaced, with a line in the log.
  ///
  /// Errors: the file cannot be made.
  static Result<std::unique_ptr<AttributeDatabase>> open(const std::string& file,
                                                         std::size_t rows_max);
  ~AttributeDatabase();

  std::optional<Row> find(const std::string& key) STSFS_EXCLUDES(mutex_);
  /// All or none of them; no row: erased. `now`: when they were seen, in seconds since 1970.
  Result<void> write(const std::map<std::string, std::optional<Row>>& rows, std::int64_t now)
      STSFS_EXCLUDES(mutex_);

 private:
  AttributeDatabase(std::string file, std::size_t rows_max);
  void begin() STSFS_REQUIRES(mutex_);
  void begin_anew(const char* why) STSFS_REQUIRES(mutex_);
  void shrink_to_bound() STSFS_REQUIRES(mutex_);

  const std::string file_;
  const std::size_t rows_max_;
  Mutex mutex_;  // a leaf; held while SQLite works
  std::unique_ptr<SQLite::Database> database_ STSFS_GUARDED_BY(mutex_);
  std::unique_ptr<SQLite::Statement> find_ STSFS_GUARDED_BY(mutex_);
  std::unique_ptr<SQLite::Statement> put_ STSFS_GUARDED_BY(mutex_);
  std::unique_ptr<SQLite::Statement> erase_ STSFS_GUARDED_BY(mutex_);
  std::size_t rows_ STSFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace stsfs::cache
