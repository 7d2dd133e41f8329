#include "credential_cache.h"

#include <algorithm>

#include "stsfs/base/log.h"

namespace stsfs::vend {
namespace {

constexpr std::chrono::seconds kDropEvery{10};
// STS is left alone for so long after a failure, for each user, unless it asks for more.
constexpr std::chrono::milliseconds kPauseAfterFailure{1'000};
constexpr std::chrono::seconds kPauseMax{60};

/// Not what STS holds against one user's role.
bool is_silence(Errc code) {
  return code == Errc::kTimedOut || code == Errc::kUnavailable || code == Errc::kThrottled;
}

}  // namespace

CredentialCache::EntryPointer CredentialCache::entry_of(const std::string& user) {
  const auto found = entries_.find(user);
  if (found != entries_.end()) return found->second;
  if (entries_.size() >= kUsersMax)
    std::erase_if(entries_, [&](const auto& entry) {
      return !entry.second->making && !alive(*entry.second);
    });
  if (entries_.size() >= kUsersMax) entries_.erase(entries_.begin());
  return entries_.emplace(user, std::make_shared<Entry>()).first->second;
}

bool CredentialCache::fresh(const Entry& entry) const {
  return alive(entry) && entry.expires - clock_.steady() > (entry.expires - entry.arrived) / 2;
}

void CredentialCache::drop_if_rejected(Entry& entry, const std::string& rejected) {
  if (rejected.empty() || !entry.session || entry.session->access_key_id != rejected) return;
  const SteadyTime now = clock_.steady();
  if (now < entry.next_drop) return;
  entry.next_drop =
      now + std::min<std::chrono::nanoseconds>(kDropEvery, (entry.expires - entry.arrived) / 2);
  entry.session.reset();
}

Result<SessionSnapshot> CredentialCache::present(const Entry& entry) const {
  if (alive(entry)) return entry.session;
  if (entry.last_error) return fail(*entry.last_error);
  return fail(Errc::kUnavailable, "no session yet");
}

void CredentialCache::take(Entry& entry, Result<sts::Session> session) {
  const SteadyTime now = clock_.steady();
  entry.making = false;
  sts_is_silent_ = !session && is_silence(session.error().code);
  if (session) {
    // By our clock: a server's clock is kept right, and STS's Date is not looked at.
    const auto life = session->expiration - clock_.wall();
    if (life.count() > 0) {
      entry.arrived = now;
      entry.expires = now + life;
      entry.session = std::make_shared<const sts::Session>(std::move(*session));
      entry.last_error.reset();
      return;
    }
    session = fail(Errc::kClockSkew,
                   "STS gave a session that has expired; remedy: set this machine's clock");
  }
  log_warning("vend", "{}", session.error().message);
  const auto pause = std::clamp<std::chrono::nanoseconds>(session.error().retry_after,
                                                          kPauseAfterFailure, kPauseMax);
  entry.not_before = now + pause;
  entry.last_error = std::move(session.error());
}

Result<SessionSnapshot> CredentialCache::make_new(const EntryPointer& entry,
                                                  const std::string& user, const Make& make) {
  auto session = make(user);
  MutexLock lock(mutex_);
  --waiting_for_sts_;
  take(*entry, std::move(session));
  entry->made.notify_all();
  return present(*entry);
}

/// Until nobody makes this one, or it lives.
Result<void> CredentialCache::wait_for_other(Entry& entry, Deadline deadline) {
  while (entry.making && !alive(entry)) {
    if (deadline.passed(clock_)) return fail(Errc::kTimedOut, "STS takes too long to answer");
    if (enough_wait()) return fail(Errc::kUnavailable, "STS does not answer, and others wait");
    ++waiting_for_sts_;
    entry.made.wait_for(mutex_, std::max(deadline.left(clock_), std::chrono::milliseconds(1)));
    --waiting_for_sts_;
  }
  return {};
}

Result<SessionSnapshot> CredentialCache::get(const std::string& user, const std::string& rejected,
                                             const Make& make, Deadline deadline) {
  EntryPointer entry;
  {
    MutexLock lock(mutex_);
    entry = entry_of(user);
    drop_if_rejected(*entry, rejected);
    if (auto waited = wait_for_other(*entry, deadline); !waited)
      return fail(std::move(waited.error()));
    if (fresh(*entry) || entry->making || clock_.steady() < entry->not_before || enough_wait())
      return present(*entry);
    entry->making = true;
    ++waiting_for_sts_;
  }
  return make_new(entry, user, make);
}

void CredentialCache::clear() {
  MutexLock lock(mutex_);
  entries_.clear();  // whoever makes one now holds his entry, and gives it to nobody else
}

}  // namespace stsfs::vend
