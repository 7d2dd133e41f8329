#include "user_store.h"

#include <algorithm>

#include "stsfs/base/text.h"
#include "stsfs/sts/session_policy.h"

namespace stsfs::vend {
namespace {

constexpr std::size_t kGroupsOfUserMax = 100;

tl::unexpected<Error> no_such_user(const std::string& name) {
  return fail(Errc::kNotFound, "there is no user " + printable(name));
}

tl::unexpected<Error> exists(const std::string& name) {
  return fail(Errc::kExists, "there is a user " + name + " already");
}

/// One for all names that differ in case only: two of them do not come at once either.
std::string lock_of(const std::string& name) { return "user:" + to_lower(name); }

Result<void> check_groups(const std::vector<std::string>& groups) {
  if (groups.size() > kGroupsOfUserMax)
    return fail(Errc::kInvalid, "a user is in at most 100 groups");
  for (const auto& group : groups)
    if (auto good = check_group_name(group); !good) return good;
  return {};
}

Result<void> put_groups(SqlSession& session, const std::string& name,
                        const std::vector<std::string>& groups) {
  for (const auto& group : groups) {
    auto put = session.run(
        "INSERT INTO memberships(name,team) VALUES($1,$2) ON CONFLICT DO NOTHING", {name, group});
    if (!put) return fail(std::move(put.error()));
  }
  return {};
}

Result<void> replace_groups(SqlSession& session, const std::string& name,
                            const std::vector<std::string>& groups) {
  if (auto cleared = session.run("DELETE FROM memberships WHERE name=$1", {name}); !cleared)
    return fail(std::move(cleared.error()));
  return put_groups(session, name, groups);
}

Result<void> end_logins(SqlSession& session, const std::string& name) {
  auto done = session.run("DELETE FROM logins WHERE name=$1", {name});
  if (!done) return fail(std::move(done.error()));
  auto refused =
      session.run("UPDATE devices SET state='denied' WHERE name=$1 AND state='approved'", {name});
  if (!refused) return fail(std::move(refused.error()));
  return {};
}

/// In an existing database there may be such names; no new ones come. Compared here: what lower()
/// makes of a letter is for each database to say.
Result<void> check_no_lookalike(SqlSession& session, const std::string& name) {
  auto rows = session.run("SELECT name FROM people WHERE length(name)=$1",
                          {static_cast<std::int64_t>(name.size())});
  if (!rows) return fail(std::move(rows.error()));
  for (const auto& row : rows->rows)
    if (row[0] != name && equals_ignoring_case(row[0], name))
      return fail(Errc::kExists, "there is a user " + row[0] + " already, and " + name +
                                     " differs from it in case only: the two would be mixed up");
  return {};
}

/// name, password, enabled, created_at, origin, team: a row for each group, or one with none.
std::vector<User> users_of(const SqlAnswer& answer) {
  std::vector<User> users;
  for (std::size_t i = 0; i < answer.rows.size(); ++i) {
    const auto& row = answer.rows[i];
    if (users.empty() || users.back().name != row[0])
      users.push_back({row[0],
                       row[1],
                       answer.number(i, 2) != 0,
                       from_unix_ms(answer.number(i, 3)),
                       row[4],
                       {}});
    if (!row[5].empty()) users.back().groups.push_back(row[5]);
  }
  return users;
}

}  // namespace

std::int64_t to_unix_ms(WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}
WallTime from_unix_ms(std::int64_t milliseconds) {
  return WallTime(std::chrono::milliseconds(milliseconds));
}

Result<void> check_group_name(const std::string& name) {
  // A user's name with another lower bound: the same characters mean nothing anywhere.
  if (name.size() == 1 ? sts::check_user_name(name + name).has_value() && name != "."
                       : sts::check_user_name(name).has_value())
    return {};
  return fail(Errc::kInvalid,
              "a group name has 1 to 64 of a-z A-Z 0-9 . @ _ -, not " + printable(name));
}

Result<void> UserStore::add(const std::string& name, const std::string& password_hash,
                            const std::string& origin, const std::vector<std::string>& groups) {
  if (auto good = sts::check_user_name(name); !good) return good;
  if (auto good = check_groups(groups); !good) return good;
  return database_.transact(lock_of(name), [&](SqlSession& session) -> Result<void> {
    auto put = session.run(
        "INSERT INTO people(name,password,enabled,created_at,origin) VALUES($1,$2,1,$3,$4) ON "
        "CONFLICT DO NOTHING",
        {name, password_hash, to_unix_ms(clock_.wall()), origin});
    if (!put) return fail(std::move(put.error()));
    if (put->changed == 0) return exists(name);
    // The names of those who come with a token are the issuer's business.
    if (origin.empty())
      if (auto good = check_no_lookalike(session, name); !good) return good;
    return put_groups(session, name, groups);
  });
}

Result<void> UserStore::check_new(const std::string& name) {
  if (auto good = sts::check_user_name(name); !good) return good;
  auto known = find(name);
  if (!known) return fail(std::move(known.error()));
  if (*known) return exists(name);
  return check_no_lookalike(database_, name);
}

Result<bool> UserStore::replace_hash(const User& user, const std::string& password_hash) {
  auto put = database_.run("UPDATE people SET password=$1 WHERE name=$2 AND password=$3",
                           {password_hash, user.name, user.password_hash});
  if (!put) return fail(std::move(put.error()));
  return put->changed == 1;
}

Result<void> UserStore::change(const std::string& name, const UserChange& change) {
  if (change.groups)
    if (auto good = check_groups(*change.groups); !good) return good;
  return database_.transact(lock_of(name), [&](SqlSession& session) -> Result<void> {
    auto there = session.run("SELECT password,enabled FROM people WHERE name=$1", {name});
    if (!there) return fail(std::move(there.error()));
    if (there->rows.empty()) return no_such_user(name);
    auto put =
        session.run("UPDATE people SET password=$1, enabled=$2 WHERE name=$3",
                    {change.password_hash.value_or(there->rows[0][0]),
                     change.enabled ? std::int64_t{*change.enabled} : there->number(0, 1), name});
    if (!put) return fail(std::move(put.error()));
    if (change.groups)
      if (auto set = replace_groups(session, name, *change.groups); !set) return set;
    const bool ends = change.password_hash || (change.enabled && !*change.enabled);
    return ends ? end_logins(session, name) : Result<void>();
  });
}

Result<void> UserStore::remove(const std::string& name) {
  return database_.transact(lock_of(name), [&](SqlSession& session) -> Result<void> {
    auto gone = session.run("DELETE FROM people WHERE name=$1", {name});
    if (!gone) return fail(std::move(gone.error()));
    return gone->changed == 0 ? Result<void>(no_such_user(name)) : end_logins(session, name);
  });
}

Result<std::vector<User>> UserStore::list() {
  auto rows = database_.run(
      "SELECT people.name, '', enabled, created_at, origin, COALESCE(team, '') FROM people "
      "LEFT JOIN memberships ON memberships.name=people.name ORDER BY people.name, team",
      {});
  if (!rows) return fail(std::move(rows.error()));
  return users_of(*rows);
}

Result<std::optional<User>> UserStore::find(const std::string& name) {
  auto rows = database_.run(
      "SELECT people.name, password, enabled, created_at, origin, COALESCE(team, '') FROM people "
      "LEFT JOIN memberships ON memberships.name=people.name WHERE people.name=$1 ORDER BY team",
      {name});
  if (!rows) return fail(std::move(rows.error()));
  auto users = users_of(*rows);
  if (users.empty()) return std::nullopt;
  return std::move(users.front());
}

}  // namespace stsfs::vend
