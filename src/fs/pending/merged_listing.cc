#include "merged_listing.h"

#include <algorithm>

namespace stsfs::fs {
namespace {

constexpr int kPageMax = 1'000;

}  // namespace

std::string after_all_below(std::string prefix) { return prefix.append("\xf4\x8f\xbf\xbf"); }

MergedListing::MergedListing(oss::ObjectStore& store, oss::ListRequest request, Deadline deadline,
                             ListingOverlay overlay, Callback<oss::ListPage> done)
    : store_(store),
      request_(std::move(request)),
      deadline_(deadline),
      overlay_(std::move(overlay)),
      done_(std::move(done)),
      last_(request_.start_after) {
  Source asked{.prefix = request_.prefix, .after = request_.start_after};
  for (const auto& move : overlay_.moves)  // nothing is there any more
    if (request_.prefix.starts_with(move.from)) asked_is_moved_ = asked.ended = true;
  sources_.push_back(std::move(asked));
  for (const auto& move : overlay_.moves) add_source(move);
}

void MergedListing::add_source(const ListingOverlay::Move& move) {
  Source source{.move = &move};
  const std::string& after = request_.start_after;
  if (after.starts_with(move.to))
    source.after = move.from + after.substr(move.to.size());
  else
    source.ended = after > move.to;
  if (request_.prefix.starts_with(move.to)) {
    source.prefix = move.from + request_.prefix.substr(move.to.size());
  } else if (!move.to.starts_with(request_.prefix)) {
    return;
  } else if (request_.delimiter.empty()) {
    source.prefix = move.from;
  } else {  // the tree is one of the prefixes, or below one
    const auto slash = move.to.find(request_.delimiter, request_.prefix.size());
    source.ended = true;
    Item item{.key = move.to.substr(0, slash + request_.delimiter.size()), .is_prefix = true};
    if (after < item.key && !move.is_removed) source.items.push_back(std::move(item));
  }
  sources_.push_back(std::move(source));
}

Transfer MergedListing::start() {
  go_on();
  return Transfer([self = shared_from_this()] { self->chain_.cancel(); });
}

/// Trees first; then, because they were asked anew, what was asked for from there on.
MergedListing::Source* MergedListing::lacking() {
  for (Source& source : sources_) {
    if (source.move == nullptr || !source.items.empty() || source.ended) continue;
    Source& asked = sources_[0];
    asked.items.clear();
    asked.after = last_;
    asked.ended = asked_is_moved_;
    return &source;
  }
  Source& asked = sources_[0];
  return asked.items.empty() && !asked.ended ? &asked : nullptr;
}

void MergedListing::go_on() {
  for (;;) {
    if (Source* source = lacking()) {
      fill(*source);
      return;
    }
    const auto emitted = page_.objects.size() + page_.common_prefixes.size();
    const bool full = emitted >= static_cast<std::size_t>(request_.keys_max);
    if (full) page_.next_token = last_;
    if (full || !emit_next()) {
      done_(std::move(page_));
      return;
    }
  }
}

void MergedListing::fill(Source& source) {
  oss::ListRequest request{.prefix = source.prefix,
                           .delimiter = request_.delimiter,
                           .start_after = source.after,
                           .keys_max = kPageMax};
  chain_.step([&, at = static_cast<std::size_t>(&source - sources_.data())] {
    return store_.start_list(request, deadline_,
                             [self = shared_from_this(), at](Result<oss::ListPage> page) {
                               if (!page) {
                                 self->done_(fail(std::move(page.error())));
                                 return;
                               }
                               self->take(self->sources_[at], *page);
                               self->go_on();
                             });
  });
}

void MergedListing::take(Source& source, const oss::ListPage& page) {
  page_.server_time = page.server_time;
  auto object = page.objects.begin();
  auto prefix = page.common_prefixes.begin();
  while (object != page.objects.end() || prefix != page.common_prefixes.end()) {
    const bool is_object = prefix == page.common_prefixes.end() ||
                           (object != page.objects.end() && object->key < *prefix);
    Item item;
    if (is_object) {
      item.key = object->key;
      item.entry = *object++;
      source.after = item.key;
    } else {
      item.key = *prefix++;
      item.is_prefix = true;
      source.after = after_all_below(item.key);
    }
    take_item(source, std::move(item));
  }
  source.ended = page.next_token.empty();
}

void MergedListing::take_item(Source& source, Item item) {
  if (source.move != nullptr) {
    if (!item.is_prefix && source.move->is_moved(item.key)) return;
    item.key = source.move->to + item.key.substr(source.move->from.size());
    item.entry.key = item.key;
  }
  if (is_seen(source, item)) source.items.push_back(std::move(item));
}

bool MergedListing::is_seen(const Source& source, const Item& item) const {
  if (source.move == nullptr)
    for (const auto& move : overlay_.moves)
      if (item.key.starts_with(move.from)) return false;
  return !overlay_.hides || !overlay_.hides(item.key, item.entry.etag);
}

/// False when there is nothing left.
bool MergedListing::emit_next() {
  Source* first = nullptr;
  for (Source& source : sources_)
    if (!source.items.empty() && (!first || source.items.front().key < first->items.front().key))
      first = &source;
  if (first == nullptr) return false;
  Item item = std::move(first->items.front());
  first->items.pop_front();
  for (Source& source : sources_)  // the same in two places: what was asked for itself counts
    if (!source.items.empty() && source.items.front().key == item.key) source.items.pop_front();
  last_ = item.is_prefix ? after_all_below(item.key) : item.key;
  if (item.is_prefix)
    page_.common_prefixes.push_back(std::move(item.key));
  else
    page_.objects.push_back(std::move(item.entry));
  return true;
}

}  // namespace stsfs::fs
