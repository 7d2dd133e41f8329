// One thread deletes, in batches that read like straight-line code; it starts with the first
// removal. A batch goes when no further one has come for `linger`, when its first has waited for
// `linger_max`, when it is full, or when somebody waits for it.

#include "removals.h"

#include <algorithm>

#include "fan_out.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

constexpr std::size_t kLooksAtOnce = 64;
constexpr std::chrono::seconds kSecond{1};  // as fine as OSS tells times

std::string directory_of(std::string_view key) {
  if (key.ends_with('/')) key.remove_suffix(1);
  const auto slash = key.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(key.substr(0, slash + 1));
}

void note_that_it_stays(const std::string& key) {
  log_info("fs", "{} was removed here and written again by another client: it stays",
           printable(key));
}

/// What a later attempt will not change.
bool is_final(Errc code) {
  return code == Errc::kDenied || code == Errc::kInvalid || code == Errc::kNotSupported;
}

}  // namespace

Removals::Removals(oss::ObjectStore& store, Scheduler& scheduler, const Clock& clock,
                   staging::NameJournal& journal, RemovalOptions options)
    : BehindJournal(scheduler, options.retry_backoff, options.retry_backoff_max),
      store_(store),
      clock_(clock),
      journal_(journal),
      options_(std::move(options)) {
  MutexLock lock(mutex_);
  for (const staging::RemovalEntry& entry : journal.removals())
    pending_[entry.key] = Pending{.entry = entry};
}

// --- what the operations ask ---

Result<void> Removals::add(const std::vector<Removal>& removals) {
  std::vector<staging::RemovalEntry> entries;
  for (const Removal& removal : removals) {
    // What was there before under this name first.
    auto before = await<void>(&ending_, [&](Callback<void> done) {
      before_write(removal.key, std::move(done));
      return Transfer();
    });
    if (!before) return before;
    entries.push_back({.id = journal_.next_id(),
                       .key = removal.key,
                       .etag = removal.etag,
                       .removed_at = clock_.wall(),
                       .directory_has_marker = removal.directory_has_marker});
  }
  const SteadyTime since = clock_.steady();
  auto noted = await<void>(nullptr, [&](Callback<void> done) {
    journal_.add(entries, std::move(done));
    return Transfer();
  });
  if (!noted) return noted;
  bool wait = false;
  {
    MutexLock lock(mutex_);
    if (stopped_) return {};  // the next daemon goes on
    wait = denied_;
    for (std::size_t i = 0; i < entries.size(); ++i)
      pending_[entries[i].key] = Pending{
          .entry = entries[i], .since = since, .by_name = removals[i].by_name, .is_new = true};
    last_added_ = since;
    wake();
  }
  if (!wait) return {};
  for (const staging::RemovalEntry& entry : entries) {
    auto gone = await<void>(&ending_, [&](Callback<void> done) {
      settle(entry.key, std::move(done));
      return Transfer();
    });
    if (!gone) return gone;
  }
  return {};
}

void Removals::hold(const std::string& key) {
  MutexLock lock(mutex_);
  ++held_[key];
}

void Removals::release(const std::string& key) {
  MutexLock lock(mutex_);
  const auto found = held_.find(key);
  if (found == held_.end()) return;
  if (--found->second == 0) held_.erase(found);
  if (!pending_.empty()) wake();
}

bool Removals::hides(std::string_view key, std::string_view etag) const {
  MutexLock lock(mutex_);
  const auto found = pending_.find(key);
  return found != pending_.end() && may_be_same_version(found->second.entry.etag, etag);
}

void Removals::written(std::string_view key) { ended_->forget(key); }

bool Removals::hides_surely(std::string_view key) const {
  MutexLock lock(mutex_);
  const auto found = pending_.find(key);
  return found != pending_.end() && found->second.is_new &&
         clock_.steady() - found->second.since < options_.hidden_for;
}

bool Removals::any() const {
  MutexLock lock(mutex_);
  return !pending_.empty();
}

