#include "listings.h"

#include <algorithm>

namespace stsfs::fs {
namespace {

/// Names that are asked for one by one before their directory is listed: HEAD and LIST for each
/// cost as much as a page by then, and a page tells what is not there as well.
constexpr int kAskedOneByOne = 2;
constexpr std::size_t kAskedMax = 1'000;
constexpr std::size_t kSmallMax = 20'000;
/// A walk: directories of one directory that are read in their order, this soon one behind the
/// other.
constexpr int kReadForWalk = 2;
constexpr std::chrono::seconds kTrailAge{10};
/// Pages that are waited for: whoever reads comes to what lies between as well, and who looks names
/// up perhaps not.
constexpr int kReaderWaits = 10;
constexpr int kLookupWaits = 2;
constexpr std::size_t kTrailsMax = 8;
constexpr std::size_t kBegunMax = 8;
/// With less, what a walk brings is old before it is read.
constexpr std::chrono::seconds kWalkFreshMin{2};

}  // namespace

Listings::Listings(oss::ObjectStore& store, const Clock& clock, Options options)
    : store_(store),
      clock_(clock),
      options_(options),
      cache_({.fresh = options_.fresh, .bytes_max = options_.cache_bytes_max}, clock) {}

DirectoryListingPointer Listings::under_way(const std::string& directory_key) {
  MutexLock lock(mutex_);
  const auto found = under_way_.find(directory_key);
  return found == under_way_.end() ? nullptr : found->second.lock();
}

std::optional<NameAnswer> Listings::find(const std::string& directory_key, std::string_view name) {
  if (const auto known = cache_.find(directory_key)) {
    if (known->pages().size() == 1) note_small(directory_key);
    return NameAnswer{known->find(name), known->asked, {}};
  }
  if (const auto asked = cache_.absent(directory_key, name)) return NameAnswer{{}, *asked, {}};
  const DirectoryListingPointer listing = under_way(directory_key);
  if (!listing) return std::nullopt;
  return listing->find(name, options_.fresh);
}

std::vector<std::pair<std::string, cache::KnownEntry>> Listings::after(
    const std::string& directory_key, std::string_view name, std::size_t count) {
  if (const auto known = cache_.find(directory_key)) return known->after(name, count);
  const DirectoryListingPointer listing = under_way(directory_key);
  if (!listing || listing->changes().any()) return {};
  return listing->after(name, count);
}

DirectoryListingPointer Listings::open(const std::string& directory_key) {
  if (!cache_.find(directory_key)) {
    DirectoryListingPointer shared = under_way(directory_key);
    if (shared && !shared->failed() && !shared->changes().forgotten() &&
        !shared->hides_too_much() && clock_.steady() - shared->asked() < options_.fresh)
      return shared;
  }
  auto made = std::make_shared<DirectoryListing>(store_, clock_, cache_, options_.keys,
                                                 directory_key, options_.page_timeout);
  if (made->complete()) return made;
  MutexLock lock(mutex_);
  if (under_way_.size() >= sweep_at_) {
    std::erase_if(under_way_, [](const auto& one) { return one.second.expired(); });
    sweep_at_ = std::max<std::size_t>(64, 2 * under_way_.size());
  }
  under_way_[directory_key] = made;
  return made;
}

Result<DirectoryListingPointer> Listings::read(const std::string& directory_key,
                                               Interrupt* interrupt) {
  if (auto done = follow_walk(directory_key, kReaderWaits, interrupt); !done)
    return fail(std::move(done.error()));
  note_read(directory_key);
  return open(directory_key);
}

Result<DirectoryListingPointer> Listings::begin(const std::string& directory_key,
                                                Interrupt* interrupt) {
  if (auto done = follow_walk(directory_key, kLookupWaits, interrupt); !done)
    return fail(std::move(done.error()));
  note_read(directory_key);  // `git status` looks up what it knows, directory by directory
  DirectoryListingPointer listing = open(directory_key);
  if (listing->complete()) return listing;
  if (auto first = listing->page(0, interrupt, false); !first)
    return fail(std::move(first.error()));
  if (listing->complete()) return listing;
  DirectoryListingPointer oldest;
  MutexLock lock(mutex_);
  begun_.push_front(listing);
  if (begun_.size() > kBegunMax) {
    oldest = std::move(begun_.back());
    begun_.pop_back();
  }
  return listing;
}

bool Listings::was_read_within(const std::string& directory_key) {
  const SteadyTime now = clock_.steady();
  MutexLock lock(mutex_);
  return std::any_of(trails_.begin(), trails_.end(), [&](const Trail& trail) {
    return trail.parent == directory_key && now - trail.when < kTrailAge;
  });
}

// --- lookups ---

bool Listings::worth_listing(const std::string& directory_key) {
  const SteadyTime now = clock_.steady();
  if (options_.fresh.count() == 0) return false;
  MutexLock lock(mutex_);
  if (asked_.size() >= kAskedMax && !asked_.contains(directory_key))
    std::erase_if(asked_, [&](const auto& one) { return now - one.second.since > kTrailAge; });
  if (asked_.size() >= kAskedMax) asked_.clear();
  Asked& asked = asked_[directory_key];
  if (asked.times == 0 || now - asked.since >= options_.fresh) asked = {.since = now};
  ++asked.times;
  return !asked.large && (asked.times > kAskedOneByOne || small_.contains(directory_key));
}

void Listings::note_small(const std::string& directory_key) {
  MutexLock lock(mutex_);
  if (small_.size() >= kSmallMax && !small_.contains(directory_key)) small_.clear();
  small_.insert(directory_key);
}

void Listings::note_large(const std::string& directory_key) {
  MutexLock lock(mutex_);
  small_.erase(directory_key);
  Asked& asked = asked_[directory_key];
  asked = {.since = clock_.steady(), .times = asked.times, .large = true};
}

void Listings::forget(const std::string& directory_key) {
  std::shared_ptr<TreeWalk> walk;
  std::list<DirectoryListingPointer> begun;
  cache_.forget_below(directory_key);
  MutexLock lock(mutex_);
  begun.swap(begun_);
  asked_.clear();
  trails_.clear();
  walk = std::move(walk_);
}

// --- walks ---

std::optional<std::string> Listings::parent_of(const std::string& directory_key) const {
  if (directory_key.size() <= options_.keys.prefix().size()) return std::nullopt;
  const auto slash = directory_key.rfind('/', directory_key.size() - 2);
  return directory_key.substr(0, slash == std::string::npos ? 0 : slash + 1);
}

void Listings::note_read(const std::string& directory_key) {
  const auto parent = parent_of(directory_key);
  if (!parent) return;
  const SteadyTime now = clock_.steady();
  MutexLock lock(mutex_);
  const auto trail = std::find_if(trails_.begin(), trails_.end(),
                                  [&](const Trail& one) { return one.parent == *parent; });
  if (trail == trails_.end()) {
    trails_.push_front({*parent, directory_key, now, 1});
    if (trails_.size() > kTrailsMax) trails_.pop_back();
    return;
  }
  const bool goes_on = directory_key > trail->last && now - trail->when < kTrailAge;
  if (directory_key != trail->last) trail->read = goes_on ? trail->read + 1 : 1;
  trail->last = directory_key;
  trail->when = now;
  trails_.splice(trails_.begin(), trails_, trail);
}

/// The walk that comes, or is to come, to this directory; null when nobody walks.
std::shared_ptr<TreeWalk> Listings::walk_to(const std::string& directory_key) {
  const auto parent = parent_of(directory_key);
  if (!parent || options_.fresh < kWalkFreshMin) return nullptr;
  std::shared_ptr<TreeWalk> before;
  bool walks = false;
  {
    MutexLock lock(mutex_);
    if (walk_ && walk_->is_ahead(directory_key)) return walk_;
    for (const Trail& trail : trails_)
      walks = walks || (trail.parent == *parent && trail.read >= kReadForWalk &&
                        directory_key > trail.last && clock_.steady() - trail.when < kTrailAge);
  }
  if (!walks) return nullptr;
  auto walk = std::make_shared<TreeWalk>(store_, clock_, cache_, options_.keys, *parent,
                                         directory_key, options_.page_timeout);
  MutexLock lock(mutex_);
  before = std::exchange(walk_, walk);
  return walk;
}

Result<void> Listings::follow_walk(const std::string& directory_key, int pages_max,
                                   Interrupt* interrupt) {
  if (cache_.find(directory_key)) return {};
  const std::shared_ptr<TreeWalk> walk = walk_to(directory_key);
  if (!walk) return {};
  auto reached = walk->reach(directory_key, pages_max, interrupt);
  if (!reached && reached.error().code == Errc::kInterrupted) return reached;
  return {};  // whatever else went wrong: the directory is then listed by itself
}

}  // namespace stsfs::fs
