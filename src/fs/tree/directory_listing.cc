#include "directory_listing.h"

#include "naming/key_space.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {

cache::KnownEntry known_entry(const oss::ListEntry& listed) {
  return {.size_bytes = listed.size_bytes,
          .etag = listed.etag,
          .last_modified = listed.last_modified,
          .type = listed.type,
          .storage_class = listed.storage_class};
}

ListedPage page_of(const oss::ListPage& listed, const std::string& key, const KeySpace& keys) {
  ListedPage out;
  const auto add = [&](std::string_view component, const cache::KnownEntry& entry) {
    if (component.empty() && !entry.is_directory) return;  // the directory's own marker
    auto name = keys.name_of(component, entry.is_directory);
    if (!name)
      log_debug("fs", "{} is not shown", printable(component));
    else if (*name == component)
      out.page.append(*name, entry);
    else
      out.others.emplace_back(std::move(*name), entry);
  };
  cache::KnownEntry directory;
  directory.is_directory = true;
  auto object = listed.objects.begin();
  auto common = listed.common_prefixes.begin();
  while (object != listed.objects.end() || common != listed.common_prefixes.end()) {
    const bool file = common == listed.common_prefixes.end() ||
                      (object != listed.objects.end() && object->key < *common);
    if (file) {
      add(std::string_view(object->key).substr(key.size()), known_entry(*object));
      ++object;
    } else {
      add(std::string_view(*common).substr(key.size(), common->size() - key.size() - 1), directory);
      ++common;
    }
  }
  return out;
}

namespace {

/// `found(page, row)` for each file that a directory of its name hides.
template <class Found>
void find_hidden(const cache::KnownDirectory& directory, Found found) {
  std::size_t rows = 0;
  for (const auto& page : directory.pages()) rows += page->size();
  if (rows == directory.size()) return;
  for (const auto& page : directory.pages())
    for (std::size_t row = 0; row < page->size(); ++row)
      if (page->is_hidden(row)) found(*page, row);
}

}  // namespace

std::vector<std::pair<std::string, cache::KnownEntry>> hidden_files(
    const cache::KnownDirectory& directory, const KeySpace& keys) {
  std::vector<std::pair<std::string, cache::KnownEntry>> out;
  find_hidden(directory, [&](const cache::DirectoryPage& page, std::size_t row) {
    if (auto name = keys.name_beside(page.name(row)))
      out.emplace_back(std::move(*name), page.entry(row));
  });
  return out;
}

DirectoryListing::DirectoryListing(oss::ObjectStore& store, const Clock& clock,
                                   cache::DirectoryCache& cache, const KeySpace& keys,
                                   std::string key, std::chrono::milliseconds timeout)
    : store_(store),
      clock_(clock),
      cache_(cache),
      keys_(keys),
      key_(std::move(key)),
      timeout_(timeout),
      changes_(cache, key_) {
  const auto known = cache_.find(key_);
  if (!known) return;
  MutexLock lock(mutex_);
  known_ = *known;
  exists_ = known_.size() > 0 || !known_.marker || known_.marker->has_marker.value_or(true);
  complete_ = true;
}

DirectoryListing::~DirectoryListing() {
  Transfer last;
  MutexLock lock(mutex_);
  last = std::move(transfer_);
}

void DirectoryListing::begin() {
  {
    MutexLock lock(mutex_);
    if (begun_ > 0 && !error_) return;
  }
  advance();
}