bool Removals::any_below(std::string_view prefix) const {
  MutexLock lock(mutex_);
  const auto found = pending_.lower_bound(prefix);
  return found != pending_.end() && found->first.starts_with(prefix);
}

void Removals::before_write(const std::string& key, Callback<void> done) {
  {
    MutexLock lock(mutex_);
    if (const auto found = pending_.find(key); found != pending_.end() && !stopped_) {
      found->second.makes_way = true;
      // One that was given up is no obstacle: what is written finds the name taken then.
      settling_.add({found->second.entry.id}, [done = std::move(done)](Result<void> gone) mutable {
        if (!gone && is_final(gone.error().code)) gone = {};
        done(std::move(gone));
      });
      wake();
      return;
    }
  }
  done({});
}

void Removals::settle(std::string prefix, Callback<void> done) {
  {
    MutexLock lock(mutex_);
    std::set<std::uint64_t> ids;
    for (auto at = pending_.lower_bound(prefix);
         at != pending_.end() && at->first.starts_with(prefix); ++at) {
      ids.insert(at->second.entry.id);
      if (!prefix.empty()) at->second.makes_way = true;
    }
    if (wait_for(std::move(ids), done)) return;
  }
  done({});
}

std::vector<PendingFile> Removals::pending() const {
  std::vector<PendingFile> out;
  MutexLock lock(mutex_);
  for (const auto& [key, one] : pending_)
    out.push_back({.path = key.substr(std::min(options_.prefix.size(), key.size())),
                   .last_error = one.last_error,
                   .doing = "no longer here, to be deleted in OSS"});
  return out;
}

void Removals::resume() {
  MutexLock lock(mutex_);
  if (!pending_.empty()) wake();
}

// --- the thread ---

bool Removals::are_still_coming() const {
  const SteadyTime now = clock_.steady();
  if (backoff_.is_failing() || now - last_added_ >= options_.linger) return false;
  for (const auto& [key, one] : pending_)
    if (now - one.since >= options_.linger_max && !held_.contains(key)) return false;
  return true;
}

BehindJournal::Pause Removals::work(bool is_over) {
  {
    MutexLock lock(mutex_);
    if (is_over) {
      due_ = due_ || !are_still_coming();
      armed_ = false;
    }
  }
  for (;;) {
    {
      MutexLock lock(mutex_);
      const bool now = due_ || settling_.any_hurried();
      if (stopped_ || (!now && (armed_ || !any_may_go()))) return std::nullopt;
      if (!now && !is_full()) {
        armed_ = true;
        return backoff_.is_failing() ? backoff_.pause() : options_.linger;
      }
    }
    Batch batch = take_batch();
    if (!batch.empty()) send(std::move(batch));
  }
}

/// What somebody waits for; and what is below a directory of them, unless it has just failed.
std::unordered_set<std::uint64_t> Removals::hurried() const {
  std::unordered_set<std::uint64_t> out;
  std::string_view above;
  for (const auto& [key, one] : pending_) {
    const bool is_below = !above.empty() && key.starts_with(above) && !backoff_.is_failing();
    if (!is_below && !settling_.is_hurried(one.entry.id)) continue;
    out.insert(one.entry.id);
    if (!is_below && key.ends_with('/')) above = key;
  }
  return out;
}

/// Those somebody waits for alone when nothing is due yet: the others may still have company. From
/// the last key on, so that a directory does not go before what is below it: with its own object
/// gone it would show for what is still to go.
Removals::Batch Removals::take_batch() {
  Batch out;
  MutexLock lock(mutex_);
  const bool all = due_ || is_full();
  std::unordered_set<std::uint64_t> waited_for;  // by the note's number
  if (settling_.any_hurried()) waited_for = hurried();
  std::string_view left;  // the last one that was
  for (auto next = pending_.rbegin(); next != pending_.rend(); ++next) {
    auto& [key, one] = *next;
    const bool is_waited_for = waited_for.contains(one.entry.id);
    if (!is_waited_for && (!all || !may_go(key, left))) {
      left = key;
      continue;
    }
    if (out.size() == oss::kDeleteManyMax) return out;  // the rest is due, too
    settling_.taken(one.entry.id);
    out.push_back(one);
  }
  due_ = false;
  return out;
}

