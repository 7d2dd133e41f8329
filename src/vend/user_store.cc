#include "user_store.h"

#include <fcntl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <array>

#include <SQLiteCpp/SQLiteCpp.h>

#include "stsfs/base/fd.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs::vend {
namespace {

constexpr int kBusyTimeoutMs = 5'000;
constexpr int kSchemaVersion = 1;
constexpr const char* kSchema = R"(
  CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, password TEXT NOT NULL, enabled INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS tokens (
    hash BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES users(name) ON DELETE CASCADE,
    issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    predecessor BLOB,              -- ends when this one is first used; then NULL
    used INTEGER NOT NULL DEFAULT 0);
  CREATE INDEX IF NOT EXISTS tokens_by_user ON tokens(user, issued_at);
  CREATE INDEX IF NOT EXISTS tokens_by_predecessor ON tokens(predecessor);
)";

using TokenHash = std::array<unsigned char, crypto_hash_sha256_BYTES>;

TokenHash hash_of(const Secret& token) {
  TokenHash hash{};
  const std::string_view text = token.reveal();
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return hash;
}

void bind_hash(SQLite::Statement& statement, int at, const TokenHash& hash) {
  statement.bind(at, hash.data(), static_cast<int>(hash.size()));
}

WallTime from_unix(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

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

tl::unexpected<Error> no_such_user(const std::string& name) {
  return fail(Errc::kNotFound, "there is no user " + printable(name));
}

/// 0600 from the first moment, and refused when it is wider: it holds password hashes.
Result<void> make_private(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail_errno("open the user database " + printable(path));
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return fail_errno("stat " + printable(path));
  if ((status.st_mode & 077) != 0)
    return fail(Errc::kDenied, printable(path) + " holds password hashes, but its mode lets " +
                                   "others at it; remedy: chmod 600 '" + printable(path) + "'");
  return {};
}

}  // namespace

struct UserStore::Database {
  explicit Database(const std::string& path)
      : sqlite(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeoutMs) {}

  Result<void> prepare(const std::string& path) {
    sqlite.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");
    const int version = sqlite.execAndGet("PRAGMA user_version").getInt();
    if (version > kSchemaVersion)
      return fail(Errc::kNotSupported, printable(path) + " was made by a newer stsfs-vend");
    SQLite::Transaction transaction(sqlite, SQLite::TransactionBehavior::IMMEDIATE);
    sqlite.exec(kSchema);
    sqlite.exec("PRAGMA user_version=" + std::to_string(kSchemaVersion));
    transaction.commit();
    return {};
  }

  void end_tokens_of(const std::string& name) {
    SQLite::Statement erase(sqlite, "DELETE FROM tokens WHERE user=?");
    erase.bind(1, name);
    erase.exec();
  }

  /// Inserts a new token and keeps the number of a user's tokens in bounds.
  IssuedToken insert(const std::string& name, std::int64_t now, std::chrono::seconds lifetime,
                     const TokenHash* predecessor) {
    IssuedToken issued{Secret("stsfs-" + random_hex(32)), from_unix(now + lifetime.count())};
    SQLite::Statement put(sqlite,
                          "INSERT INTO tokens(hash,user,issued_at,expires_at,predecessor) "
                          "VALUES(?,?,?,?,?)");
    bind_hash(put, 1, hash_of(issued.token));
    put.bind(2, name);
    put.bind(3, now);
    put.bind(4, now + lifetime.count());
    if (predecessor != nullptr) bind_hash(put, 5, *predecessor);
    put.exec();
    SQLite::Statement prune(sqlite,
                            "DELETE FROM tokens WHERE expires_at<=?1 OR (user=?2 AND hash NOT IN "
                            "(SELECT hash FROM tokens WHERE user=?2 "
                            " ORDER BY issued_at DESC, rowid DESC LIMIT ?3))");
    prune.bind(1, now);
    prune.bind(2, name);
    prune.bind(3, static_cast<std::int64_t>(kTokensPerUserMax));
    prune.exec();
    return issued;
  }

  SQLite::Database sqlite;
};

UserStore::UserStore(std::unique_ptr<Database> database, const Clock& clock)
    : clock_(clock), database_(std::move(database)) {}
UserStore::~UserStore() = default;

std::int64_t UserStore::now() const {
  return std::chrono::floor<std::chrono::seconds>(clock_.wall()).time_since_epoch().count();
}

Result<std::unique_ptr<UserStore>> UserStore::open(const std::string& path, const Clock& clock) {
  if (sodium_init() < 0) return fail(Errc::kIo, "libsodium could not start");
  if (auto made = make_private(path); !made) return fail(std::move(made.error()));
  return guarded([&]() -> Result<std::unique_ptr<UserStore>> {
    auto database = std::make_unique<Database>(path);
    if (auto prepared = database->prepare(path); !prepared)
      return fail(std::move(prepared.error()));
    return std::unique_ptr<UserStore>(new UserStore(std::move(database), clock));
  });
}

