#include "throttle.h"

#include <algorithm>

#include "stores/user_store.h"

namespace stsfs::vend {
namespace {

constexpr const char* kLock = "failures";
constexpr std::chrono::seconds kRetryWhenLocked{3'600};

struct Entry {
  std::int64_t failures = 0;
  std::int64_t last_at = 0;
  std::int64_t blocked_until = 0;
  bool locked = false;
};

std::int64_t ms(std::chrono::milliseconds duration) { return duration.count(); }

/// As it stands at `now`: what is long ago is forgotten, a lock is not.
Result<Entry> load(SqlSession& session, const Counted& counted, std::int64_t now) {
  auto found = session.run(
      "SELECT failures,last_at,blocked_until,locked FROM failures WHERE who=$1", {counted.who});
  if (!found) return fail(std::move(found.error()));
  if (found->rows.empty()) return Entry{};
  Entry entry{found->number(0, 0), found->number(0, 1), found->number(0, 2),
              found->number(0, 3) != 0};
  if (!entry.locked && now - entry.last_at > ms(counted.rules.forget_after)) return Entry{};
  return entry;
}

void count(Entry& entry, const ThrottleOptions& rules, std::int64_t now) {
  entry.last_at = now;
  ++entry.failures;
  if (entry.failures >= rules.free_failures) {
    std::chrono::seconds pause = rules.pause;
    for (std::int64_t i = rules.free_failures; i < entry.failures && pause < rules.pause_max; ++i)
      pause *= 2;
    entry.blocked_until = now + ms(std::min(pause, rules.pause_max));
  }
  entry.locked = rules.lock_after > 0 && entry.failures >= rules.lock_after;
}

Result<void> store(SqlSession& session, const std::string& who, const Entry& entry) {
  auto put = session.run(
      "INSERT INTO failures(who,failures,last_at,blocked_until,locked) VALUES($1,$2,$3,$4,$5) ON "
      "CONFLICT (who) DO "
      "UPDATE SET failures=$2, last_at=$3, blocked_until=$4, locked=$5",
      {who, entry.failures, entry.last_at, entry.blocked_until, std::int64_t{entry.locked}});
  if (!put) return fail(std::move(put.error()));
  return {};
}

/// A tenth goes at once, so that a flood of names does not cost a pass for each.
Result<void> make_room(SqlSession& session) {
  auto size = session.run("SELECT COUNT(*) FROM failures", {});
  if (!size) return fail(std::move(size.error()));
  if (size->number(0, 0) < Throttle::kEntriesMax) return {};
  auto freed = session.run(
      "DELETE FROM failures WHERE who IN (SELECT who FROM failures ORDER BY locked, last_at LIMIT "
      "$1)",
      {Throttle::kEntriesMax / 10});
  if (!freed) return fail(std::move(freed.error()));
  return {};
}

}  // namespace

Result<ThrottleVerdict> Throttle::attempt(const std::vector<Counted>& all) {
  ThrottleVerdict verdict;
  auto done = database_.transact(kLock, [&](SqlSession& session) -> Result<void> {
    const std::int64_t now = to_unix_ms(clock_.wall());
    if (auto room = make_room(session); !room) return room;
    std::vector<Entry> entries;
    for (const Counted& counted : all) {
      auto entry = load(session, counted, now);
      if (!entry) return fail(std::move(entry.error()));
      std::chrono::milliseconds wait(std::max<std::int64_t>(0, entry->blocked_until - now));
      if (entry->locked) wait = kRetryWhenLocked;
      verdict.locked = verdict.locked || entry->locked;
      verdict.wait = std::max(verdict.wait, std::chrono::ceil<std::chrono::seconds>(wait));
      entries.push_back(*entry);
    }
    if (verdict.wait.count() > 0) return {};
    for (std::size_t i = 0; i < all.size(); ++i) {
      count(entries[i], all[i].rules, now);
      if (auto stored = store(session, all[i].who, entries[i]); !stored) return stored;
    }
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return verdict;
}

Result<void> Throttle::passed(const std::string& cleared, const std::string& taken_back) {
  return database_.transact(kLock, [&](SqlSession& session) -> Result<void> {
    auto forgotten = session.run("DELETE FROM failures WHERE who=$1 OR (who=$2 AND failures<=1)",
                                 {cleared, taken_back});
    if (!forgotten) return fail(std::move(forgotten.error()));
    auto less = session.run("UPDATE failures SET failures=failures-1, blocked_until=0 WHERE who=$1",
                            {taken_back});
    if (!less) return fail(std::move(less.error()));
    return {};
  });
}

Result<void> Throttle::unlock(const std::string& who) {
  auto done = database_.run("DELETE FROM failures WHERE who=$1", {who});
  if (!done) return fail(std::move(done.error()));
  if (done->changed == 0) return fail(Errc::kNotFound, "nothing is counted against " + who);
  return {};
}

}  // namespace stsfs::vend