/// `left`: the first key behind it that stays.
bool Removals::may_go(const std::string& key, std::string_view left) const {
  return !held_.contains(key) && !left.starts_with(key);
}

bool Removals::any_may_go() const {
  std::string_view left;
  for (auto next = pending_.rbegin(); next != pending_.rend(); ++next) {
    if (may_go(next->first, left)) return true;
    left = next->first;
  }
  return false;
}

bool Removals::is_full() const {
  return !backoff_.is_failing() && pending_.size() >= oss::kDeleteManyMax + held_.size();
}

void Removals::send(Batch batch) {
  std::vector<std::optional<Error>> errors(batch.size());
  for (const Pending& one : batch)
    if (one.makes_way) set_aside(one.entry.key);
  keep_directories(batch);
  const auto looked = look(batch);
  const auto along = going_along(batch);
  Batch left;
  std::vector<std::size_t> places;
  std::vector<std::string> staying;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const bool stays = looked[i] && looked[i]->code == Errc::kChanged;
    if (looked[i] && !stays && looked[i]->code != Errc::kNotFound) errors[i] = looked[i];
    if (stays) staying.push_back(batch[i].entry.key);
    if (!along[i]) errors[i] = along[i].error();
    // Also when the object itself is gone: a daemon may have been killed between the two.
    if (along[i] && !along[i]->empty()) {
      left.push_back(Pending{.entry = {.key = *along[i]}});
      places.push_back(i);
    }
    if (looked[i] || errors[i]) continue;
    left.push_back(batch[i]);
    places.push_back(i);
  }
  const auto removed = remove(left);
  for (std::size_t i = 0; i < places.size(); ++i)
    if (removed[i]) errors[places[i]] = removed[i];
  ended(batch, errors);
  if (!options_.stays) return;
  for (const std::string& key : staying) options_.stays(key);
}

/// Somebody reads it still. The copy is noted as removed like the object itself, and held in its
/// stead: after a kill the next daemon deletes it. Where there is no copy the reads fail.
void Removals::set_aside(const std::string& key) {
  {
    MutexLock lock(mutex_);
    const bool is_held = held_.erase(key) > 0;
    if (!is_held || denied_) return;  // who may not delete would leave it there
  }
  const std::string aside = options_.place_aside ? options_.place_aside(key) : "";
  if (aside.empty()) return;
  hold(aside);
  const auto copied = copy_aside(key, aside);
  // Its answer may have been lost.
  const bool may_be_there = copied || !is_final(copied.error().code);
  auto noted = may_be_there ? add(aside, "", true) : Result<void>();
  if (!noted)
    log_warning("fs", "{} is kept for nobody: {}", printable(aside), noted.error().message);
  if (!copied)
    log_warning("fs", "{} is written anew, and who reads what was there cannot go on: {}",
                printable(key), copied.error().message);
  const bool is_read = copied && options_.is_aside(key, copied->first, aside, copied->second);
  if (!is_read) release(aside);
}

/// The ETags of the two.
Result<std::pair<std::string, std::string>> Removals::copy_aside(const std::string& key,
                                                                 const std::string& aside) {
  auto meta = await<oss::ObjectMeta>(&ending_, [&](Callback<oss::ObjectMeta> done) {
    return store_.start_head(key, Deadline::in(clock_, options_.request_timeout), std::move(done));
  });
  if (!meta) return fail(std::move(meta.error()));
  oss::CopyOptions copy{.source_key = key, .source_etag = meta->etag};
  copy.put.headers = meta->headers;
  auto written = await<oss::Written>(&ending_, [&](Callback<oss::Written> done) {
    return staging::start_copy(store_, clock_, aside, std::move(copy), meta->size_bytes,
                               options_.upload, std::move(done));
  });
  if (!written) return fail(std::move(written.error()));
  return std::pair(std::move(meta->etag), std::move(written->etag));
}

