#include "directory_view.h"

namespace stsfs::fs {
namespace {

// A cookie: the page, and there first what was held back until it came, then its rows; behind all
// pages, the position in the rest.
constexpr int kRowBits = 16;
constexpr std::uint64_t kRowMask = (std::uint64_t{1} << kRowBits) - 1;
constexpr std::size_t kFirstRow = 256;  // KnownDirectory::closed_by gives fewer
constexpr std::uint64_t kRest = std::uint64_t{1} << 60;

}  // namespace

/// Who shares the listing may have seen one go that had the name of ours: no change tells of ours
/// until it is in OSS.
DirectoryView::DirectoryView(DirectoryListingPointer listing, Entries ours)
    : listing_(std::move(listing)), ours_(std::move(ours)) {
  for (const auto& [name, entry] : ours_)
    if (const auto changed = listing_->changes().of(listing_->key(), name);
        changed && !changed->entry)
      went_before_.emplace(name, changed->number);
}

std::optional<cache::KnownEntry> DirectoryView::shown(std::string_view name,
                                                      cache::KnownEntry listed) const {
  auto changed = listing_->changes().of(listing_->key(), name);
  if (!changed || (changed->was_directory && !listed.is_directory)) return listed;
  const auto before = went_before_.find(name);
  if (before != went_before_.end() && before->second == changed->number)
    return ours_.find(name)->second;
  return std::move(changed->entry);
}

Result<std::optional<DirectoryView::Item>> DirectoryView::at(std::uint64_t cookie, bool may_wait,
                                                             Interrupt* interrupt) {
  if (cookie >= kRest) return beyond(cookie);
  std::size_t page = cookie >> kRowBits;
  std::size_t at = cookie & kRowMask;
  const auto cookie_at = [&](std::size_t position) {
    return (std::uint64_t{page} << kRowBits) + position;
  };
  for (;; ++page, at = 0) {
    auto rows = may_wait ? listing_->page(page, interrupt) : listing_->page_here(page);
    if (!rows) return fail(std::move(rows.error()));
    if (at < kFirstRow) {
      auto closed = listing_->closed_by(page);
      for (; at < closed.size(); ++at)
        if (auto entry = shown(closed[at].name, std::move(closed[at].entry)))
          return Item{std::move(closed[at].name), std::move(*entry), closed[at].asked,
                      cookie_at(at + 1)};
      at = kFirstRow;
    }
    if (!*rows) return beyond(kRest);
    for (; at - kFirstRow < (*rows)->size(); ++at) {
      const std::size_t row = at - kFirstRow;
      if ((*rows)->is_hidden(row) || (*rows)->is_open(row)) continue;
      auto entry = shown((*rows)->name(row), (*rows)->entry(row));
      if (!entry) continue;
      return Item{std::string((*rows)->name(row)), std::move(*entry), listing_->asked(page),
                  cookie_at(at + 1)};
    }
  }
}

std::optional<DirectoryView::Item> DirectoryView::beyond(std::uint64_t cookie) {
  MutexLock lock(mutex_);
  if (!rest_) gather_rest();
  for (std::size_t i = cookie - kRest; i < rest_->size(); ++i) {
    const auto& [name, entry] = (*rest_)[i];
    if (auto now = shown(name, entry))
      return Item{name, std::move(*now), listing_->asked(), kRest + i + 1};
  }
  return std::nullopt;
}

/// Once, at the end of the pages: what comes later is for who opens the directory later.
void DirectoryView::gather_rest() {
  Entries all = listing_->changes().added(listing_->key());
  all.insert(ours_.begin(), ours_.end());
  all.merge(listing_->others());  // also when the changes are forgotten
  rest_.emplace();
  for (auto& [name, entry] : all)
    if (!listing_->is_on_pages(name)) rest_->emplace_back(name, std::move(entry));
}

}  // namespace stsfs::fs
