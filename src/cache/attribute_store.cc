#include "stsfs/cache/attribute_store.h"

#include <algorithm>
#include <vector>

#include "attribute_database.h"
#include "stsfs/base/log.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::cache {
namespace {

/// An object that is written twice within a second has one LastModified; Date may be a second off.
constexpr std::chrono::seconds kSameSecondRisk{2};
/// What we wrote has the LastModified of that moment, and the answer's Date is a little later.
constexpr std::chrono::seconds kWrittenSlack{1};
/// How long rows gather before they are written together.
constexpr std::chrono::milliseconds kGather{250};
constexpr std::size_t kRowsAtOnce = 2'000;
/// Rows that wait for the disk.
constexpr std::size_t kQueueMax = 50'000;
/// No object's key: OSS takes none that begins with a slash.
constexpr const char* kHiddenLinks = "/hidden-links";

bool same_but_write_ids(oss::UserMetadata a, oss::UserMetadata b) {
  a.erase(oss::kWriteIdName);
  b.erase(oss::kWriteIdName);
  return a == b;
}

}  // namespace

/// So that the header needs to know nothing of it.
class AttributeStore::Database {
 public:
  explicit Database(std::unique_ptr<AttributeDatabase> database) : to(std::move(database)) {}
  const std::unique_ptr<AttributeDatabase> to;
};

namespace {

std::unique_ptr<AttributeDatabase> open_or_do_without(const AttributeStoreOptions& options) {
  if (options.file.empty()) return nullptr;
  auto opened = AttributeDatabase::open(options.file, options.disk_rows_max);
  if (opened) return std::move(*opened);
  log_warning("cache", "attributes are not remembered over a restart: {}", opened.error().message);
  return nullptr;
}

}  // namespace

std::unique_ptr<AttributeStore> AttributeStore::open(AttributeStoreOptions options,
                                                     const Clock& clock) {
  return std::unique_ptr<AttributeStore>(new AttributeStore(std::move(options), clock));
}

// The analyzer loses sight of the pointer that the lambda returns.
// NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks)
AttributeStore::AttributeStore(AttributeStoreOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), database_([this]() -> std::unique_ptr<Database> {
        auto opened = open_or_do_without(options_);
        return opened ? std::make_unique<Database>(std::move(opened)) : nullptr;
      }()) {
  // NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)
  if (!database_) return;
  hidden_links_ = database_->to->find(kHiddenLinks).has_value();
  writer_ = std::thread([this] { run(); });
}

AttributeStore::~AttributeStore() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (writer_.joinable()) writer_.join();
}

bool AttributeStore::answers(const Row& row, const std::string& etag, WallTime last_modified) {
  if (row.meta.etag != etag) return false;
  // An entry that we noted ourselves.
  if (last_modified == WallTime{}) return row.written || row.confirmed;
  if (!row.written) return row.meta.last_modified == last_modified;
  const auto apart = row.meta.server_time - last_modified;
  return apart >= -kWrittenSlack && apart <= kWrittenSlack + std::chrono::seconds(1);
}

std::optional<oss::ObjectMeta> AttributeStore::find(const std::string& key, const std::string& etag,
                                                    WallTime last_modified, Where where) {
  const auto answer = [&](const Row& row) -> std::optional<oss::ObjectMeta> {
    if (!answers(row, etag, last_modified)) return std::nullopt;
    const bool recent = row.known != SteadyTime{} && clock_.steady() - row.known < options_.fresh;
    if (!row.kept && !recent) return std::nullopt;
    oss::ObjectMeta out = row.meta;
    if (last_modified != WallTime{}) out.last_modified = last_modified;
    return out;
  };
  {
    MutexLock lock(mutex_);
    if (const auto slot = slots_.find(key); slot != slots_.end()) {
      recently_used_.splice(recently_used_.begin(), recently_used_, slot->second.used);
      return answer(slot->second.row);
    }
    for (const auto* queue : {&queue_, &being_written_})
      if (const auto queued = queue->find(key); queued != queue->end())
        return queued->second ? answer(*queued->second) : std::nullopt;
  }
  if (where == Where::kMemory || !database_) return std::nullopt;
  auto found = database_->to->find(key);
  if (!found) return std::nullopt;
  const Row row{.meta = std::move(found->meta), .written = found->written};
  auto out = answer(row);
  if (!out) return std::nullopt;
  MutexLock lock(mutex_);
  if (!slots_.contains(key) && !queue_.contains(key)) remember(key, row);
  return out;
}

std::optional<oss::ObjectMeta> AttributeStore::find_proven(const std::string& key,
                                                           const std::string& etag,
                                                           WallTime last_modified, Where where) {
  auto out = find(key, etag, last_modified, where);
  MutexLock lock(mutex_);
  const auto slot = slots_.find(key);
  const bool proven = slot != slots_.end() && slot->second.row.kept;
  return proven ? out : std::nullopt;
}

