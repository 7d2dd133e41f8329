#include "throttle.h"

#include <algorithm>
#include <vector>

namespace stsfs::vend {

void Throttle::make_room() {
  if (entries_.size() < options_.entries_max) return;
  const SteadyTime old = clock_.steady() - options_.forget_after;
  std::erase_if(entries_, [&](const auto& entry) { return entry.second.last < old; });
  // A tenth goes at once, so that a flood of names does not cost a whole pass for each.
  while (entries_.size() >= options_.entries_max) {
    std::vector<SteadyTime> times;
    for (const auto& [who, entry] : entries_) times.push_back(entry.last);
    const auto tenth = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 10);
    std::nth_element(times.begin(), tenth, times.end());
    const SteadyTime limit = *tenth;
    std::erase_if(entries_, [&](const auto& entry) { return entry.second.last <= limit; });
  }
}

std::chrono::seconds Throttle::attempt(const std::string& who) {
  MutexLock lock(mutex_);
  const SteadyTime now = clock_.steady();
  auto found = entries_.find(who);
  if (found == entries_.end()) {
    make_room();
    found = entries_.emplace(who, Entry{}).first;
  }
  Entry& entry = found->second;
  if (entry.failures > 0 && now - entry.last > options_.forget_after) entry = Entry{};
  if (entry.blocked_until > now)
    return std::chrono::ceil<std::chrono::seconds>(entry.blocked_until - now);
  entry.last = now;
  ++entry.failures;
  if (entry.failures >= options_.free_failures) {
    std::chrono::seconds pause = options_.pause;
    for (int i = options_.free_failures; i < entry.failures && pause < options_.pause_max; ++i)
      pause *= 2;
    entry.blocked_until = now + std::min(pause, options_.pause_max);
  }
  return std::chrono::seconds(0);
}

void Throttle::succeeded(const std::string& who) {
  MutexLock lock(mutex_);
  entries_.erase(who);
}

void Throttle::take_back(const std::string& who) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(who);
  if (found == entries_.end()) return;
  found->second.blocked_until = {};
  if (--found->second.failures <= 0) entries_.erase(found);
}

std::size_t Throttle::size() const {
  MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace stsfs::vend