std::vector<Result<std::string>> Removals::going_along(const Batch& batch) {
  if (!options_.goes_along) return std::vector<Result<std::string>>(batch.size(), "");
  const Deadline deadline = Deadline::in(clock_, options_.request_timeout);
  return fan_out<std::string>(
      &ending_, batch.size(), kLooksAtOnce, [&](std::size_t i, Callback<std::string> done) {
        return options_.goes_along(batch[i].entry.key, deadline, std::move(done));
      });
}

void Removals::keep_directories(const Batch& batch) {
  std::set<std::string> directories;
  for (const Pending& one : batch)
    if (!one.entry.directory_has_marker) directories.insert(directory_of(one.entry.key));
  for (const std::string& directory : directories)
    if (auto kept = keep_directory(directory, "", &ending_); !kept)
      log_warning("fs", "{} may vanish with its last object: {}", printable(directory),
                  kept.error().message);
}

Result<void> Removals::keep_directory(const std::string& directory_key, const std::string& leaving,
                                      Interrupt* interrupt) {
  if (directory_key.size() <= options_.prefix.size()) return {};
  if (hides(directory_key, "")) return {};  // it was removed itself
  const Deadline deadline = Deadline::in(clock_, options_.request_timeout);
  auto page = await<oss::ListPage>(interrupt, [&](Callback<oss::ListPage> done) {
    return store_.start_list({.prefix = directory_key}, deadline, std::move(done));
  });
  if (!page) return fail(std::move(page.error()));
  for (const oss::ListEntry& object : page->objects) {
    const bool leaves = !leaving.empty() && object.key.starts_with(leaving);
    if (!leaves && !hides(object.key, object.etag)) return {};
  }
  oss::PutOptions put;
  put.headers.content_type = oss::kDirectoryType;
  put.forbid_overwrite = true;
  auto made = await<oss::Written>(interrupt, [&](Callback<oss::Written> done) {
    return store_.start_put(directory_key, http::memory_body(""), put, deadline, std::move(done));
  });
  if (!made && made.error().code != Errc::kExists) return fail(std::move(made.error()));
  return {};
}

/// What is not to be deleted any more: kNotFound, it is gone; kChanged, another version is there.
std::vector<std::optional<Error>> Removals::look(const Batch& batch) {
  std::vector<std::optional<Error>> out(batch.size());
  std::vector<std::size_t> places;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (options_.hierarchical && batch[i].entry.key.ends_with('/')) continue;
    places.push_back(i);
    keys.push_back(batch[i].entry.key);
  }
  const auto seen = objects_now(store_, clock_, keys, options_.prefix,
                                Deadline::in(clock_, options_.request_timeout), &ending_);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    std::optional<Error>& error = out[places[i]];
    if (!seen[i].brief) {
      error = seen[i].brief.error();
    } else if (is_another(batch[places[i]], seen[i])) {
      error = Error{Errc::kChanged, "written again meanwhile", {}};
      note_that_it_stays(keys[i]);
    }
  }
  return out;
}

/// An equal content that was written after the removal has the same ETag, so the time counts, too:
/// by the server's clock, what it said less what has passed here. For what is to stay, since it was
/// asked: what we wrote ourselves would look later than its removal. For what is to go, until it
/// has answered, so that what came after the removal never looks earlier.
bool Removals::is_another(const Pending& one, const ObjectNow& now) const {
  const staging::RemovalEntry& entry = one.entry;
  const oss::ObjectBrief& brief = *now.brief;
  // Of another daemon's only the clock that may be set is known.
  const auto passed = one.since == SteadyTime{}
                          ? clock_.wall() - (clock_.steady() - now.asked) - entry.removed_at
                          : now.asked - one.since;
  if (oss::is_written_within(brief, passed)) return true;
  if (entry.etag.empty() || brief.etag == entry.etag) return false;
  if (options_.are_same && options_.are_same(entry.key, brief.etag, entry.etag)) return false;
  const WallTime surely_before = brief.server_time - (now.answered - one.since) - kSecond;
  const bool has_time = brief.server_time != WallTime{};
  return !(has_time && one.by_name && brief.last_modified < surely_before);
}

