#include "stsfs/cache/directory_cache.h"

namespace stsfs::cache {
namespace {

constexpr std::chrono::seconds kSameSecondRisk{2};

}  // namespace

KnownDirectoryPointer DirectoryCache::find(const std::string& directory_key) {
  MutexLock lock(mutex_);
  const auto slot = slots_.find(directory_key);
  if (slot == slots_.end()) return nullptr;
  if (clock_.steady() - slot->second.directory->asked > options_.fresh) {
    drop(slot);
    return nullptr;
  }
  recently_used_.splice(recently_used_.begin(), recently_used_, slot->second.used);
  return slot->second.directory;
}

void DirectoryCache::drop(std::map<std::string, Slot>::iterator slot) {
  entries_ -= slot->second.directory->entries.size();
  recently_used_.erase(slot->second.used);
  slots_.erase(slot);
}

void DirectoryCache::begin(Listing& listing) {
  MutexLock lock(mutex_);
  under_way_.emplace(listing.directory_key_, &listing);
}

void DirectoryCache::end(Listing& listing) {
  MutexLock lock(mutex_);
  std::erase_if(under_way_, [&](const auto& one) { return one.second == &listing; });
}

void DirectoryCache::note_change(const std::string& directory_key, std::string_view name,
                                 const std::optional<KnownEntry>& entry) {
  const auto [from, to] = under_way_.equal_range(directory_key);
  for (auto at = from; at != to; ++at) at->second->changes_[std::string(name)] = entry;
}

KnownDirectoryPointer DirectoryCache::put(Listing& listing, KnownDirectory directory) {
  auto shared = std::make_shared<KnownDirectory>(std::move(directory));
  MutexLock lock(mutex_);
  for (const auto& [name, entry] : listing.changes_) {
    if (entry)
      shared->entries[name] = *entry;
    else
      shared->entries.erase(name);
  }
  if (listing.forgotten_) return shared;  // good for who asked, but not to be kept
  const std::string& directory_key = listing.directory_key_;
  if (const auto old = slots_.find(directory_key); old != slots_.end()) drop(old);
  entries_ += shared->entries.size();
  recently_used_.push_front(directory_key);
  slots_[directory_key] = {shared, recently_used_.begin()};
  while (entries_ > options_.entries_max && slots_.size() > 1)
    drop(slots_.find(recently_used_.back()));
  return shared;
}

/// The directory to change: a copy of its own when a reader holds the present one.
KnownDirectory* DirectoryCache::writable(const std::string& directory_key) {
  const auto slot = slots_.find(directory_key);
  if (slot == slots_.end()) return nullptr;
  auto& directory = slot->second.directory;
  if (directory.use_count() > 1) directory = std::make_shared<KnownDirectory>(*directory);
  return directory.get();
}

void DirectoryCache::set_entry(const std::string& directory_key, std::string_view name,
                               KnownEntry entry) {
  MutexLock lock(mutex_);
  note_change(directory_key, name, entry);
  KnownDirectory* directory = writable(directory_key);
  if (directory == nullptr) return;
  const std::size_t before = directory->entries.size();
  directory->entries[std::string(name)] = std::move(entry);
  entries_ += directory->entries.size() - before;
}

void DirectoryCache::erase_entry(const std::string& directory_key, std::string_view name) {
  MutexLock lock(mutex_);
  note_change(directory_key, name, std::nullopt);
  KnownDirectory* directory = writable(directory_key);
  if (directory != nullptr) entries_ -= directory->entries.erase(std::string(name));
}

void DirectoryCache::forget(const std::string& directory_key) {
  if (directory_key.empty()) {
    forget_below("");
    return;
  }
  MutexLock lock(mutex_);
  const auto [from, to] = under_way_.equal_range(directory_key);
  for (auto at = from; at != to; ++at) at->second->forgotten_ = true;
  if (const auto slot = slots_.find(directory_key); slot != slots_.end()) drop(slot);
}

void DirectoryCache::forget_below(const std::string& prefix) {
  MutexLock lock(mutex_);
  for (auto& [key, listing] : under_way_)
    if (key.starts_with(prefix)) listing->forgotten_ = true;
  for (auto slot = slots_.lower_bound(prefix);
       slot != slots_.end() && slot->first.starts_with(prefix);)
    drop(slot++);
}

std::optional<oss::ObjectMeta> MetaCache::find(const std::string& key, const std::string& etag,
                                               WallTime last_modified) {
  MutexLock lock(mutex_);
  const auto slot = slots_.find(key);
  if (slot == slots_.end() || slot->second.meta.etag != etag ||
      slot->second.meta.last_modified != last_modified)
    return std::nullopt;
  recently_used_.splice(recently_used_.begin(), recently_used_, slot->second.used);
  return slot->second.meta;
}

void MetaCache::put(const std::string& key, const oss::ObjectMeta& meta) {
  if (meta.server_time - meta.last_modified < kSameSecondRisk) return;
  MutexLock lock(mutex_);
  const auto slot = slots_.find(key);
  if (slot != slots_.end()) {
    slot->second.meta = meta;
    return;
  }
  recently_used_.push_front(key);
  slots_.emplace(key, Slot{meta, recently_used_.begin()});
  if (slots_.size() <= entries_max_) return;
  slots_.erase(recently_used_.back());
  recently_used_.pop_back();
}

void MetaCache::forget(const std::string& key) {
  MutexLock lock(mutex_);
  const auto slot = slots_.find(key);
  if (slot == slots_.end()) return;
  recently_used_.erase(slot->second.used);
  slots_.erase(slot);
}

}  // namespace stsfs::cache
