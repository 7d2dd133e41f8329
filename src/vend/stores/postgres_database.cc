#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstring>

#include "schema.h"
#include "sql.h"
#include "stsfs/base/handle.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/text.h"

namespace stsfs::vend {
namespace {

using PgConnection = Handle<PGconn, PQfinish>;
using PgResult = Handle<PGresult, PQclear>;

constexpr std::size_t kConnectionsMax = 8;
constexpr std::chrono::seconds kWaitForConnection{10};

struct Parameter {
  const char* name;
  const char* value;
};
// A server that is stopped, or a pooler in front of one that is away, takes what it is sent and
// says nothing. Its own time-outs come first where it lives.
constexpr std::chrono::seconds kAnswerTimeout{12};
// Bounds for whatever may hang: a connection attempt, a network that is gone, a lock, a statement.
constexpr std::array kBounds{Parameter{"connect_timeout", "5"},
                             Parameter{"keepalives_idle", "15"},
                             Parameter{"keepalives_interval", "5"},
                             Parameter{"keepalives_count", "3"},
                             Parameter{"tcp_user_timeout", "15000"},
                             Parameter{"options",
                                       "-c statement_timeout=10000 -c lock_timeout=5000 -c "
                                       "idle_in_transaction_session_timeout=15000 "
                                       "-c client_min_messages=warning"}};

tl::unexpected<Error> failure_of(PGconn* connection, const PGresult* result) {
  std::string text = result != nullptr ? PQresultErrorMessage(result) : "";
  if (text.empty()) text = PQerrorMessage(connection);
  text = "user database: " + printable(trim(text.substr(0, text.find('\n'))));
  if (PQstatus(connection) == CONNECTION_BAD) return fail(Errc::kUnavailable, text);
  const char* state = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  const std::string_view code = state != nullptr ? state : "";
  // PostgreSQL, appendix A: 53 insufficient resources, 55P03 and 57014 time-outs, 40 rolled back,
  // 57P0x going down.
  if (code == "53100") return fail(Errc::kNoSpace, text);
  if (code == "55P03" || code == "57014" || code.starts_with("40")) return fail(Errc::kBusy, text);
  if (code.starts_with("53") || code.starts_with("57P")) return fail(Errc::kUnavailable, text);
  return fail(Errc::kIo, text);
}

/// False: nothing has come by then.
bool wait_for_input(PGconn* connection, std::chrono::steady_clock::time_point until) {
  while (PQisBusy(connection) == 1) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd socket{PQsocket(connection), POLLIN, 0};
    if (left.count() <= 0 || poll(&socket, 1, static_cast<int>(left.count())) == 0) return false;
    if (PQconsumeInput(connection) == 0) return true;  // PQgetResult says why
  }
  return true;
}

/// The answer to what was sent; null when it does not come.
PgResult answer_of(PGconn* connection) {
  const auto until = std::chrono::steady_clock::now() + kAnswerTimeout;
  PgResult answer;
  while (wait_for_input(connection, until)) {
    PgResult next(PQgetResult(connection));
    if (!next) return answer;
    answer = std::move(next);
  }
  return nullptr;
}

tl::unexpected<Error> gone_silent(PGconn* connection) {
  // As libpq itself treats a connection that broke: PQstatus says so, and the pool drops it.
  shutdown(PQsocket(connection), SHUT_RDWR);
  (void)PQconsumeInput(connection);
  return fail(Errc::kUnavailable, "user database: no answer within 12 seconds");
}

Result<SqlAnswer> execute(PGconn* connection, const char* sql, const SqlValues& values) {
  std::vector<std::string> texts;
  texts.reserve(values.size());
  std::vector<const char*> pointers;
  for (const SqlValue& value : values) {
    const auto* number = std::get_if<std::int64_t>(&value);
    texts.push_back(number != nullptr ? std::to_string(*number) : std::get<std::string>(value));
    pointers.push_back(texts.back().c_str());
  }
  if (PQsendQueryParams(connection, sql, static_cast<int>(values.size()), nullptr, pointers.data(),
                        nullptr, nullptr, 0) == 0)
    return failure_of(connection, nullptr);
  const PgResult result = answer_of(connection);
  if (!result) return gone_silent(connection);
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
    return failure_of(connection, result.get());
  SqlAnswer answer;
  for (int i = 0; i < PQntuples(result.get()); ++i) {
    auto& row = answer.rows.emplace_back();
    for (int j = 0; j < PQnfields(result.get()); ++j)
      row.emplace_back(PQgetvalue(result.get(), i, j));
  }
  answer.changed = std::strtoll(PQcmdTuples(result.get()), nullptr, 10);
  return answer;
}

class PostgresSession final : public SqlSession {
 public:
  explicit PostgresSession(PGconn* connection) : connection_(connection) {}
  Result<SqlAnswer> run(const char* sql, const SqlValues& values) override {
    return execute(connection_, sql, values);
  }

 private:
  PGconn* const connection_;
};

/// A few connections, made when they are needed; one that broke is replaced.
class PostgresDatabase final : public SqlDatabase {
 public:
  explicit PostgresDatabase(std::string conninfo) : conninfo_(std::move(conninfo)) {}

  /// Alone, a statement may be repeated on a new connection only when it changes nothing.
  Result<SqlAnswer> run(const char* sql, const SqlValues& values) override {
    const bool repeatable = std::strncmp(sql, "SELECT", 6) == 0;
    for (int attempt = 1;; ++attempt) {
      auto connection = borrow();
      if (!connection) return fail(std::move(connection.error()));
      auto answer = execute(connection->get(), sql, values);
      const bool broken = give_back(std::move(*connection));
      if (answer || !broken || !repeatable || attempt == 2) return answer;
    }
  }

