// One thread waits until links are due, and makes them with a few more, since each is a row of
// requests one after the other. It starts with the first link.

#include "fresh_links.h"

#include <algorithm>

#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "wake.h"

namespace stsfs::fs {
namespace {

constexpr std::size_t kMadeAtOnce = 8;

/// What a later attempt will not change. kNotFound: another client took the file away meanwhile.
bool is_final(Errc code) {
  return code == Errc::kDenied || code == Errc::kInvalid || code == Errc::kNotSupported ||
         code == Errc::kNotFound;
}

std::uint64_t raw(InodeNumber number) { return static_cast<std::uint64_t>(number); }

}  // namespace

FreshLinks::FreshLinks(Scheduler& scheduler, const Clock& clock, staging::NameJournal& journal,
                       FreshLinkOptions options, Make make)
    : BehindJournal(scheduler, options.retry_backoff, options.retry_backoff_max),
      clock_(clock),
      journal_(journal),
      options_(std::move(options)),
      make_(std::move(make)) {
  MutexLock lock(mutex_);
  for (const staging::LinkEntry& entry : journal.links())
    pending_[entry.id] = {.link = {.entry = entry, .inode = {}}, .last_error = {}};
  left_ = pending_.size();
}

bool FreshLinks::takes_more() const {
  MutexLock lock(mutex_);
  return !denied_ && !stopped_ && pending_.size() < options_.links_max;
}

Result<FreshLinks::Claim> FreshLinks::add(InodeNumber inode, std::string from, std::string to) {
  const staging::LinkEntry entry{
      .id = journal_.next_id(), .from = std::move(from), .to = std::move(to)};
  auto noted = await<void>(nullptr, [&](Callback<void> done) {
    journal_.add(entry, std::move(done));
    return Transfer();
  });
  if (!noted) return fail(std::move(noted.error()));
  MutexLock lock(mutex_);
  pending_[entry.id] = {.link = {.entry = entry, .inode = inode},
                        .due = clock_.steady() + options_.linger,
                        .claimed = true,
                        .last_error = {}};
  by_inode_[raw(inode)] = entry.id;
  return Claim(this, entry.id);
}

Result<FreshLinks::Claim> FreshLinks::claim(const Context& context, InodeNumber inode) {
  Wake wake(mutex_, changed_, context.interrupt);
  MutexLock lock(mutex_);
  for (;;) {
    const auto found = by_inode_.find(raw(inode));
    if (found == by_inode_.end()) return Claim();
    Pending& one = pending_.at(found->second);
    if (!one.claimed) {
      one.claimed = true;
      return Claim(this, found->second);
    }
    if (wake.raised()) return fail(Errc::kInterrupted, "interrupted");
    if (context.deadline.passed(clock_))
      return fail(Errc::kTimedOut, printable(one.link.entry.to) +
                                       " is being made a further name of the file, which does not "
                                       "get on");
    changed_.wait_for(mutex_, context.deadline.left(clock_));
  }
}

std::optional<FreshLinks::Claim> FreshLinks::try_claim(InodeNumber inode) {
  MutexLock lock(mutex_);
  const auto found = by_inode_.find(raw(inode));
  if (found == by_inode_.end()) return Claim();
  Pending& one = pending_.at(found->second);
  if (std::exchange(one.claimed, true)) return std::nullopt;
  return Claim(this, found->second);
}

void FreshLinks::give_back(std::uint64_t id) {
  MutexLock lock(mutex_);
  if (const auto found = pending_.find(id); found != pending_.end()) found->second.claimed = false;
  wake();
}

/// The note goes before the names are free for others: it would be made again by the next daemon.
Result<void> FreshLinks::Claim::finish() && {
  FreshLinks& links = *links_;
  auto erased = links.erase(id_);
  if (!erased) return erased;
  links_ = nullptr;
  {
    MutexLock lock(links.mutex_);
    links.settling_.ended(id_);
  }
  links.tell_settled();
  return {};
}

Result<void> FreshLinks::erase(std::uint64_t id) {
  auto erased = await<void>(nullptr, [&](Callback<void> done) {
    journal_.erase_link(id, std::move(done));
    return Transfer();
  });
  if (!erased) return erased;
  MutexLock lock(mutex_);
  const auto found = pending_.find(id);
  if (found == pending_.end()) return {};
  if (const auto inode = found->second.link.inode)
    by_inode_.erase(raw(*inode));
  else
    --left_;
  pending_.erase(found);
  changed_.notify_all();
  return {};
}

bool FreshLinks::any(const Wanted& wanted) const {
  MutexLock lock(mutex_);
  return std::any_of(pending_.begin(), pending_.end(),
                     [&](const auto& one) { return wanted(one.second.link); });
}

bool FreshLinks::concerns(const Link& link, std::string_view key) {
  const auto at = [&](const std::string& one) {
    return key.empty() || key.ends_with('/') ? one.starts_with(key) : one == key;
  };
  return at(link.entry.from) || at(link.entry.to);
}

bool FreshLinks::left_at(std::string_view key) const {
  MutexLock lock(mutex_);
  if (left_ == 0) return false;
  return std::any_of(pending_.begin(), pending_.end(), [&](const auto& one) {
    return !one.second.link.inode && concerns(one.second.link, key);
  });
}

bool FreshLinks::has(InodeNumber inode) const {
  MutexLock lock(mutex_);
  return by_inode_.contains(raw(inode));
}

void FreshLinks::settle(const Wanted& wanted, Callback<void> done) {
  std::set<std::uint64_t> ids;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, one] : pending_)
      if (wanted(one.link)) ids.insert(id);
  }
  settle_all(std::move(ids), std::move(done));
}

