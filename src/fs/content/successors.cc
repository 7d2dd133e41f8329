#include "successors.h"

namespace stsfs::fs {
namespace {

/// What anybody may still count on is seconds old: more is not to be remembered.
constexpr std::size_t kRememberedMax = std::size_t{1} << 15;
constexpr std::chrono::minutes kRememberedFor{10};

}  // namespace

void Successors::became(const ObjectVersion& before, const ObjectVersion& after) {
  note(before, after, clock_.steady());
}

void Successors::becomes(const ObjectVersion& before, const ObjectVersion& after) {
  note(before, after, SteadyTime::max());
}

void Successors::left(const ObjectVersion& before) {
  if (!any_) return;
  MutexLock lock(mutex_);
  if (const auto heir = heirs_.find(before); heir != heirs_.end())
    heir->second.since = clock_.steady();
}

void Successors::note(const ObjectVersion& before, const ObjectVersion& after, SteadyTime since) {
  const bool is_told = before != after && !before.etag.empty() && !after.etag.empty();
  if (!is_told && !any_) return;
  MutexLock lock(mutex_);
  heirs_.erase(after);  // it was there before, went and is there again: no line leads in a circle
  if (!is_told) return;
  const SteadyTime now = clock_.steady();
  heirs_.insert_or_assign(before, Heir{after, now, since});
  oldest_first_.emplace_back(now, before);
  any_ = true;
  while (oldest_first_.size() > kRememberedMax ||
         oldest_first_.front().first + kRememberedFor < now) {
    const auto& [told, version] = oldest_first_.front();
    const auto heir = heirs_.find(version);
    if (heir != heirs_.end() && heir->second.told == told) heirs_.erase(heir);
    oldest_first_.pop_front();
  }
}

std::optional<ObjectVersion> Successors::of(const ObjectVersion& version, SteadyTime asked) const {
  if (!any_) return std::nullopt;
  MutexLock lock(mutex_);
  const ObjectVersion* last = nullptr;
  auto heir = heirs_.find(version);
  if (heir == heirs_.end() || heir->second.since < asked) return std::nullopt;
  for (; heir != heirs_.end(); heir = heirs_.find(*last)) last = &heir->second.version;
  return *last;
}

bool Successors::are_same(const std::string& key, const std::string& one,
                          const std::string& other) const {
  if (one == other) return true;
  const auto now = [&](const std::string& etag) {
    ObjectVersion version{key, etag};
    auto heir = of(version);
    return heir ? *heir : version;
  };
  return now(one) == now(other);
}

}  // namespace stsfs::fs
