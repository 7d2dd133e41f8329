#include "stsfs/cache/directory_cache.h"

#include <algorithm>

#include "sole_owner.h"

namespace stsfs::cache {
namespace {

/// Beyond this many a watcher is told that what it has is old, instead of what changed.
constexpr std::size_t kChangesMax = 100'000;
/// Between a lookup and the call that makes the name.
constexpr std::chrono::seconds kAbsentFresh{1};

std::size_t slot_bytes(const std::string& key, const KnownDirectory& directory) {
  constexpr std::size_t kSlot = 200;  // nodes of the map and of the list
  return kSlot + 2 * key.size() + directory.memory_bytes();
}

}  // namespace

// --- Changes ---

DirectoryCache::Changes::Changes(DirectoryCache& cache, std::string key, bool below)
    : cache_(cache), key_(std::move(key)), below_(below) {
  MutexLock lock(cache_.mutex_);
  if (below_)
    cache_.watched_below_.push_back(this);
  else
    cache_.watched_.emplace(key_, this);
}

DirectoryCache::Changes::~Changes() {
  MutexLock lock(cache_.mutex_);
  if (below_) {
    cache_.watched_below_.remove(this);
    return;
  }
  const auto [from, to] = cache_.watched_.equal_range(key_);
  cache_.watched_.erase(
      std::find_if(from, to, [this](const auto& one) { return one.second == this; }));
}

std::optional<DirectoryCache::Changes::Change> DirectoryCache::Changes::of(
    const std::string& directory_key, std::string_view name) const {
  if (!any()) return std::nullopt;
  MutexLock lock(cache_.mutex_);
  const auto found = changes_.find(std::pair(directory_key, std::string(name)));
  if (found == changes_.end()) return std::nullopt;
  return found->second;
}

std::map<std::string, KnownEntry, std::less<>> DirectoryCache::Changes::added(
    const std::string& directory_key) const {
  std::map<std::string, KnownEntry, std::less<>> out;
  if (!any()) return out;
  MutexLock lock(cache_.mutex_);
  for (auto at = changes_.lower_bound(std::pair(directory_key, std::string()));
       at != changes_.end() && at->first.first == directory_key; ++at)
    if (at->second.entry) out.emplace(at->first.second, *at->second.entry);
  return out;
}

bool DirectoryCache::Changes::forgotten() const {
  MutexLock lock(cache_.mutex_);
  return forgotten_;
}

void DirectoryCache::note_change(const std::string& directory_key, std::string_view name,
                                 const std::optional<KnownEntry>& entry, bool was_directory) {
  const auto note = [&, number = changes_made_](Changes& changes) {
    if (changes.changes_.size() >= kChangesMax) {
      changes.changes_.clear();
      changes.forgotten_ = true;
    }
    if (changes.forgotten_) return;
    changes.changes_[std::pair(directory_key, std::string(name))] = {entry, was_directory,
                                                                     clock_.steady(), number};
    changes.any_.store(true, std::memory_order_release);
  };
  const auto [from, to] = watched_.equal_range(directory_key);
  for (auto at = from; at != to; ++at) note(*at->second);
  for (Changes* changes : watched_below_)
    if (directory_key.starts_with(changes->key_)) note(*changes);
}

// --- directories ---

KnownDirectoryPointer DirectoryCache::find(const std::string& directory_key) {
  MutexLock lock(mutex_);
  const auto slot = slots_.find(directory_key);
  if (slot == slots_.end()) return nullptr;
  if (clock_.steady() - slot->second.directory->asked >= options_.fresh) {
    drop(slot);
    return nullptr;
  }
  recently_used_.splice(recently_used_.begin(), recently_used_, slot->second.used);
  return slot->second.directory;
}

void DirectoryCache::drop(Slots::iterator slot) {
  bytes_ -= slot->second.bytes;
  recently_used_.erase(slot->second.used);
  slots_.erase(slot);
}

void DirectoryCache::account(Slot& slot) {
  bytes_ -= slot.bytes;
  slot.bytes = slot_bytes(*slot.used, *slot.directory);
  bytes_ += slot.bytes;
}

void DirectoryCache::shrink_to_budget() {
  while (bytes_ > options_.bytes_max && slots_.size() > 1) drop(slots_.find(recently_used_.back()));
}

KnownDirectoryPointer DirectoryCache::put(const std::string& directory_key, const Changes& changes,
                                          KnownDirectory directory) {
  auto shared = std::make_shared<KnownDirectory>(std::move(directory));
  MutexLock lock(mutex_);
  bool is_old = changes.forgotten_;
  for (auto at = changes.changes_.lower_bound(std::pair(directory_key, std::string()));
       at != changes.changes_.end() && at->first.first == directory_key; ++at) {
    const auto& [entry, was_directory, when, number] = at->second;
    const std::string& name = at->first.second;
    if (when < shared->asked) continue;  // a walk asks page by page: this one has seen it
    is_old = is_old || (was_directory && shared->has_file(name));
    if (entry)
      shared->set(name, *entry);
    else
      shared->erase(name);
  }
  if (is_old) return shared;  // good for who asked, but not to be kept
  if (clock_.steady() - shared->asked >= options_.fresh) return shared;
  if (const auto old = slots_.find(directory_key); old != slots_.end()) drop(old);
  recently_used_.push_front(directory_key);
  Slot& slot = slots_[directory_key];
  slot = {shared, recently_used_.begin(), 0};
  account(slot);
  shrink_to_budget();
  return shared;
}

/// Changes a copy when a reader holds the present one; pages are shared between the two.
template <class Change>
void DirectoryCache::change(const std::string& directory_key, Change how) {
  const auto slot = slots_.find(directory_key);
  if (slot == slots_.end()) return;
  auto& directory = slot->second.directory;
  if (!is_sole_owner(directory)) directory = std::make_shared<KnownDirectory>(*directory);
  how(*directory);
  account(slot->second);
  shrink_to_budget();
}

void DirectoryCache::set_entry(const std::string& directory_key, std::string_view name,
                               const KnownEntry& entry) {
  MutexLock lock(mutex_);
  any_changed();
  note_change(directory_key, name, entry);
  change(directory_key, [&](KnownDirectory& directory) { directory.set(name, entry); });
}

void DirectoryCache::erase_entry(const std::string& directory_key, std::string_view name) {
  MutexLock lock(mutex_);
  any_changed();
  note_change(directory_key, name, std::nullopt);
  change(directory_key, [&](KnownDirectory& directory) { directory.erase(name); });
}

void DirectoryCache::erase_directory(const std::string& directory_key, std::string_view name) {
  MutexLock lock(mutex_);
  any_changed();
  note_change(directory_key, name, std::nullopt, true);
  const auto slot = slots_.find(directory_key);
  if (slot != slots_.end() && slot->second.directory->has_file(name))
    drop(slot);  // the row may be older than what was written under the other name
  else
    change(directory_key, [&](KnownDirectory& directory) { directory.erase(name); });
}

void DirectoryCache::forget(const std::string& directory_key) {
  if (directory_key.empty()) {
    forget_below("");
    return;
  }
  MutexLock lock(mutex_);
  any_changed();
  const auto [from, to] = watched_.equal_range(directory_key);
  for (auto at = from; at != to; ++at) at->second->forgotten_ = true;
  for (Changes* changes : watched_below_)
    if (directory_key.starts_with(changes->key_)) changes->forgotten_ = true;
  if (const auto slot = slots_.find(directory_key); slot != slots_.end()) drop(slot);
}

void DirectoryCache::forget_below(const std::string& prefix) {
  MutexLock lock(mutex_);
  any_changed();
  for (auto& [key, changes] : watched_)
    if (key.starts_with(prefix)) changes->forgotten_ = true;
  for (Changes* changes : watched_below_)
    if (changes->key_.starts_with(prefix) || prefix.starts_with(changes->key_))
      changes->forgotten_ = true;
  for (auto slot = slots_.lower_bound(prefix);
       slot != slots_.end() && slot->first.starts_with(prefix);)
    drop(slot++);
}

// --- names that are not there ---

void DirectoryCache::any_changed() {
  ++changes_made_;
  absent_.reset();
}

std::uint64_t DirectoryCache::changes_made() const {
  MutexLock lock(mutex_);
  return changes_made_;
}

void DirectoryCache::put_absent(const std::string& directory_key, std::string_view name,
                                SteadyTime asked, std::uint64_t changes_made) {
  MutexLock lock(mutex_);
  if (changes_made == changes_made_) absent_ = {directory_key, std::string(name), asked};
}

std::optional<SteadyTime> DirectoryCache::absent(const std::string& directory_key,
                                                 std::string_view name) const {
  MutexLock lock(mutex_);
  if (!absent_ || absent_->directory_key != directory_key || absent_->name != name)
    return std::nullopt;
  const auto age = clock_.steady() - absent_->asked;
  if (age >= kAbsentFresh || age >= options_.fresh) return std::nullopt;
  return absent_->asked;
}

DirectoryCache::Usage DirectoryCache::usage() {
  MutexLock lock(mutex_);
  Usage out{.directories = slots_.size(), .bytes = bytes_};
  for (const auto& [key, slot] : slots_) out.entries += slot.directory->size();
  return out;
}

}  // namespace stsfs::cache
