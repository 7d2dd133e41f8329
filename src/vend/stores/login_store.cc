#include "login_store.h"

#include <sodium.h>

#include <array>

#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "user_store.h"

namespace stsfs::vend {
namespace {

// Ended ones are kept to know them again; with the good ones a user has no more than so many.
constexpr std::int64_t kRowsPerUserMax = 4 * LoginStore::kPerUserMax;
constexpr std::size_t kIdSize = 16;

const char* name_of(LoginKind kind) { return kind == LoginKind::kWeb ? "web" : "mount"; }

/// Once more under the lock: checking a password takes its time, in which the user may have been
/// disabled or have got another one, and whoever did that counts on all logins being ended.
Result<void> check_admitted(SqlSession& session, const std::string& name,
                            const std::string* proven) {
  auto user = session.run("SELECT password FROM people WHERE name=$1 AND enabled=1", {name});
  if (!user) return fail(std::move(user.error()));
  if (user->rows.empty()) return fail(Errc::kCredential, "the user is not admitted any more");
  if (proven != nullptr && user->rows[0][0] != *proven)
    return fail(Errc::kBusy, "the password of " + name + " was changed while it was checked");
  return {};
}

}  // namespace

std::string hash_of(const Secret& token) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  const std::string_view text = token.reveal();
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return hex_lower(std::as_bytes(std::span(hash)));
}

std::int64_t LoginStore::now() const { return to_unix_ms(clock_.wall()); }

Result<IssuedToken> LoginStore::insert(SqlSession& session, const std::string& name, LoginKind kind,
                                       const std::string& family, const std::string& predecessor,
                                       std::chrono::seconds lifetime) {
  const std::int64_t expires_at = now() + std::chrono::milliseconds(lifetime).count();
  IssuedToken issued{Secret("stsfs-" + random_hex(32)), from_unix_ms(expires_at)};
  const std::string hash = hash_of(issued.token);
  auto put = session.run(
      "INSERT INTO logins(hash,name,kind,family,issued_at,expires_at,predecessor,used,ended_at) "
      "VALUES($1,$2,$3,$4,$5,$6,$7,0,0)",
      {hash, name, std::string(name_of(kind)), family.empty() ? hash : family, now(), expires_at,
       predecessor});
  if (!put) return fail(std::move(put.error()));
  auto pruned = session.run(
      "DELETE FROM logins WHERE name=$1 AND (expires_at<=$2 OR hash IN (SELECT hash FROM logins "
      "WHERE name=$1 AND "
      "kind=$3 AND ended_at=0 AND hash<>$6 ORDER BY issued_at DESC LIMIT 1000000 OFFSET $4) OR "
      "hash IN (SELECT hash "
      "FROM logins WHERE name=$1 AND hash<>$6 ORDER BY issued_at DESC LIMIT 1000000 OFFSET $5))",
      {name, now(), std::string(name_of(kind)), kPerUserMax - 1, kRowsPerUserMax, hash});
  if (!pruned) return fail(std::move(pruned.error()));
  return issued;
}

