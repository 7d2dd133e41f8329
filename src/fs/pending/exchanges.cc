#include "exchanges.h"

#include <algorithm>
#include <set>

#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {

Exchanges::Exchanges(Scheduler& scheduler, staging::NameJournal& journal, GoOn go_on,
                     ExchangeOptions options)
    : BehindJournal(scheduler, options.retry_backoff, options.retry_backoff_max),
      journal_(journal),
      go_on_(std::move(go_on)) {
  MutexLock lock(mutex_);
  for (const Entry& entry : journal.exchanges())
    pending_[entry.id] = {.entry = entry, .left = true, .last_error = {}};
}

Result<Exchanges::Running> Exchanges::begin(std::string one, std::string other, std::string third) {
  const Entry entry{.id = journal_.next_id(),
                    .one = std::move(one),
                    .other = std::move(other),
                    .third = std::move(third)};
  {
    MutexLock lock(mutex_);
    pending_[entry.id] = {.entry = entry, .left = false, .last_error = {}};
  }
  Running out(this, entry);
  if (auto noted = note(entry); !noted) {
    std::move(out).end();
    return fail(std::move(noted.error()));
  }
  return out;
}

Result<void> Exchanges::note(const Entry& entry) {
  return await<void>(nullptr, [&](Callback<void> done) {
    journal_.note(entry, std::move(done));
    return Transfer();
  });
}

Result<void> Exchanges::Running::reach(staging::ExchangeStep step) {
  Entry next = entry_;
  next.step = step;
  if (auto noted = exchanges_->note(next); !noted) return noted;
  entry_ = std::move(next);
  return {};
}

void Exchanges::Running::end() && {
  if (auto erased = exchanges_->erase(entry_.id); !erased) return;  // and it is left
  std::exchange(exchanges_, nullptr)->tried(entry_, {});
}

Result<void> Exchanges::erase(std::uint64_t id) {
  return await<void>(nullptr, [&](Callback<void> done) {
    journal_.erase_exchange(id, std::move(done));
    return Transfer();
  });
}

void Exchanges::leave(const Entry& entry) {
  MutexLock lock(mutex_);
  pending_[entry.id] = {.entry = entry, .left = true, .last_error = {}};
  wake();
}

bool Exchanges::is_at(const Entry& entry, std::string_view path) {
  return entry.one == path || entry.other == path || entry.third == path;
}

bool Exchanges::is_below(const Entry& entry, std::string_view path) {
  const auto lies_below = [&](const std::string& one) {
    return path.empty() ||
           (one.size() > path.size() && one.starts_with(path) && one[path.size()] == '/');
  };
  return lies_below(entry.one) || lies_below(entry.other) || lies_below(entry.third);
}

bool Exchanges::any(const Wanted& wanted) const {
  MutexLock lock(mutex_);
  return std::any_of(pending_.begin(), pending_.end(),
                     [&](const auto& one) { return wanted(one.second.entry); });
}

bool Exchanges::any_left(const Wanted& wanted) const {
  MutexLock lock(mutex_);
  return std::any_of(pending_.begin(), pending_.end(),
                     [&](const auto& one) { return one.second.left && wanted(one.second.entry); });
}

void Exchanges::settle(const Wanted& wanted, Callback<void> done) {
  settle_all([&](const Pending& one) { return wanted(one.entry); }, std::move(done));
}

void Exchanges::settle_left(const Wanted& wanted, Callback<void> done) {
  settle_all([&](const Pending& one) { return one.left && wanted(one.entry); }, std::move(done));
}

void Exchanges::settle_all(const std::function<bool(const Pending&)>& wanted, Callback<void> done) {
  {
    MutexLock lock(mutex_);
    std::set<std::uint64_t> ids;
    for (const auto& [id, one] : pending_)
      if (wanted(one)) ids.insert(id);
    if (wait_for(std::move(ids), done)) return;
  }
  done({});
}

std::vector<PendingFile> Exchanges::pending() const {
  std::vector<PendingFile> out;
  MutexLock lock(mutex_);
  for (const auto& [id, one] : pending_)
    if (one.left)
      out.push_back({.path = one.entry.one,
                     .last_error = one.last_error,
                     .doing = "changing places with " + one.entry.other});
  return out;
}

void Exchanges::resume() {
  MutexLock lock(mutex_);
  if (!pending_.empty()) wake();
}

// --- the thread ---

/// Each once, as far as it goes.
BehindJournal::Pause Exchanges::work(bool) {
  std::vector<Entry> left;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, one] : pending_) {
      if (!one.left) continue;
      settling_.taken(id);
      left.push_back(one.entry);
    }
  }
  bool failed = false;
  for (Entry& entry : left) {
    auto done = go_on_(entry, &ending_);
    if (done) done = erase(entry.id);
    if (!done) {
      failed = true;
      log_warning("fs", "{} and {} have not changed places yet: {}", printable(entry.one),
                  printable(entry.other), done.error().message);
    }
    tried(entry, done);
  }
  return pause_after(failed);
}

void Exchanges::tried(const Entry& entry, const Result<void>& result) {
  {
    MutexLock lock(mutex_);
    if (result) {
      pending_.erase(entry.id);
      settling_.ended(entry.id);
    } else {
      pending_[entry.id] = {.entry = entry, .left = true, .last_error = result.error().message};
      settling_.failed(entry.id, result.error());
    }
  }
  tell_settled();
}

}  // namespace stsfs::fs