void DirectoryListing::advance() {
  oss::ListRequest request{.prefix = key_, .delimiter = "/"};
  int number = 0;
  {
    MutexLock lock(mutex_);
    if (complete_ || under_way_) return;
    under_way_ = true;
    error_.reset();
    number = ++begun_;
    page_asked_ = clock_.steady();
    if (next_token_.empty()) known_.asked = page_asked_;
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

void DirectoryListing::take(Result<oss::ListPage> listed) {
  std::vector<Callback<void>> waiting;
  {
    MutexLock lock(mutex_);
    under_way_ = false;
    if (listed) {
      if (!known_.marker) {
        const bool present = !listed->objects.empty() && listed->objects.front().key == key_;
        known_.marker = present ? known_entry(listed->objects.front()) : cache::KnownEntry{};
        known_.marker->is_directory = true;
        known_.marker->has_marker = present;
      }
      exists_ = exists_ || !listed->objects.empty() || !listed->common_prefixes.empty();
      const std::size_t before = known_.pages().size();
      ListedPage page = page_of(*listed, key_, keys_);
      known_.append(std::move(page.page));
      if (known_.pages().size() > before) asked_.push_back(page_asked_);
      next_token_ = listed->next_token;
      complete_ = next_token_.empty();
      // Shown behind all pages; for who looks them up, as what we put there meanwhile.
      if (complete_)
        for (auto& hidden : hidden_files(known_, keys_)) page.others.push_back(std::move(hidden));
      for (auto& [name, entry] : page.others) {
        cache_.set_entry(key_, name, entry);
        others_.insert_or_assign(std::move(name), std::move(entry));
      }
      if (complete_) cache_.put(key_, changes_, known_);
    } else {
      error_ = std::move(listed.error());
    }
    waiting.swap(waiting_);
  }
  for (Callback<void>& done : waiting) done({});
}

void DirectoryListing::when_moved(Callback<void> done) {
  {
    MutexLock lock(mutex_);
    if (under_way_) {
      waiting_.push_back(std::move(done));
      return;
    }
  }
  done({});
}

Result<cache::DirectoryPagePointer> DirectoryListing::look(std::size_t index, bool& is_last) const {
  MutexLock lock(mutex_);
  is_last = index + 1 >= known_.pages().size();
  if (index < known_.pages().size()) return known_.pages()[index];
  if (complete_) return cache::DirectoryPagePointer();
  return fail(Errc::kWouldWait, "");
}

Result<cache::DirectoryPagePointer> DirectoryListing::page_here(std::size_t index) {
  bool is_last = false;
  auto here = look(index, is_last);
  if (here && is_last) advance();
  return here;
}

Result<cache::DirectoryPagePointer> DirectoryListing::page(std::size_t index, Interrupt* interrupt,
                                                           bool ahead) {
  for (bool waited = false;; waited = true) {
    bool is_last = false;
    auto here = look(index, is_last);
    if (!here && waited) {
      MutexLock lock(mutex_);
      if (error_ && !under_way_) return fail(Error(*error_));
    }
    if (!here || (is_last && ahead)) advance();
    if (here) return here;
    auto moved = await<void>(interrupt, [this](Callback<void> done) {
      when_moved(std::move(done));
      return Transfer();
    });
    if (!moved) return fail(std::move(moved.error()));
  }
}

SteadyTime DirectoryListing::asked_for(std::string_view name) const {
  if (asked_.empty()) return known_.asked;
  return asked_[std::min(known_.page_for(name), asked_.size() - 1)];
}

std::optional<NameAnswer> DirectoryListing::find(std::string_view name,
                                                 std::chrono::milliseconds fresh) const {
  auto known = find(name);
  if (known && clock_.steady() - known->asked >= fresh) return std::nullopt;
  return known;
}

std::optional<NameAnswer> DirectoryListing::find(std::string_view name) const {
  if (changes_.forgotten()) return std::nullopt;
  auto changed = changes_.of(key_, name);
  MutexLock lock(mutex_);
  const SteadyTime asked = asked_for(name);
  const bool may_show_file = changed && changed->was_directory;
  if (changed && !may_show_file) return NameAnswer{std::move(changed->entry), asked, {}};
  if (may_show_file && known_.has_file(name)) return std::nullopt;  // it may have changed since
  auto found = may_show_file ? std::nullopt : known_.find(name);
  // Behind a file its directory may come; what is shown under another name than in its key has its
  // place in the order elsewhere.
  const bool is_known = complete_ || (found && found->is_directory) ||
                        (known_.covers(name) && KeyNames::are_components(name));
  if (!is_known) return std::nullopt;
  return NameAnswer{std::move(found), asked, {}};
}

std::map<std::string, cache::KnownEntry, std::less<>> DirectoryListing::others() const {
  MutexLock lock(mutex_);
  return others_;
}

std::vector<DirectoryListing::Closed> DirectoryListing::closed_by(std::size_t index) const {
  std::vector<Closed> out;
  MutexLock lock(mutex_);
  for (const auto& [page, row] : known_.closed_by(index)) {
    const cache::DirectoryPage& rows = *known_.pages()[page];
    out.push_back({std::string(rows.name(row)), rows.entry(row),
                   page < asked_.size() ? asked_[page] : known_.asked});
  }
  return out;
}

bool DirectoryListing::is_on_pages(std::string_view name) const {
  MutexLock lock(mutex_);
  return known_.find(name).has_value();
}

std::vector<std::pair<std::string, cache::KnownEntry>> DirectoryListing::after(
    std::string_view name, std::size_t count) const {
  MutexLock lock(mutex_);
  return known_.after(name, count);
}

bool DirectoryListing::hides_too_much() const {
  if (!changes_.any()) return false;
  bool out = false;
  MutexLock lock(mutex_);
  find_hidden(known_, [&](const cache::DirectoryPage& page, std::size_t row) {
    const auto changed = changes_.of(key_, page.name(row));
    out = out || (changed && changed->was_directory);
  });
  return out;
}

std::optional<cache::KnownEntry> DirectoryListing::marker() const {
  MutexLock lock(mutex_);
  return known_.marker;
}

bool DirectoryListing::exists() const {
  MutexLock lock(mutex_);
  return exists_;
}

bool DirectoryListing::complete() const {
  MutexLock lock(mutex_);
  return complete_;
}

bool DirectoryListing::failed() const {
  MutexLock lock(mutex_);
  return error_.has_value();
}

SteadyTime DirectoryListing::asked(std::size_t index) const {
  MutexLock lock(mutex_);
  return index < asked_.size() ? asked_[index] : known_.asked;
}

SteadyTime DirectoryListing::asked() const {
  MutexLock lock(mutex_);
  return known_.asked;
}

}  // namespace stsfs::fs