void FreshLinks::settle(InodeNumber inode, Callback<void> done) {
  std::set<std::uint64_t> ids;
  {
    MutexLock lock(mutex_);
    if (const auto found = by_inode_.find(raw(inode)); found != by_inode_.end())
      ids.insert(found->second);
  }
  settle_all(std::move(ids), std::move(done));
}

/// Those that have ended meanwhile need not be waited for.
void FreshLinks::settle_all(std::set<std::uint64_t> ids, Callback<void> done) {
  Result<void> result;
  {
    MutexLock lock(mutex_);
    for (auto id = ids.begin(); id != ids.end();)
      id = pending_.contains(*id) ? ++id : ids.erase(id);
    const bool is_pending = !ids.empty();
    if (wait_for(std::move(ids), done)) return;
    if (is_pending) result = fail(Errc::kInterrupted, "the mount is ending");
  }
  done(std::move(result));
}

std::vector<PendingFile> FreshLinks::pending() const {
  std::vector<PendingFile> out;
  MutexLock lock(mutex_);
  for (const auto& [id, one] : pending_) {
    const std::string& to = one.link.entry.to;
    out.push_back({.path = to.substr(std::min(options_.prefix.size(), to.size())),
                   .last_error = one.last_error,
                   .doing = "to be made a further name of a file"});
  }
  return out;
}

void FreshLinks::resume() {
  MutexLock lock(mutex_);
  if (pending_.empty()) return;
  for (const auto& [id, one] : pending_) settling_.hurry(id);
  wake();
}

// --- the threads ---

std::optional<SteadyTime> FreshLinks::next_due() const {
  std::optional<SteadyTime> out;
  for (const auto& [id, one] : pending_) {
    if (one.claimed) continue;
    const SteadyTime due = settling_.is_hurried(id) ? SteadyTime{} : one.due;
    if (!out || due < *out) out = due;
  }
  return out;
}

BehindJournal::Pause FreshLinks::work(bool is_over) {
  {
    MutexLock lock(mutex_);
    if (is_over) armed_for_.reset();
  }
  for (;;) {
    {
      MutexLock lock(mutex_);
      const std::optional<SteadyTime> due = next_due();
      if (stopped_ || !due || (armed_for_ && *armed_for_ <= *due)) return std::nullopt;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - clock_.steady());
      if (left.count() > 0) {
        armed_for_ = *due;
        return left;
      }
    }
    make_due();
  }
}

bool FreshLinks::is_due(std::uint64_t id, const Pending& one) const {
  return !one.claimed && (one.due <= clock_.steady() || settling_.is_hurried(id));
}

std::size_t FreshLinks::count_due() const {
  std::size_t out = 0;
  MutexLock lock(mutex_);
  for (const auto& [id, one] : pending_)
    if (is_due(id, one)) ++out;
  return out;
}

/// With the claim. One at a time: who wants to end another must not wait for all that are due.
std::optional<FreshLinks::Link> FreshLinks::take_due() {
  MutexLock lock(mutex_);
  if (stopped_) return std::nullopt;
  for (auto& [id, one] : pending_) {
    if (!is_due(id, one)) continue;
    one.claimed = true;
    settling_.taken(id);
    return one.link;
  }
  return std::nullopt;
}

void FreshLinks::make_due() {
  const auto make_some = [this] {
    while (const auto link = take_due()) ended(*link, make_one(*link));
  };
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1, due = count_due(); i < std::min(due, kMadeAtOnce); ++i)
    helpers.emplace_back(make_some);
  make_some();
}

Result<void> FreshLinks::make_one(const Link& link) {
  auto made = make_(link, &ending_);
  if (!made && !is_final(made.error().code)) return made;
  if (!made)
    log_error("fs", "{} was given the name {}, and has it no more: {}", printable(link.entry.from),
              printable(link.entry.to), made.error().message);
  if (auto erased = erase(link.entry.id); !erased) return erased;
  return made;
}

void FreshLinks::ended(const Link& link, const Result<void>& result) {
  {
    MutexLock lock(mutex_);
    if (result) {
      backoff_.succeeded();
      denied_ = false;
    } else if (result.error().code == Errc::kDenied) {
      denied_ = true;
    }
    if (!result) backoff_.failed();
    if (const auto found = pending_.find(link.entry.id); found != pending_.end()) {
      found->second.claimed = false;
      if (!result) found->second.due = clock_.steady() + backoff_.pause();
      found->second.last_error = result ? "" : result.error().message;
      if (!result) settling_.failed(link.entry.id, result.error());
    } else {
      settling_.ended(link.entry.id, result ? std::nullopt : std::optional<Error>(result.error()));
    }
    changed_.notify_all();
  }
  tell_settled();
}

}  // namespace stsfs::fs
