#include "open_runs.h"

#include <algorithm>

#include "tree/listings.h"

namespace stsfs::fs {

std::optional<NameAnswer> OpenRuns::find(const std::string& key, Interrupt* interrupt) {
  if (options_.fresh <= std::chrono::milliseconds(0)) return std::nullopt;
  const SteadyTime asked = clock_.steady();
  std::optional<oss::ListRequest> request;
  {
    MutexLock lock(mutex_);
    drop_old();
    if (page_of(key) == nullptr) request = worth_listing(key);
    under_way_ = under_way_ || request.has_value();
  }
  if (request) {
    auto page = await<oss::ListPage>(interrupt, [&](Callback<oss::ListPage> done) {
      return store_.start_list(*request, Deadline::in(clock_, options_.request_timeout),
                               std::move(done));
    });
    MutexLock lock(mutex_);
    under_way_ = false;
    if (page) take(*request, *page, asked);
  }
  MutexLock lock(mutex_);
  const Page* page = page_of(key);
  if (page == nullptr) return std::nullopt;
  const auto found = page->entries.find(key);
  if (found == page->entries.end()) return std::nullopt;
  return NameAnswer{.entry = found->second, .asked = page->asked, .meta = {}};
}

bool OpenRuns::covers(const std::string& key) const {
  MutexLock lock(mutex_);
  return std::any_of(pages_.begin(), pages_.end(), [&](const Page& page) {
    return page.covers(key) && clock_.steady() - page.asked < options_.fresh / 2;
  });
}

const OpenRuns::Page* OpenRuns::page_of(const std::string& key) {
  for (Page& page : pages_) {
    if (!page.covers(key) || !is_fresh(page.asked)) continue;
    ++page.spared;
    return &page;
  }
  return nullptr;
}

/// And learns of each whether it was worth it. The one who asked for it counts among the spared.
void OpenRuns::drop_old() {
  for (auto page = pages_.begin(); page != pages_.end();) {
    if (is_fresh(page->asked)) {
      ++page;
      continue;
    }
    in_a_row_needed_ = page->spared > 2 ? std::max(kInARowMin, in_a_row_needed_ / 2)
                                        : std::min(kInARowMax, in_a_row_needed_ * 2);
    page = pages_.erase(page);
  }
}

/// A page from this key on where the directory's first one does not reach so far.
std::optional<oss::ListRequest> OpenRuns::worth_listing(const std::string& key) {
  const bool goes_on = !last_key_.empty() && last_key_ != key && is_fresh(last_asked_);
  in_a_row_ = goes_on ? in_a_row_ + 1 : 1;
  const std::string directory = goes_on ? common_directory(key) : std::string();
  last_key_ = key;
  last_asked_ = clock_.steady();
  if (under_way_ || in_a_row_ < in_a_row_needed_ || directory.empty()) return std::nullopt;
  oss::ListRequest request{.prefix = directory};
  for (const Page& page : pages_)
    if (page.prefix == directory) request.start_after = key.substr(0, key.size() - 1);
  return request;
}

/// Of this key and the last one. Where that is the whole folder, the one that the file is in.
std::string OpenRuns::common_directory(const std::string& key) const {
  const auto differs = std::mismatch(key.begin(), key.end(), last_key_.begin(), last_key_.end());
  const std::string same(key.begin(), differs.first);
  const std::string common = same.substr(0, same.rfind('/') + 1);
  return common.size() > options_.prefix.size() ? common : key.substr(0, key.rfind('/') + 1);
}

void OpenRuns::take(const oss::ListRequest& request, const oss::ListPage& page, SteadyTime asked) {
  Page out{.prefix = request.prefix, .first = request.start_after, .asked = asked};
  for (const oss::ListEntry& object : page.objects)
    out.entries.emplace(object.key, known_entry(object));
  if (!page.next_token.empty() && !page.objects.empty()) out.last = page.objects.back().key;
  pages_.push_back(std::move(out));
}

}  // namespace stsfs::fs