std::vector<std::optional<Error>> Removals::remove(const Batch& batch) {
  std::vector<std::optional<Error>> out(batch.size());
  if (batch.empty()) return out;
  const Deadline deadline = Deadline::in(clock_, options_.request_timeout);
  std::set<std::string> left;
  if (batch.size() > 1) {
    std::vector<oss::Doomed> doomed;
    for (const Pending& one : batch) doomed.push_back({one.entry.key, one.entry.etag});
    auto answer =
        await<std::vector<std::string>>(&ending_, [&](Callback<std::vector<std::string>> done) {
          return store_.start_delete_many(std::move(doomed), deadline, std::move(done));
        });
    if (!answer) {
      std::fill(out.begin(), out.end(), answer.error());
      if (!is_final(answer.error().code)) return out;
      for (const Pending& one : batch) left.insert(one.entry.key);
    } else {
      left.insert(answer->begin(), answer->end());
    }
  } else {
    left.insert(batch[0].entry.key);
  }
  // One by one what the server did not confirm: then it says why.
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (left.contains(batch[i].entry.key)) places.push_back(i);
  const auto gone =
      fan_out<void>(&ending_, places.size(), kLooksAtOnce, [&](std::size_t i, Callback<void> done) {
        const staging::RemovalEntry& entry = batch[places[i]].entry;
        return store_.start_delete(entry.key, entry.etag, deadline, std::move(done));
      });
  for (std::size_t i = 0; i < places.size(); ++i) {
    out[places[i]].reset();
    if (gone[i]) continue;
    if (gone[i].error().code == Errc::kChanged)
      note_that_it_stays(batch[places[i]].entry.key);
    else
      out[places[i]] = gone[i].error();
  }
  return out;
}

void Removals::ended(const Batch& batch, const std::vector<std::optional<Error>>& errors) {
  std::vector<std::uint64_t> done_ids;
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (!errors[i] || is_final(errors[i]->code)) done_ids.push_back(batch[i].entry.id);
  // The note goes before the name is free: what is written there next is not to be deleted by the
  // next daemon.
  if (!done_ids.empty()) {
    auto erased = await<void>(nullptr, [&](Callback<void> done) {
      journal_.erase_removals(done_ids, std::move(done));
      return Transfer();
    });
    if (!erased) log_warning("fs", "the journal: {}", erased.error().message);
  }
  {
    MutexLock lock(mutex_);
    bool failed = false;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto found = pending_.find(batch[i].entry.key);
      if (found == pending_.end() || found->second.entry.id != batch[i].entry.id) continue;
      if (!errors[i]) ended_->add(found->first, found->second.entry.etag);
      if (!errors[i] || is_final(errors[i]->code)) {
        pending_.erase(found);
        settling_.ended(batch[i].entry.id, errors[i]);
      } else {
        found->second.is_new = false;
        found->second.last_error = errors[i]->message;
        settling_.failed(batch[i].entry.id, *errors[i]);
        failed = true;
      }
      if (errors[i] && is_final(errors[i]->code)) {
        denied_ = true;
        log_error("fs", "{} could not be deleted and shows again: {}",
                  printable(batch[i].entry.key), errors[i]->message);
      }
    }
    if (failed) {
      backoff_.failed();
      due_ = false;  // also the rest, before the pause is over
    } else {
      backoff_.succeeded();
    }
    if (!failed && !batch.empty() && done_ids.size() == batch.size()) {
      const bool all_well = std::none_of(errors.begin(), errors.end(),
                                         [](const auto& error) { return error.has_value(); });
      if (all_well) denied_ = false;
    }
  }
  tell_settled();
}

}  // namespace stsfs::fs
