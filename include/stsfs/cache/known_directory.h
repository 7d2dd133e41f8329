#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/clock.h"
#include "stsfs/oss/object.h"

namespace stsfs::cache {

/// One name in a directory, as a listing told it.
struct KnownEntry {
  bool is_directory =
      false;  ///< `name/` exists or something lies below it. Wins over a file of that name.
  /// Whether the object `name/` itself exists (only with is_directory); absent: not known. Where it
  /// does, and where known, etag and last_modified are its.
  std::optional<bool> has_marker;
  std::uint64_t size_bytes = 0;
  std::string etag;
  WallTime last_modified;  ///< Whole seconds; 1970 when not known.
  oss::ObjectType type = oss::ObjectType::kNormal;
  std::string storage_class;
};

/// Some neighbours in a directory, in the order in which OSS lists their keys: a directory `x` as
/// `x/`, behind a file `x.c`. About 40 bytes an entry and its name.
///
/// Threads: unchanged once it is shared.
class DirectoryPage {
 public:
  std::size_t size() const { return rows_.size(); }
  std::string_view name(std::size_t row) const;
  bool is_directory(std::size_t row) const;
  /// A file that a directory of the same name hides.
  bool is_hidden(std::size_t row) const;
  /// A file whose directory of the same name would come behind this page.
  bool is_open(std::size_t row) const;
  KnownEntry entry(std::size_t row) const;
  std::size_t memory_bytes() const;

  /// Behind all that are there. Invalid: an empty name, or one of more than 255 bytes.
  void append(std::string_view name, const KnownEntry& entry);
  /// Gives back what growing left over.
  void shrink();

 private:
  friend class KnownDirectory;
  struct Row {
    std::uint64_t size_bytes = 0;
    std::array<std::uint8_t, 16> etag{};
    std::uint32_t name_at = 0;
    std::uint32_t modified_seconds = 0;
    std::uint16_t etag_form = 0;  ///< kNoEtag, kMd5, kMd5 + parts, or kOtherEtag.
    std::uint8_t name_size = 0;
    std::uint8_t flags = 0;
    std::uint8_t storage_class = 0;
  };

  Row pack(const KnownEntry& entry);
  std::uint8_t pack_class(const std::string& storage_class);
  /// The first row that is not before `name`.
  std::size_t lower_bound(std::string_view name, bool directory) const;
  bool is_at(std::size_t row, std::string_view name, bool directory) const;
  void insert(std::size_t row, std::string_view name, const KnownEntry& entry);
  void erase(std::size_t row);
  void copy_row(const DirectoryPage& from, std::size_t row);
  /// Leaves out what no row refers to any more, once that is much.
  void compact_if_worth_it();

  std::vector<Row> rows_;
  std::string names_;
  std::vector<std::string> texts_;  ///< ETags of no known form, storage classes of no known name.
  std::size_t unused_bytes_ = 0;
};
using DirectoryPagePointer = std::shared_ptr<const DirectoryPage>;

/// The entries of a directory. Copies share their pages until one of them changes, so that a
/// reader's view of a million names costs nothing.
class KnownDirectory {
 public:
  SteadyTime asked;  ///< When the first page was asked for: nothing later is known.
  /// Of the directory itself: its has_marker, ETag and LastModified; absent: not known.
  std::optional<KnownEntry> marker;

  std::size_t size() const { return size_; }
  std::size_t memory_bytes() const { return memory_bytes_; }
  const std::vector<DirectoryPagePointer>& pages() const { return pages_; }

  std::optional<KnownEntry> find(std::string_view name) const;
  /// Whether a file has the name, also one that a directory hides.
  bool has_file(std::string_view name) const { return place_of(name, false).has_value(); }
  /// The entries behind `name` in the order of the pages, at most `count`.
  std::vector<std::pair<std::string, KnownEntry>> after(std::string_view name,
                                                        std::size_t count) const;
  /// Which page `name` is on, or would be; 0 when there is none.
  std::size_t page_for(std::string_view name) const { return page_for(name, false); }
  /// Whether the pages reach past `name`: what they do not show of it is not there.
  bool covers(std::string_view name) const;

  struct Place {
    std::size_t page = 0;
    std::size_t row = 0;
  };
  /// The files on pages before `page` that are open there, and not any more behind `page`; with the
  /// number of pages: those that are open behind all of them. In the order of the pages, without
  /// those that are hidden; fewer than 256.
  std::vector<Place> closed_by(std::size_t page) const;

  /// Behind all that are there.
  void append(DirectoryPage page);
  /// Returns whether it is new. A file that a directory hides stays hidden by it.
  bool set(std::string_view name, const KnownEntry& entry);
  bool erase(std::string_view name);

 private:
  std::optional<Place> place_of(std::string_view name, bool directory) const;
  bool is_hidden(const Place& place) const { return pages_[place.page]->is_hidden(place.row); }
  std::size_t page_for(std::string_view name, bool directory) const;
  DirectoryPage& writable(std::size_t page);
  void replace(std::size_t page, DirectoryPage with);
  bool erase(std::string_view name, bool directory);
  void split(std::size_t page);

  std::vector<DirectoryPagePointer> pages_;  ///< None is empty.
  std::size_t size_ = 0;
  std::size_t memory_bytes_ = 0;
};
using KnownDirectoryPointer = std::shared_ptr<const KnownDirectory>;

}  // namespace stsfs::cache
