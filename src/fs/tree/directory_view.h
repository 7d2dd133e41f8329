#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "directory_listing.h"

namespace stsfs::fs {

/// What one open directory shows: its listing, page by page as they arrive, without what was
/// removed here since; then what is here and on no page.
///
/// A file whose directory of the same name may be on a later page (`x`, `x!`, …, `x/`) is given
/// with the page that shows that there is none, and not where it stands.
///
/// A cookie is a position on the pages, which stay as they were when the view was made; so an entry
/// that is there all the time is given once, whatever changes around it and wherever a reader
/// seeks.
///
/// Threads: every call at once on any thread.
class DirectoryView {
 public:
  using Entries = std::map<std::string, cache::KnownEntry, std::less<>>;

  struct Item {
    std::string name;
    cache::KnownEntry entry;
    SteadyTime asked;  ///< OSS said so then.
    std::uint64_t next_cookie = 0;
  };

  /// `ours`: what is there and not in OSS.
  DirectoryView(DirectoryListingPointer listing, Entries ours);

  /// The first entry at `cookie` or behind; none at the end. 0 is the start. With `may_wait` false:
  /// kWouldWait where a page is to come. Errors: as DirectoryListing::page.
  Result<std::optional<Item>> at(std::uint64_t cookie, bool may_wait, Interrupt* interrupt);

  /// False when more happened in the directory than is known one by one: its entries are then good
  /// for their names only.
  bool entries_are_good() const { return !listing_->changes().forgotten(); }
  const DirectoryListingPointer& listing() const { return listing_; }

 private:
  std::optional<Item> beyond(std::uint64_t cookie);
  void gather_rest() STSFS_REQUIRES(mutex_);
  /// What is to be shown of an entry; none when it is not there any more.
  std::optional<cache::KnownEntry> shown(std::string_view name, cache::KnownEntry listed) const;

  const DirectoryListingPointer listing_;
  const Entries ours_;
  // Of ours, those whose names went before they had them: the change that says so.
  std::map<std::string, std::uint64_t, std::less<>> went_before_;
  Mutex mutex_;  // before the listing's
  std::optional<std::vector<std::pair<std::string, cache::KnownEntry>>> rest_
      STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fs