Result<IssuedToken> LoginStore::issue(const std::string& name, std::chrono::seconds lifetime,
                                      LoginKind kind, const std::string* proven) {
  Result<IssuedToken> issued = IssuedToken{};
  auto done = database_.transact("user:" + name, [&](SqlSession& session) -> Result<void> {
    if (auto admitted = check_admitted(session, name, proven); !admitted) return admitted;
    issued = insert(session, name, kind, {}, {}, lifetime);
    if (!issued) return fail(issued.error());
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return issued;
}

Result<std::optional<Login>> LoginStore::use(const Secret& token, LoginKind kind,
                                             std::string* reused) {
  const std::string hash = hash_of(token);
  auto found = database_.run(
      "SELECT logins.name,expires_at,used,ended_at FROM logins JOIN people ON "
      "people.name=logins.name "
      "WHERE hash=$1 AND kind=$2 AND expires_at>$3 AND enabled=1",
      {hash, std::string(name_of(kind)), now()});
  if (!found) return fail(std::move(found.error()));
  if (found->rows.empty()) return std::nullopt;
  const std::string name = found->rows[0][0];
  if (const std::int64_t ended_at = found->number(0, 3); ended_at != 0) {
    if (now() - ended_at <= std::chrono::milliseconds(kReuseGrace).count()) return std::nullopt;
    if (reused != nullptr) *reused = name;
    auto ended = database_.transact("user:" + name,
                                    [&](SqlSession& session) { return end_family(session, hash); });
    if (!ended) return fail(std::move(ended.error()));
    return std::nullopt;
  }
  if (found->number(0, 2) == 0)
    if (auto used = first_use(hash, name); !used) return fail(std::move(used.error()));
  return Login{name, from_unix_ms(found->number(0, 1))};
}

Result<void> LoginStore::first_use(const std::string& hash, const std::string& name) {
  return database_.transact("user:" + name, [&](SqlSession& session) -> Result<void> {
    auto ended = session.run(
        "UPDATE logins SET ended_at=$1 WHERE ended_at=0 AND hash=(SELECT predecessor FROM logins "
        "WHERE hash=$2)",
        {now(), hash});
    if (!ended) return fail(std::move(ended.error()));
    auto marked = session.run("UPDATE logins SET used=1 WHERE hash=$1", {hash});
    if (!marked) return fail(std::move(marked.error()));
    return {};
  });
}

Result<IssuedToken> LoginStore::succeed(const Secret& token, std::chrono::seconds lifetime) {
  const std::string hash = hash_of(token);
  auto found = database_.run("SELECT name,family FROM logins WHERE hash=$1", {hash});
  if (!found) return fail(std::move(found.error()));
  if (found->rows.empty()) return fail(Errc::kCredential, "the login has ended");
  const std::string name = found->rows[0][0];
  Result<IssuedToken> issued = IssuedToken{};
  auto done = database_.transact("user:" + name, [&](SqlSession& session) -> Result<void> {
    // Once more under the lock: it may have been ended, or its user disabled, in between.
    auto good = session.run("SELECT hash FROM logins WHERE hash=$1 AND ended_at=0", {hash});
    if (!good) return fail(std::move(good.error()));
    if (good->rows.empty()) return fail(Errc::kCredential, "the login has ended");
    auto forgotten = session.run("DELETE FROM logins WHERE predecessor=$1 AND used=0", {hash});
    if (!forgotten) return fail(std::move(forgotten.error()));
    issued = insert(session, name, LoginKind::kMount, found->rows[0][1], hash, lifetime);
    if (!issued) return fail(issued.error());
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return issued;
}

Result<void> LoginStore::end_family(SqlSession& session, const std::string& hash) {
  auto done = session.run(
      "DELETE FROM logins WHERE family=(SELECT family FROM logins WHERE hash=$1)", {hash});
  if (!done) return fail(std::move(done.error()));
  return {};
}

Result<void> LoginStore::end(const Secret& token) { return end_family(database_, hash_of(token)); }

Result<std::vector<LoginSummary>> LoginStore::list(const std::string& name) {
  auto rows = database_.run(
      "SELECT hash,name,issued_at,expires_at FROM logins WHERE ($1='' OR name=$1) AND kind='mount' "
      "AND ended_at=0 "
      "AND expires_at>$2 ORDER BY issued_at DESC LIMIT 10000",
      {name, now()});
  if (!rows) return fail(std::move(rows.error()));
  std::vector<LoginSummary> out;
  for (std::size_t i = 0; i < rows->rows.size(); ++i)
    out.push_back({rows->rows[i][0].substr(0, kIdSize), rows->rows[i][1],
                   from_unix_ms(rows->number(i, 2)), from_unix_ms(rows->number(i, 3))});
  return out;
}

Result<void> LoginStore::revoke(const std::string& id) {
  if (id.size() != kIdSize || !hex_decode(id))
    return fail(Errc::kInvalid, "a login's id has 16 hex digits");
  auto done = database_.run(
      "DELETE FROM logins WHERE family IN (SELECT family FROM logins WHERE hash LIKE $1)",
      {to_lower(id) + "%"});
  if (!done) return fail(std::move(done.error()));
  if (done->changed == 0) return fail(Errc::kNotFound, "there is no login " + id);
  return {};
}

Result<void> LoginStore::sweep() {
  auto done = database_.run("DELETE FROM logins WHERE expires_at<=$1", {now()});
  if (!done) return fail(std::move(done.error()));
  return {};
}

}  // namespace stsfs::vend
