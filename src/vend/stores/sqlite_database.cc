#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <unordered_map>

#include <SQLiteCpp/SQLiteCpp.h>

#include "schema.h"
#include "sql.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/text.h"

namespace stsfs::vend {
namespace {

constexpr int kBusyTimeoutMs = 5'000;

tl::unexpected<Error> failure_of(const SQLite::Exception& error) {
  const int code = error.getErrorCode();
  const std::string text = std::string("user database: ") + error.what();
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return fail(Errc::kBusy, text);
  if (code == SQLITE_FULL) return fail(Errc::kNoSpace, text);
  return fail(Errc::kIo, text);
}

/// The library's edge: its exceptions end here.
template <class Work>
auto guarded(Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    return failure_of(error);
  } catch (const std::exception& error) {
    return fail(Errc::kIo, std::string("user database: ") + error.what());
  }
}

Result<void> check_private(const std::string& path, const struct stat& status) {
  if ((status.st_mode & 077) == 0) return {};
  return fail(Errc::kDenied, printable(path) + " holds password hashes, but its mode lets " +
                                 "others at it; remedy: chmod 600 '" + printable(path) + "'");
}

/// 0600 from the first moment, and refused when it is wider: it holds password hashes.
Result<void> make_private(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail_errno("open the user database " + printable(path));
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return fail_errno("stat " + printable(path));
  return check_private(path, status);
}

/// One connection, its statements prepared once. Each process has its own; WAL lets them work side
/// by side.
class SqliteDatabase final : public SqlDatabase {
 public:
  explicit SqliteDatabase(const std::string& path)
      : sqlite_(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeoutMs),
        session_(*this) {}

  Result<void> configure() {
    return guarded([&]() -> Result<void> {
      sqlite_.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");
      return {};
    });
  }
  /// The first schema kept people and tokens in tables of other names, tokens as blobs, times in
  /// seconds.
  Result<void> import_first_version() {
    return guarded([&]() -> Result<void> {
      SQLite::Transaction transaction(sqlite_, SQLite::TransactionBehavior::IMMEDIATE);
      if (sqlite_.execAndGet("PRAGMA user_version").getInt() != 1) return {};
      sqlite_.exec(
          "INSERT INTO people SELECT name, password, enabled, created_at*1000, '' FROM users;"
          "INSERT INTO logins SELECT lower(hex(hash)), user, 'mount', lower(hex(hash)), "
          "issued_at*1000, "
          "expires_at*1000, COALESCE(lower(hex(predecessor)), ''), used, 0 FROM tokens;"
          "DROP TABLE tokens; DROP TABLE users; PRAGMA user_version=2;");
      transaction.commit();
      return {};
    });
  }

  Result<SqlAnswer> run(const char* sql, const SqlValues& values) override {
    MutexLock lock(mutex_);
    return execute(sql, values);
  }

  Result<void> transact(const std::string&, const Work& work) override {
    MutexLock lock(mutex_);
    return guarded([&]() -> Result<void> {
      SQLite::Transaction transaction(sqlite_, SQLite::TransactionBehavior::IMMEDIATE);
      if (auto done = work(session_); !done) return done;
      transaction.commit();
      return {};
    });
  }

 private:
  /// What a transaction's work gets: the mutex is held around it.
  class Held final : public SqlSession {
   public:
    explicit Held(SqliteDatabase& database) : database_(database) {}
    Result<SqlAnswer> run(const char* sql, const SqlValues& values) override STSFS_NO_TSA {
      return database_.execute(sql, values);
    }

   private:
    SqliteDatabase& database_;
  };

  Result<SqlAnswer> execute(const char* sql, const SqlValues& values) STSFS_REQUIRES(mutex_) {
    return guarded([&]() -> Result<SqlAnswer> { return step(prepared(sql), values); });
  }
  SQLite::Statement& prepared(const char* sql) {
    auto found = statements_.find(sql);
    if (found == statements_.end()) found = statements_.try_emplace(sql, sqlite_, sql).first;
    return found->second;
  }
  SqlAnswer step(SQLite::Statement& statement, const SqlValues& values) {
    statement.reset();
    statement.clearBindings();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::string name = "$" + std::to_string(i + 1);
      std::visit([&](const auto& value) { statement.bind(name, value); }, values[i]);
    }
    SqlAnswer answer;
    while (statement.executeStep()) {
      auto& row = answer.rows.emplace_back();
      for (int i = 0; i < statement.getColumnCount(); ++i)
        row.push_back(statement.getColumn(i).getString());
    }
    answer.changed = sqlite_.getChanges();
    statement.reset();  // a statement that stands still holds a read lock
    return answer;
  }

  Mutex mutex_;                                                    // a leaf; held for a transaction
  SQLite::Database sqlite_;                                        // used under mutex_
  std::unordered_map<const char*, SQLite::Statement> statements_;  // used under mutex_
  Held session_;
};

}  // namespace

std::int64_t SqlAnswer::number(std::size_t row, std::size_t column) const {
  const std::string& text = rows[row][column];
  return text.empty() ? 0 : std::strtoll(text.c_str(), nullptr, 10);
}

Result<std::unique_ptr<SqlDatabase>> open_sqlite(const std::string& path) {
  if (auto made = make_private(path); !made) return fail(std::move(made.error()));
  return guarded([&]() -> Result<std::unique_ptr<SqlDatabase>> {
    auto database = std::make_unique<SqliteDatabase>(path);
    if (auto ready = database->configure(); !ready) return fail(std::move(ready.error()));
    if (auto ready = prepare_schema(*database); !ready) return fail(std::move(ready.error()));
    if (auto ready = database->import_first_version(); !ready)
      return fail(std::move(ready.error()));
    return database;
  });
}

Result<void> check_sqlite(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0) return check_private(path, status);
  if (errno == ENOENT) return {};
  return fail_errno("user database " + printable(path));
}

Result<void> check_database(const std::string& where) {
  return is_postgres(where) ? check_postgres(where) : check_sqlite(where);
}

Result<std::unique_ptr<SqlDatabase>> open_database(const std::string& where) {
  return is_postgres(where) ? open_postgres(where) : open_sqlite(where);
}

}  // namespace stsfs::vend
