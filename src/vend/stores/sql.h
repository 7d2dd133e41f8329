#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "stsfs/base/result.h"

// The seam between what the server remembers and where. The SQL above it is written once, in what
// SQLite and PostgreSQL have in common: `$1` for a value, BIGINT, TEXT, ON CONFLICT, RETURNING.
namespace stsfs::vend {

using SqlValue = std::variant<std::int64_t, std::string>;
using SqlValues = std::vector<SqlValue>;

struct SqlAnswer {
  std::vector<std::vector<std::string>> rows;  ///< As text; there are no NULLs in our schema.
  std::int64_t changed = 0;                    ///< Rows that an INSERT, UPDATE or DELETE touched.

  std::int64_t number(std::size_t row, std::size_t column) const;
};

/// Where statements run: a database, or one transaction in it.
class SqlSession {
 public:
  virtual ~SqlSession() = default;
  /// One statement; `sql` must live as long as the program (it is the key of what is prepared).
  virtual Result<SqlAnswer> run(const char* sql, const SqlValues& values) = 0;
};

/// Threads: every call on any thread, and several processes, on several machines with PostgreSQL.
/// Errors:  kBusy when another process holds the database for long; kUnavailable when it cannot be
///          reached; kNoSpace; kIo. All within seconds.
class SqlDatabase : public SqlSession {
 public:
  using Work = std::function<Result<void>(SqlSession&)>;
  /// All of `work` or, when it fails, nothing. Transactions that name the same `lock` run one after
  /// the other, over all processes; with SQLite all do.
  virtual Result<void> transact(const std::string& lock, const Work& work) = 0;
};

/// `where`: a path is a SQLite file, made 0600 where it is missing, in a directory that exists;
/// `postgresql://…` or `host=… dbname=…` is a PostgreSQL. The schema is made or brought up to date.
/// Errors: kDenied when the file lets others at it; kNotSupported when a newer stsfs-vend made it.
Result<std::unique_ptr<SqlDatabase>> open_database(const std::string& where);

/// That it can be used, as far as that shows without making or changing anything: a PostgreSQL
/// answers, a SQLite file, where there is one, is private. Errors: as open_database.
Result<void> check_database(const std::string& where);

Result<void> check_sqlite(const std::string& path);
Result<void> check_postgres(const std::string& conninfo);
/// Only its form; libpq's own word on it would repeat it, with the password. Errors: kInvalid.
Result<void> check_conninfo(const std::string& conninfo);
Result<std::unique_ptr<SqlDatabase>> open_sqlite(const std::string& path);
Result<std::unique_ptr<SqlDatabase>> open_postgres(const std::string& conninfo);
bool is_postgres(const std::string& where);

}  // namespace stsfs::vend
