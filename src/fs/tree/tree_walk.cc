// Keys come in byte order, so that all below one directory come together, its marker first. Open
// directories lie one within the other; a key that is not below the innermost closes it.

#include "tree_walk.h"

#include "directory_listing.h"
#include "naming/key_space.h"

namespace stsfs::fs {
namespace {

constexpr std::size_t kPageRows = 1'000;
/// A directory with more than this of its own is listed by itself.
constexpr std::size_t kEntriesMax = 4'000;

}  // namespace

TreeWalk::TreeWalk(oss::ObjectStore& store, const Clock& clock, cache::DirectoryCache& cache,
                   const KeySpace& keys, std::string key, const std::string& from,
                   std::chrono::milliseconds timeout)
    : store_(store),
      clock_(clock),
      cache_(cache),
      keys_(keys),
      key_(std::move(key)),
      // Exclusive, and the marker `from` is to be among the keys: without its slash.
      start_after_(from.substr(0, from.size() - 1)),
      timeout_(timeout),
      changes_(cache, key_, true),
      at_(start_after_) {}

TreeWalk::~TreeWalk() {
  Transfer last;
  MutexLock lock(mutex_);
  last = std::move(transfer_);
}

bool TreeWalk::is_past(const std::string& directory_key) const {
  return ended_ || (at_ > directory_key && !at_.starts_with(directory_key));
}

bool TreeWalk::is_ahead(const std::string& directory_key) const {
  MutexLock lock(mutex_);
  return !ended_ && directory_key.size() > key_.size() && directory_key.starts_with(key_) &&
         !is_past(directory_key) && directory_key > start_after_;
}

Result<void> TreeWalk::reach(const std::string& directory_key, int pages_max,
                             Interrupt* interrupt) {
  for (int pages = 0;; ++pages) {
    bool arrived = false;
    {
      MutexLock lock(mutex_);
      arrived = is_past(directory_key);
      if (!arrived && pages > 0 && error_ && !under_way_) return fail(Error(*error_));
      if (!arrived && pages >= pages_max) {
        ended_ = true;
        arrived = true;
      }
    }
    // The page behind is asked for at once: who walks comes there next.
    advance();
    if (arrived) return {};
    auto moved = await<void>(interrupt, [this](Callback<void> done) {
      {
        MutexLock lock(mutex_);
        if (under_way_) {
          waiting_.push_back(std::move(done));
          return Transfer();
        }
      }
      done({});
      return Transfer();
    });
    if (!moved) return moved;
  }
}

void TreeWalk::advance() {
  oss::ListRequest request{.prefix = key_, .start_after = start_after_};
  int number = 0;
  {
    MutexLock lock(mutex_);
    if (ended_ || under_way_) return;
    under_way_ = true;
    error_.reset();
    number = ++begun_;
    page_asked_ = clock_.steady();
    request.continuation_token = next_token_;
  }
  Transfer started =
      store_.start_list(request, Deadline::in(clock_, timeout_),
                        [this](Result<oss::ListPage> listed) { take(std::move(listed)); });
  Transfer before;
  MutexLock lock(mutex_);
  if (number != begun_) return;  // done already, and the next one asked for
  before = std::exchange(transfer_, std::move(started));
}

void TreeWalk::take(Result<oss::ListPage> listed) {
  std::vector<Callback<void>> waiting;
  {
    MutexLock lock(mutex_);
    under_way_ = false;
    waiting.swap(waiting_);
    if (!listed) {
      error_ = std::move(listed.error());
    } else if (!ended_) {
      for (const oss::ListEntry& object : listed->objects) {
        take_object(object);
        if (ended_) break;
      }
      next_token_ = listed->next_token;
      if (next_token_.empty() && !ended_) {
        leave_all_but("");
        ended_ = true;
      }
    }
  }
  for (Callback<void>& done : waiting) done({});
}

void TreeWalk::take_object(const oss::ListEntry& object) {
  at_ = object.key;
  leave_all_but(object.key);
  const std::string& inside = open_.empty() ? key_ : open_.back().key;
  for (std::size_t slash = object.key.find('/', inside.size()); slash != std::string::npos;
       slash = object.key.find('/', slash + 1))
    enter(object.key.substr(0, slash + 1), object);
  if (open_.empty() || object.key.back() == '/') return;  // beside the directories, or a marker
  Open& directory = open_.back();
  add(directory, std::string_view(object.key).substr(directory.key.size()), known_entry(object));
  if (directory.entries > kEntriesMax) ended_ = true;
}

void TreeWalk::enter(std::string key, const oss::ListEntry& first) {
  cache::KnownEntry entry;
  if (first.key == key) entry = known_entry(first);
  entry.is_directory = true;
  entry.has_marker = first.key == key;
  const std::string& above = open_.empty() ? key_ : open_.back().key;
  if (!open_.empty())
    add(open_.back(), std::string_view(key).substr(above.size(), key.size() - above.size() - 1),
        entry);
  Open opened{.key = std::move(key), .directory = {}, .page = {}};
  opened.directory.asked = page_asked_;
  opened.directory.marker = std::move(entry);
  open_.push_back(std::move(opened));
}

void TreeWalk::add(Open& directory, std::string_view component, const cache::KnownEntry& entry) {
  const auto name = keys_.name_of(component, entry.is_directory);
  if (!name) return;
  if (*name != component) {
    cache_.set_entry(directory.key, *name, entry);
    return;
  }
  directory.page.append(*name, entry);
  ++directory.entries;
  if (directory.page.size() < kPageRows) return;
  directory.directory.append(std::move(directory.page));
  directory.page = {};
}

void TreeWalk::leave_all_but(const std::string& key) {
  while (!open_.empty() && (key.empty() || !key.starts_with(open_.back().key))) {
    Open& directory = open_.back();
    directory.directory.append(std::move(directory.page));
    for (const auto& [name, entry] : hidden_files(directory.directory, keys_))
      cache_.set_entry(directory.key, name, entry);
    cache_.put(directory.key, changes_, std::move(directory.directory));
    open_.pop_back();
  }
}

}  // namespace stsfs::fs