Result<void> UserStore::add(const std::string& name, const std::string& password_hash) {
  if (auto good = sts::check_user_name(name); !good) return good;
  MutexLock lock(mutex_);
  return guarded([&]() -> Result<void> {
    SQLite::Statement put(database_->sqlite,
                          "INSERT OR IGNORE INTO users(name,password,created_at) VALUES(?,?,?)");
    put.bind(1, name);
    put.bind(2, password_hash);
    put.bind(3, now());
    if (put.exec() == 0) return fail(Errc::kExists, "there is a user " + name + " already");
    return {};
  });
}

Result<void> UserStore::set_password(const std::string& name, const std::string& password_hash) {
  MutexLock lock(mutex_);
  return guarded([&]() -> Result<void> {
    SQLite::Transaction transaction(database_->sqlite, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement put(database_->sqlite, "UPDATE users SET password=? WHERE name=?");
    put.bind(1, password_hash);
    put.bind(2, name);
    if (put.exec() == 0) return no_such_user(name);
    database_->end_tokens_of(name);
    transaction.commit();
    return {};
  });
}

Result<void> UserStore::set_enabled(const std::string& name, bool enabled) {
  MutexLock lock(mutex_);
  return guarded([&]() -> Result<void> {
    SQLite::Transaction transaction(database_->sqlite, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement put(database_->sqlite, "UPDATE users SET enabled=? WHERE name=?");
    put.bind(1, enabled ? 1 : 0);
    put.bind(2, name);
    if (put.exec() == 0) return no_such_user(name);
    if (!enabled) database_->end_tokens_of(name);
    transaction.commit();
    return {};
  });
}

Result<std::vector<User>> UserStore::list() {
  MutexLock lock(mutex_);
  return guarded([&]() -> Result<std::vector<User>> {
    SQLite::Statement rows(database_->sqlite,
                           "SELECT name,enabled,created_at FROM users ORDER BY name");
    std::vector<User> users;
    while (rows.executeStep())
      users.push_back({rows.getColumn(0).getString(),
                       {},
                       rows.getColumn(1).getInt() != 0,
                       from_unix(rows.getColumn(2).getInt64())});
    return users;
  });
}

Result<std::optional<User>> UserStore::find(const std::string& name) {
  MutexLock lock(mutex_);
  return guarded([&]() -> Result<std::optional<User>> {
    SQLite::Statement row(database_->sqlite,
                          "SELECT password,enabled,created_at FROM users WHERE name=?");
    row.bind(1, name);
    if (!row.executeStep()) return std::nullopt;
    return User{name, row.getColumn(0).getString(), row.getColumn(1).getInt() != 0,
                from_unix(row.getColumn(2).getInt64())};
  });
}

Result<IssuedToken> UserStore::issue(const std::string& name, std::chrono::seconds lifetime) {
  MutexLock lock(mutex_);
  return guarded([&]() -> Result<IssuedToken> {
    SQLite::Transaction transaction(database_->sqlite, SQLite::TransactionBehavior::IMMEDIATE);
    IssuedToken issued = database_->insert(name, now(), lifetime, nullptr);
    transaction.commit();
    return issued;
  });
}

Result<std::optional<std::string>> UserStore::use(const Secret& token) {
  const TokenHash hash = hash_of(token);
  MutexLock lock(mutex_);
  return guarded([&]() -> Result<std::optional<std::string>> {
    SQLite::Statement row(database_->sqlite,
                          "SELECT user,used FROM tokens JOIN users ON users.name=tokens.user "
                          "WHERE hash=? AND expires_at>? AND enabled=1");
    bind_hash(row, 1, hash);
    row.bind(2, now());
    if (!row.executeStep()) return std::nullopt;
    const std::string name = row.getColumn(0).getString();
    const bool used = row.getColumn(1).getInt() != 0;
    row.reset();
    if (used) return name;
    SQLite::Transaction transaction(database_->sqlite, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement end(database_->sqlite,
                          "DELETE FROM tokens WHERE hash=(SELECT predecessor FROM tokens WHERE "
                          "hash=?)");
    bind_hash(end, 1, hash);
    end.exec();
    SQLite::Statement mark(database_->sqlite,
                           "UPDATE tokens SET used=1, predecessor=NULL WHERE hash=?");
    bind_hash(mark, 1, hash);
    if (mark.exec() == 0) return std::nullopt;  // ended this moment by another process
    transaction.commit();
    return name;
  });
}

Result<IssuedToken> UserStore::succeed(const Secret& token, const std::string& name,
                                       std::chrono::seconds lifetime) {
  const TokenHash hash = hash_of(token);
  MutexLock lock(mutex_);
  return guarded([&]() -> Result<IssuedToken> {
    SQLite::Transaction transaction(database_->sqlite, SQLite::TransactionBehavior::IMMEDIATE);
    SQLite::Statement forget(database_->sqlite,
                             "DELETE FROM tokens WHERE predecessor=? AND used=0");
    bind_hash(forget, 1, hash);
    forget.exec();
    IssuedToken issued = database_->insert(name, now(), lifetime, &hash);
    transaction.commit();
    return issued;
  });
}

}  // namespace stsfs::vend
