#include "attribute_database.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <SQLiteCpp/SQLiteCpp.h>

#include "attribute_row.h"
#include "stsfs/base/log.h"

namespace stsfs::cache {
namespace {

constexpr int kSchemaVersion = 1;
constexpr int kBusyTimeoutMs = 2'000;
/// Of the database's own cache, in KiB.
constexpr int kPageCacheKib = 8'192;
/// How much goes at once when there are too many rows.
constexpr std::size_t kShrinkDivisor = 10;

constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS attributes (
    key BLOB PRIMARY KEY, etag TEXT NOT NULL, modified INTEGER NOT NULL, server_time INTEGER NOT NULL,
    written INTEGER NOT NULL, seen INTEGER NOT NULL, meta BLOB NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS attributes_seen ON attributes(seen);
)";

std::int64_t stored_seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}
WallTime time_of(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

bool is_damage(const SQLite::Exception& error) {
  const int code = error.getErrorCode();
  return code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_MISMATCH ||
         code == SQLITE_SCHEMA || code == SQLITE_ERROR;
}

}  // namespace

AttributeDatabase::AttributeDatabase(std::string file, std::size_t rows_max)
    : file_(std::move(file)), rows_max_(rows_max) {}
AttributeDatabase::~AttributeDatabase() = default;

Result<std::unique_ptr<AttributeDatabase>> AttributeDatabase::open(const std::string& file,
                                                                   std::size_t rows_max) {
  std::error_code error;
  const auto directory = std::filesystem::path(file).parent_path();
  std::filesystem::create_directories(directory, error);
  if (!error) ::chmod(directory.c_str(), S_IRWXU);  // names of files are nobody else's business
  std::unique_ptr<AttributeDatabase> out(new AttributeDatabase(file, rows_max));
  MutexLock lock(out->mutex_);
  try {
    out->begin();
  } catch (const SQLite::Exception& first) {
    if (!is_damage(first)) return fail(Errc::kIo, file + ": " + first.what());
    try {
      out->begin_anew(first.what());
    } catch (const SQLite::Exception& second) {
      return fail(Errc::kIo, file + ": " + second.what());
    }
  }
  return out;
}

void AttributeDatabase::begin() {
  database_ = std::make_unique<SQLite::Database>(
      file_, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeoutMs);
  ::chmod(file_.c_str(), S_IRUSR | S_IWUSR);
  database_->exec("PRAGMA journal_mode=WAL");
  database_->exec("PRAGMA synchronous=NORMAL");
  database_->exec("PRAGMA cache_size=-" + std::to_string(kPageCacheKib));
  const int version = database_->execAndGet("PRAGMA user_version").getInt();
  if (version != 0 && version != kSchemaVersion)
    database_->exec("DROP TABLE IF EXISTS attributes");  // of another version: it is a cache
  database_->exec(kSchema);
  database_->exec("PRAGMA user_version=" + std::to_string(kSchemaVersion));
  find_ = std::make_unique<SQLite::Statement>(
      *database_, "SELECT etag,modified,server_time,written,meta FROM attributes WHERE key=?");
  put_ = std::make_unique<SQLite::Statement>(
      *database_, "INSERT OR REPLACE INTO attributes VALUES (?,?,?,?,?,?,?)");
  erase_ = std::make_unique<SQLite::Statement>(*database_, "DELETE FROM attributes WHERE key=?");
  rows_ =
      static_cast<std::size_t>(database_->execAndGet("SELECT count(*) FROM attributes").getInt64());
}

void AttributeDatabase::begin_anew(const char* why) {
  log_warning("cache",
              "what was remembered of attributes in {} cannot be read and is made anew: {}", file_,
              why);
  find_.reset();
  put_.reset();
  erase_.reset();
  database_.reset();
  for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((file_ + suffix).c_str());
  begin();
}

std::optional<AttributeDatabase::Row> AttributeDatabase::find(const std::string& key) {
  MutexLock lock(mutex_);
  try {
    if (!find_) return std::nullopt;
    find_->reset();
    find_->bindNoCopy(1, key.data(), static_cast<int>(key.size()));
    if (!find_->executeStep()) return std::nullopt;
    const SQLite::Column bytes = find_->getColumn(4);
    auto meta = decode_meta(
        {static_cast<const char*>(bytes.getBlob()), static_cast<std::size_t>(bytes.getBytes())});
    if (!meta) return std::nullopt;
    Row out{.meta = std::move(*meta), .written = find_->getColumn(3).getInt() != 0};
    out.meta.etag = find_->getColumn(0).getString();
    out.meta.last_modified = time_of(find_->getColumn(1).getInt64());
    out.meta.server_time = time_of(find_->getColumn(2).getInt64());
    find_->reset();
    return out;
  } catch (const SQLite::Exception& error) {
    if (!is_damage(error)) return std::nullopt;  // busy, or the disk: a HEAD tells, too
    try {
      begin_anew(error.what());
    } catch (const SQLite::Exception&) {
      find_.reset();  // from here on only memory remembers
    }
    return std::nullopt;
  }
}

Result<void> AttributeDatabase::write(const std::map<std::string, std::optional<Row>>& rows,
                                      std::int64_t now) {
  MutexLock lock(mutex_);
  if (!find_) return {};
  try {
    SQLite::Transaction transaction(*database_);
    for (const auto& [key, row] : rows) {
      SQLite::Statement& statement = row ? *put_ : *erase_;
      statement.reset();
      statement.bindNoCopy(1, key.data(), static_cast<int>(key.size()));
      std::string bytes;
      if (row) {
        bytes = encode_meta(row->meta);
        statement.bind(2, row->meta.etag);
        statement.bind(3, stored_seconds(row->meta.last_modified));
        statement.bind(4, stored_seconds(row->meta.server_time));
        statement.bind(5, row->written ? 1 : 0);
        statement.bind(6, now);
        statement.bindNoCopy(7, bytes.data(), static_cast<int>(bytes.size()));
        ++rows_;
      }
      statement.exec();
    }
    find_->reset();
    put_->reset();
    erase_->reset();
    transaction.commit();
    if (rows_ > rows_max_) shrink_to_bound();
    return {};
  } catch (const SQLite::Exception& error) {
    const std::string text = error.what();
    if (is_damage(error)) {
      try {
        begin_anew(text.c_str());
        return {};
      } catch (const SQLite::Exception&) {
        find_.reset();
      }
    }
    return fail(error.getErrorCode() == SQLITE_FULL ? Errc::kNoSpace : Errc::kIo, text);
  }
}

/// `rows_` counts replaced ones twice, so that it is only looked at closely when it may be much.
void AttributeDatabase::shrink_to_bound() {
  rows_ =
      static_cast<std::size_t>(database_->execAndGet("SELECT count(*) FROM attributes").getInt64());
  if (rows_ <= rows_max_) return;
  const std::size_t surplus = rows_ - rows_max_ + rows_max_ / kShrinkDivisor;
  database_->exec(
      "DELETE FROM attributes WHERE key IN (SELECT key FROM attributes ORDER BY seen LIMIT " +
      std::to_string(surplus) + ")");
  rows_ -= std::min(rows_, surplus);
}

}  // namespace stsfs::cache
