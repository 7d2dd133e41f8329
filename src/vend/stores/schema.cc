#include "schema.h"

#include <array>

#include "stsfs/base/text.h"

// Times are milliseconds since 1970. Tokens and device codes are here as SHA-256 in hex only.
namespace stsfs::vend {
namespace {

constexpr std::uint64_t kSchemaVersion = 2;

constexpr std::array kTables{
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    // origin: '' for a password, or the issuer whose tokens the person comes with
    "CREATE TABLE IF NOT EXISTS people (name TEXT PRIMARY KEY, password TEXT NOT NULL, enabled "
    "BIGINT NOT NULL, "
    "created_at BIGINT NOT NULL, origin TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS memberships (name TEXT NOT NULL REFERENCES people(name) ON DELETE "
    "CASCADE, "
    "team TEXT NOT NULL, PRIMARY KEY (name, team))",
    // family: all that descend from one login. ended_at: when a successor was first used; 0 while
    // it is good
    "CREATE TABLE IF NOT EXISTS logins (hash TEXT PRIMARY KEY, name TEXT NOT NULL REFERENCES "
    "people(name) ON DELETE "
    "CASCADE, kind TEXT NOT NULL, family TEXT NOT NULL, issued_at BIGINT NOT NULL, expires_at "
    "BIGINT NOT NULL, "
    "predecessor TEXT NOT NULL, used BIGINT NOT NULL, ended_at BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS logins_by_name ON logins(name, issued_at)",
    "CREATE INDEX IF NOT EXISTS logins_by_predecessor ON logins(predecessor)",
    "CREATE TABLE IF NOT EXISTS failures (who TEXT PRIMARY KEY, failures BIGINT NOT NULL, last_at "
    "BIGINT NOT NULL, "
    "blocked_until BIGINT NOT NULL, locked BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS devices (hash TEXT PRIMARY KEY, user_code TEXT NOT NULL UNIQUE, "
    "address TEXT NOT "
    "NULL, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, polled_at BIGINT NOT NULL, "
    "pause_ms BIGINT NOT "
    "NULL, state TEXT NOT NULL, name TEXT NOT NULL)",
    // counted_at: 0 before the first time. next_at: nobody counts until then
    "CREATE TABLE IF NOT EXISTS used_space (folder TEXT PRIMARY KEY, bytes BIGINT NOT NULL, "
    "objects BIGINT NOT NULL, counted_at BIGINT NOT NULL, next_at BIGINT NOT NULL)"};

}  // namespace

Result<void> prepare_schema(SqlDatabase& database) {
  return database.transact("schema", [](SqlSession& session) -> Result<void> {
    for (const char* table : kTables)
      if (auto made = session.run(table, {}); !made) return fail(std::move(made.error()));
    auto version = session.run("SELECT value FROM meta WHERE name='schema'", {});
    if (!version) return fail(std::move(version.error()));
    if (version->rows.empty()) {
      auto put = session.run("INSERT INTO meta(name,value) VALUES('schema',$1)",
                             {std::to_string(kSchemaVersion)});
      if (!put) return fail(std::move(put.error()));
      return {};
    }
    if (parse_u64(version->rows[0][0]).value_or(0) > kSchemaVersion)
      return fail(Errc::kNotSupported, "the user database was made by a newer stsfs-vend");
    return {};
  });
}

}  // namespace stsfs::vend
