#include "usage_store.h"

#include "user_store.h"

namespace stsfs::vend {
namespace {

Usage usage_in(const SqlAnswer& answer, std::size_t row, std::size_t column) {
  return {.bytes = static_cast<std::uint64_t>(answer.number(row, column)),
          .objects = static_cast<std::uint64_t>(answer.number(row, column + 1)),
          .counted_at = from_unix_ms(answer.number(row, column + 2))};
}

}  // namespace

Result<UsageTurn> UsageStore::begin(const std::string& folder, std::chrono::milliseconds every) {
  UsageTurn turn;
  auto done = database_.transact("usage:" + folder, [&](SqlSession& session) -> Result<void> {
    turn = {};
    const std::int64_t now = to_unix_ms(clock_.wall());
    auto found = session.run(
        "SELECT bytes,objects,counted_at,next_at FROM used_space WHERE folder=$1", {folder});
    if (!found) return fail(std::move(found.error()));
    if (!found->rows.empty()) {
      if (found->number(0, 2) > 0) turn.known = usage_in(*found, 0, 0);
      // Further away than it can be: the clock was set back.
      const std::chrono::milliseconds wait(found->number(0, 3) - now);
      if (wait.count() > 0 && wait <= every) {
        turn.wait = wait;
        return {};
      }
    }
    auto taken = session.run(
        "INSERT INTO used_space(folder,bytes,objects,counted_at,next_at) VALUES($1,0,0,0,$2) ON "
        "CONFLICT (folder) DO UPDATE SET next_at=$2",
        {folder, now + every.count()});
    if (!taken) return fail(std::move(taken.error()));
    turn.mine = true;
    turn.wait = every;
    return {};
  });
  if (!done) return fail(std::move(done.error()));
  return turn;
}

Result<void> UsageStore::put(const std::string& folder, std::uint64_t bytes,
                             std::uint64_t objects) {
  auto done =
      database_.run("UPDATE used_space SET bytes=$2, objects=$3, counted_at=$4 WHERE folder=$1",
                    {folder, static_cast<std::int64_t>(bytes), static_cast<std::int64_t>(objects),
                     to_unix_ms(clock_.wall())});
  if (!done) return fail(std::move(done.error()));
  return {};
}

Result<void> UsageStore::failed(const std::string& folder, std::chrono::milliseconds pause) {
  auto done = database_.run("UPDATE used_space SET next_at=$2 WHERE folder=$1 AND next_at>$2",
                            {folder, to_unix_ms(clock_.wall()) + pause.count()});
  if (!done) return fail(std::move(done.error()));
  return {};
}

Result<std::vector<FolderUsage>> UsageStore::list() {
  auto found = database_.run(
      "SELECT folder,bytes,objects,counted_at FROM used_space WHERE counted_at>0 ORDER BY folder",
      {});
  if (!found) return fail(std::move(found.error()));
  std::vector<FolderUsage> all;
  for (std::size_t row = 0; row < found->rows.size(); ++row)
    all.push_back({found->rows[row][0], usage_in(*found, row, 1)});
  return all;
}

}  // namespace stsfs::vend