void AttributeStore::put(const std::string& key, const oss::ObjectMeta& meta) {
  const bool kept = meta.server_time - meta.last_modified >= kSameSecondRisk;
  Row row{.meta = meta, .written = false, .kept = kept, .known = clock_.steady()};
  MutexLock lock(mutex_);
  if (const auto slot = slots_.find(key); slot != slots_.end()) {
    // An answer that was on its way while we wrote tells of before. Its time has whole seconds.
    const Row& before = slot->second.row;
    const WallTime known = before.meta.server_time;
    if (before.written ? known >= meta.server_time : known > meta.server_time) return;
    // So soon after our write it proves nothing beyond it, and what it says we knew.
    if (!kept && before.written && before.meta.etag == meta.etag &&
        same_but_write_ids(before.meta.headers.user, meta.headers.user)) {
      slot->second.row.known = row.known;
      return;
    }
    row.confirmed = (before.written || before.confirmed) && before.meta.etag == meta.etag;
  }
  keep(key, kept ? std::optional(row) : std::nullopt);
  remember(key, std::move(row));
}

void AttributeStore::put_written(const std::string& key, oss::ObjectMeta meta) {
  Row row{.meta = std::move(meta), .written = true, .kept = true, .known = clock_.steady()};
  MutexLock lock(mutex_);
  keep(key, row);
  remember(key, std::move(row));
}

std::optional<oss::ObjectMeta> AttributeStore::recent(const std::string& key) {
  MutexLock lock(mutex_);
  const auto slot = slots_.find(key);
  if (slot == slots_.end() || slot->second.row.known == SteadyTime{} ||
      clock_.steady() - slot->second.row.known >= options_.fresh)
    return std::nullopt;
  return slot->second.row.meta;
}

void AttributeStore::put_absent(const std::string& key) {
  MutexLock lock(mutex_);
  keep(key, std::nullopt);
  remember(key, {.kept = false, .known = clock_.steady()});
}

void AttributeStore::expire() {
  MutexLock lock(mutex_);
  for (auto& [key, slot] : slots_) slot.row.known = {};
}

void AttributeStore::note_hidden_link() {
  if (hidden_links_.exchange(true)) return;
  MutexLock lock(mutex_);
  keep(kHiddenLinks, Row{});
}

void AttributeStore::forget(const std::string& key) {
  MutexLock lock(mutex_);
  drop(key);
}

void AttributeStore::forget_below(const std::string& prefix) {
  MutexLock lock(mutex_);
  std::vector<std::string> keys;
  for (const std::string& key : recently_used_)
    if (key.starts_with(prefix)) keys.push_back(key);
  for (const auto* queue : {&queue_, &being_written_})
    for (auto at = queue->lower_bound(prefix); at != queue->end() && at->first.starts_with(prefix);
         ++at)
      keys.push_back(at->first);
  for (const std::string& key : keys) drop(key);
}

void AttributeStore::drop(const std::string& key) {
  keep(key, std::nullopt);
  const auto slot = slots_.find(key);
  if (slot == slots_.end()) return;
  recently_used_.erase(slot->second.used);
  slots_.erase(slot);
}

void AttributeStore::remember(const std::string& key, Row row) {
  const auto slot = slots_.find(key);
  if (slot != slots_.end()) {
    slot->second.row = std::move(row);
    recently_used_.splice(recently_used_.begin(), recently_used_, slot->second.used);
    return;
  }
  recently_used_.push_front(key);
  slots_.emplace(key, Slot{std::move(row), recently_used_.begin()});
  if (slots_.size() <= options_.memory_rows_max) return;
  slots_.erase(recently_used_.back());
  recently_used_.pop_back();
}

// --- the way to the disk ---

void AttributeStore::keep(const std::string& key, std::optional<Row> row) {
  if (!database_) return;
  if (row && queue_.size() >= kQueueMax) return;  // the disk is slow: it is asked for again later
  queue_[key] = std::move(row);
  if (queue_.size() == 1) wake_.notify_all();
}

void AttributeStore::run() {
  for (;;) {
    bool stopping = false;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) wake_.wait(mutex_);
      // However many there are: those of a moment ago are not to be written yet.
      if (!stopping_) wake_.wait_for(mutex_, kGather);
      stopping = stopping_;
    }
    while (write_some(stopping)) {
    }
    if (stopping) return;
  }
}

void AttributeStore::flush() {
  while (database_ && write_some(true)) {
  }
}

/// Returns whether there may be more to write now. What we wrote a moment ago stays queued, unless
/// it is to be `all`: a change that follows within the second could not be told from it.
bool AttributeStore::write_some(bool all) {
  std::map<std::string, std::optional<AttributeDatabase::Row>> rows;
  {
    MutexLock lock(mutex_);
    const SteadyTime now = clock_.steady();
    for (auto at = queue_.begin(); at != queue_.end() && rows.size() < kRowsAtOnce;) {
      const auto& row = at->second;
      if (!all && row && row->written && now - row->known < options_.settle) {
        ++at;
        continue;
      }
      rows[at->first] =
          row ? std::optional(AttributeDatabase::Row{row->meta, row->written}) : std::nullopt;
      being_written_[at->first] = std::move(at->second);
      at = queue_.erase(at);
    }
  }
  if (rows.empty()) return false;
  const auto seen = std::chrono::floor<std::chrono::seconds>(clock_.wall());
  auto done = database_->to->write(rows, seen.time_since_epoch().count());
  if (!done) log_debug("cache", "attributes could not be remembered: {}", done.error().message);
  MutexLock lock(mutex_);
  for (const auto& [key, row] : rows) being_written_.erase(key);
  return rows.size() == kRowsAtOnce;
}

}  // namespace stsfs::cache