  Result<void> transact(const std::string& lock, const Work& work) override {
    auto connection = begin();
    if (!connection) return fail(std::move(connection.error()));
    auto done = run_locked(connection->get(), lock, work);
    if (!done) (void)execute(connection->get(), "ROLLBACK", {});
    give_back(std::move(*connection));
    return done;
  }

 private:
  static Result<void> run_locked(PGconn* connection, const std::string& lock, const Work& work) {
    auto locked =
        execute(connection, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", {lock});
    if (!locked) return fail(std::move(locked.error()));
    PostgresSession session(connection);
    if (auto done = work(session); !done) return done;
    if (auto committed = execute(connection, "COMMIT", {}); !committed)
      return fail(std::move(committed.error()));
    return {};
  }

  /// A connection that broke while it lay idle shows here, where nothing has happened yet.
  Result<PgConnection> begin() {
    for (int attempt = 1;; ++attempt) {
      auto connection = borrow();
      if (!connection) return connection;
      auto begun = execute(connection->get(), "BEGIN", {});
      if (begun) return connection;
      const bool broken = give_back(std::move(*connection));
      if (!broken || attempt == 2) return fail(std::move(begun.error()));
    }
  }

  Result<PgConnection> borrow() STSFS_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      const auto until = std::chrono::steady_clock::now() + kWaitForConnection;
      while (idle_.empty() && open_ >= kConnectionsMax)
        if (freed_.wait_until(mutex_, until) == std::cv_status::timeout)
          return fail(Errc::kBusy, "user database: all connections are in use");
      if (!idle_.empty()) {
        PgConnection connection = std::move(idle_.back());
        idle_.pop_back();
        return connection;
      }
      ++open_;
    }
    PgConnection connection(connect());
    if (PQstatus(connection.get()) == CONNECTION_OK) return connection;
    auto failure = failure_of(connection.get(), nullptr);
    give_back(std::move(connection));
    return failure;
  }
  PGconn* connect() {
    std::vector<const char*> names, values;
    for (const Parameter& bound : kBounds) {
      names.push_back(bound.name);
      values.push_back(bound.value);
    }
    // Expanded by libpq; being last, what it says goes before our bounds.
    names.insert(names.end(), {"dbname", nullptr});
    values.insert(values.end(), {conninfo_.c_str(), nullptr});
    return PQconnectdbParams(names.data(), values.data(), 1);
  }

  /// True when it is broken, and so was thrown away.
  bool give_back(PgConnection connection) STSFS_EXCLUDES(mutex_) {
    const bool broken = PQstatus(connection.get()) != CONNECTION_OK;
    MutexLock lock(mutex_);
    if (broken) {
      open_ -=
          1 + idle_.size();  // the idle ones broke with it, most likely, and would cost a try each
      idle_.clear();
    } else {
      idle_.push_back(std::move(connection));
    }
    freed_.notify_all();  // one that broke made room for several
    return broken;
  }

  const std::string conninfo_;
  Mutex mutex_;  // a leaf
  Condition freed_;
  std::vector<PgConnection> idle_ STSFS_GUARDED_BY(mutex_);
  std::size_t open_ STSFS_GUARDED_BY(mutex_) = 0;  ///< Idle or lent.
};

using PgOptions = Handle<PQconninfoOption, PQconninfoFree>;

/// Of a URL as libpq takes it apart: a password that is not percent-encoded puts a piece of itself
/// where the host or the database stands, and libpq shows those.
bool has_stray_at(std::string_view url) {
  url.remove_prefix(url.find("://") + 3);
  if (const auto user = url.find('@'); user < url.find('/')) url.remove_prefix(user + 1);
  return url.substr(0, url.find('?')).find('@') != std::string_view::npos;
}

}  // namespace

Result<void> check_conninfo(const std::string& conninfo) {
  const auto refused = [] {
    return fail(Errc::kInvalid,
                "is no connection string of PostgreSQL; in a URL a % is written %25, and in its "
                "user and password @ is %40 and / is %2F");
  };
  char* trouble = nullptr;
  const PgOptions options(PQconninfoParse(conninfo.c_str(), &trouble));
  const Handle<void, PQfreemem> owned(trouble);  // not shown: it may repeat the whole string
  if (!options) return refused();
  if (conninfo.starts_with("postgres") && has_stray_at(conninfo)) return refused();
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option)
    if (option->val != nullptr && std::string_view(option->keyword) == "port" &&
        std::string_view(option->val).find_first_not_of("0123456789,") != std::string_view::npos)
      return refused();
  return {};
}

bool is_postgres(const std::string& where) {
  return where.starts_with("postgresql://") || where.starts_with("postgres://") ||
         where.starts_with("host=") || where.starts_with("service=");
}

Result<void> check_postgres(const std::string& conninfo) {
  if (auto good = check_conninfo(conninfo); !good) return fail(std::move(good.error()), "database");
  if (auto answer = PostgresDatabase(conninfo).run("SELECT 1", {}); !answer)
    return fail(std::move(answer.error()));
  return {};
}

Result<std::unique_ptr<SqlDatabase>> open_postgres(const std::string& conninfo) {
  if (auto good = check_conninfo(conninfo); !good) return fail(std::move(good.error()), "database");
  auto database = std::make_unique<PostgresDatabase>(conninfo);
  if (auto ready = prepare_schema(*database); !ready) return fail(std::move(ready.error()));
  return database;
}

}  // namespace stsfs::vend
