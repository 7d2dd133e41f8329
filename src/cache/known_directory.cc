// An entry as a listing tells it takes about 250 bytes as strings. What nearly every ETag is, an
// MD5 in upper-case hex, perhaps with a number of parts, takes 16; times have whole seconds; names
// lie one behind the other. The rare rest lies beside, as text.

#include "stsfs/cache/known_directory.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>

#include "sole_owner.h"

namespace stsfs::cache {
namespace {

// --- flags of a row ---
constexpr std::uint8_t kTypeMask = 0x03;
constexpr std::uint8_t kDirectory = 0x04;
constexpr std::uint8_t kMarkerKnown = 0x08;
constexpr std::uint8_t kMarker = 0x10;
constexpr std::uint8_t kHidden = 0x20;

// --- forms of an ETag ---
constexpr std::uint16_t kNoEtag = 0;
constexpr std::uint16_t kMd5 = 1;
constexpr std::uint16_t kOtherEtag = 0xffff;
constexpr std::uint16_t kPartsMax = 10'000;
constexpr std::size_t kHexSize = 32;

// --- storage classes; from kOtherClass on: in the texts ---
constexpr std::array<const char*, 6> kClasses{"",        "Standard",    "IA",
                                              "Archive", "ColdArchive", "DeepColdArchive"};
constexpr std::uint8_t kOtherClass = 16;

/// A page that grew this long by insertions becomes two.
constexpr std::size_t kPageRowsMax = 2'000;
constexpr std::size_t kUnusedBytesMax = 16 * 1024;
constexpr std::size_t kUnusedTextsMax = 64;

/// As OSS orders the keys: that of a directory has a slash behind it.
int compare(std::string_view a, bool a_directory, std::string_view b, bool b_directory) {
  const std::size_t common = std::min(a.size(), b.size());
  if (const int order = std::memcmp(a.data(), b.data(), common); order != 0) return order;
  const auto next = [common](std::string_view name, bool directory) {
    if (name.size() > common) return static_cast<int>(static_cast<unsigned char>(name[common]));
    return directory ? static_cast<int>('/') : -1;
  };
  return next(a, a_directory) - next(b, b_directory);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// `"0123…EF"` or `"0123…EF-7"`, quotes included; nothing else survives being packed.
std::optional<std::uint16_t> pack_etag(std::string_view text, std::array<std::uint8_t, 16>& out) {
  if (text.empty()) return kNoEtag;
  if (text.size() < kHexSize + 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  std::string_view parts = text.substr(kHexSize);
  if (parts.empty()) return kMd5;
  if (parts.front() != '-' || parts.size() < 2 || parts.size() > 6 || parts[1] == '0')
    return std::nullopt;
  unsigned count = 0;
  for (const char c : parts.substr(1)) {
    if (c < '0' || c > '9') return std::nullopt;
    count = count * 10 + static_cast<unsigned>(c - '0');
  }
  if (count > kPartsMax) return std::nullopt;
  return static_cast<std::uint16_t>(kMd5 + count);
}

std::string unpack_etag(const std::array<std::uint8_t, 16>& etag, std::uint16_t form) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(kHexSize + 8);
  out += '"';
  for (const std::uint8_t byte : etag) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  if (form > kMd5) out.append("-").append(std::to_string(form - kMd5));
  out += '"';
  return out;
}

std::uint32_t seconds_of(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(seconds, 0, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

// --- DirectoryPage ---

std::string_view DirectoryPage::name(std::size_t row) const {
  return std::string_view(names_).substr(rows_[row].name_at, rows_[row].name_size);
}

bool DirectoryPage::is_directory(std::size_t row) const {
  return (rows_[row].flags & kDirectory) != 0;
}

bool DirectoryPage::is_hidden(std::size_t row) const { return (rows_[row].flags & kHidden) != 0; }

bool DirectoryPage::is_open(std::size_t row) const {
  const std::size_t last = size() - 1;
  return !is_directory(row) && compare(name(last), is_directory(last), name(row), true) < 0;
}

KnownEntry DirectoryPage::entry(std::size_t at) const {
  const Row& row = rows_[at];
  KnownEntry out;
  out.is_directory = (row.flags & kDirectory) != 0;
  if ((row.flags & kMarkerKnown) != 0) out.has_marker = (row.flags & kMarker) != 0;
  out.type = static_cast<oss::ObjectType>(row.flags & kTypeMask);
  out.size_bytes = row.size_bytes;
  out.last_modified = WallTime(std::chrono::seconds(row.modified_seconds));
  if (row.etag_form == kOtherEtag) {
    std::uint32_t index = 0;
    std::memcpy(&index, row.etag.data(), sizeof(index));
    out.etag = texts_[index];
  } else if (row.etag_form != kNoEtag) {
    out.etag = unpack_etag(row.etag, row.etag_form);
  }
  out.storage_class = row.storage_class < kOtherClass ? std::string(kClasses[row.storage_class])
                                                      : texts_[row.storage_class - kOtherClass];
  return out;
}

std::size_t DirectoryPage::memory_bytes() const {
  std::size_t out = sizeof(*this) + rows_.capacity() * sizeof(Row) + names_.capacity();
  for (const std::string& text : texts_) out += sizeof(std::string) + text.capacity();
  return out;
}

DirectoryPage::Row DirectoryPage::pack(const KnownEntry& entry) {
  Row row;
  row.size_bytes = entry.size_bytes;
  row.modified_seconds = seconds_of(entry.last_modified);
  row.flags = static_cast<std::uint8_t>(entry.type) & kTypeMask;
  if (entry.is_directory) row.flags |= kDirectory;
  if (entry.has_marker) row.flags |= kMarkerKnown;
  if (entry.has_marker.value_or(false)) row.flags |= kMarker;
  row.storage_class = pack_class(entry.storage_class);
  if (const auto form = pack_etag(entry.etag, row.etag)) {
    row.etag_form = *form;
  } else {
    row.etag_form = kOtherEtag;
    const auto index = static_cast<std::uint32_t>(texts_.size());
    texts_.push_back(entry.etag);
    std::memcpy(row.etag.data(), &index, sizeof(index));
  }
  return row;
}

std::uint8_t DirectoryPage::pack_class(const std::string& storage_class) {
  const auto known = std::find(kClasses.begin(), kClasses.end(), storage_class);
  if (known != kClasses.end()) return static_cast<std::uint8_t>(known - kClasses.begin());
  constexpr std::size_t kOthersMax = std::numeric_limits<std::uint8_t>::max() - kOtherClass;
  for (std::size_t i = 0; i < std::min(texts_.size(), kOthersMax); ++i)
    if (texts_[i] == storage_class) return static_cast<std::uint8_t>(kOtherClass + i);
  if (texts_.size() >= kOthersMax) return 0;  // not known any more: a HEAD tells
  texts_.push_back(storage_class);
  return static_cast<std::uint8_t>(kOtherClass + texts_.size() - 1);
}

std::size_t DirectoryPage::lower_bound(std::string_view wanted, bool directory) const {
  std::size_t from = 0;
  std::size_t to = rows_.size();
  while (from < to) {
    const std::size_t middle = from + (to - from) / 2;
    if (compare(name(middle), is_directory(middle), wanted, directory) < 0)
      from = middle + 1;
    else
      to = middle;
  }
  return from;
}

bool DirectoryPage::is_at(std::size_t row, std::string_view wanted, bool directory) const {
  return row < size() && is_directory(row) == directory && name(row) == wanted;
}

void DirectoryPage::insert(std::size_t at, std::string_view name, const KnownEntry& entry) {
  assert(!name.empty() && name.size() <= std::numeric_limits<std::uint8_t>::max());
  Row row = pack(entry);
  row.name_at = static_cast<std::uint32_t>(names_.size());
  row.name_size = static_cast<std::uint8_t>(name.size());
  names_.append(name);
  rows_.insert(rows_.begin() + static_cast<std::ptrdiff_t>(at), row);
}

void DirectoryPage::append(std::string_view name, const KnownEntry& entry) {
  insert(rows_.size(), name, entry);
}

void DirectoryPage::erase(std::size_t row) {
  unused_bytes_ += rows_[row].name_size;
  rows_.erase(rows_.begin() + static_cast<std::ptrdiff_t>(row));
  compact_if_worth_it();
}

void DirectoryPage::copy_row(const DirectoryPage& from, std::size_t row) {
  append(from.name(row), from.entry(row));
  if (from.is_hidden(row)) rows_.back().flags |= kHidden;
}

void DirectoryPage::compact_if_worth_it() {
  const bool names = unused_bytes_ > kUnusedBytesMax && unused_bytes_ > names_.size() / 2;
  const bool texts = texts_.size() > 2 * rows_.size() + kUnusedTextsMax;
  if (!names && !texts) return;
  DirectoryPage fresh;
  for (std::size_t row = 0; row < size(); ++row) fresh.copy_row(*this, row);
  *this = std::move(fresh);
}

void DirectoryPage::shrink() {
  rows_.shrink_to_fit();
  names_.shrink_to_fit();
  texts_.shrink_to_fit();
}

// --- KnownDirectory ---

std::size_t KnownDirectory::page_for(std::string_view name, bool directory) const {
  const auto after = std::upper_bound(
      pages_.begin(), pages_.end(), name, [&](std::string_view wanted, const auto& page) {
        return compare(wanted, directory, page->name(0), page->is_directory(0)) < 0;
      });
  return after == pages_.begin() ? 0 : static_cast<std::size_t>(after - pages_.begin()) - 1;
}

std::optional<KnownDirectory::Place> KnownDirectory::place_of(std::string_view name,
                                                              bool directory) const {
  if (pages_.empty()) return std::nullopt;
  const std::size_t page = page_for(name, directory);
  const std::size_t row = pages_[page]->lower_bound(name, directory);
  if (!pages_[page]->is_at(row, name, directory)) return std::nullopt;
  return Place{page, row};
}

std::optional<KnownEntry> KnownDirectory::find(std::string_view name) const {
  auto place = place_of(name, true);
  if (!place) place = place_of(name, false);
  if (!place) return std::nullopt;
  return pages_[place->page]->entry(place->row);
}

bool KnownDirectory::covers(std::string_view name) const {
  if (pages_.empty()) return false;
  const DirectoryPage& last = *pages_.back();
  const std::size_t row = last.size() - 1;
  return compare(last.name(row), last.is_directory(row), name, true) >= 0;
}

std::vector<KnownDirectory::Place> KnownDirectory::closed_by(std::size_t page) const {
  std::vector<Place> out;
  if (page == 0 || page > pages_.size()) return out;
  const auto is_passed = [&](std::size_t by, std::string_view name) {
    const DirectoryPage& passed = *pages_[by];
    const std::size_t last = passed.size() - 1;
    return compare(passed.name(last), passed.is_directory(last), name, true) >= 0;
  };
  // What is open begins the last name: `x`, `x!`, `x!1`.
  const DirectoryPage& before = *pages_[page - 1];
  const std::string_view last = before.name(before.size() - 1);
  for (std::size_t size = 1; size <= last.size(); ++size) {
    const std::string_view name = last.substr(0, size);
    if (is_passed(page - 1, name) || (page < pages_.size() && !is_passed(page, name))) continue;
    const auto place = place_of(name, false);
    if (place && !is_hidden(*place)) out.push_back(*place);
  }
  return out;
}

std::vector<std::pair<std::string, KnownEntry>> KnownDirectory::after(std::string_view name,
                                                                      std::size_t count) const {
  std::vector<std::pair<std::string, KnownEntry>> out;
  if (pages_.empty()) return out;
  const auto known = place_of(name, true);
  const bool directory = known.has_value();
  std::size_t page = page_for(name, directory);
  std::size_t row = pages_[page]->lower_bound(name, directory);
  if (pages_[page]->is_at(row, name, directory)) ++row;
  for (; page < pages_.size() && out.size() < count; ++page, row = 0)
    for (; row < pages_[page]->size() && out.size() < count; ++row)
      if (!pages_[page]->is_hidden(row))
        out.emplace_back(pages_[page]->name(row), pages_[page]->entry(row));
  return out;
}

DirectoryPage& KnownDirectory::writable(std::size_t page) {
  if (!is_sole_owner(pages_[page])) pages_[page] = std::make_shared<DirectoryPage>(*pages_[page]);
  return const_cast<DirectoryPage&>(*pages_[page]);  // made as non-const, and nobody else's
}

void KnownDirectory::append(DirectoryPage page) {
  if (page.size() == 0) return;
  page.shrink();
  size_ += page.size();
  // A file may be hidden by a directory that comes pages later: `x`, `x!`, …, `x/`.
  std::vector<std::size_t> within;
  for (std::size_t row = 0; row < page.size(); ++row) {
    if (!page.is_directory(row)) continue;
    const std::size_t file = page.lower_bound(page.name(row), false);
    if (page.is_at(file, page.name(row), false)) {
      within.push_back(file);
    } else if (const auto place = place_of(page.name(row), false)) {
      writable(place->page).rows_[place->row].flags |= kHidden;
      --size_;
    }
  }
  for (const std::size_t row : within) {
    page.rows_[row].flags |= kHidden;
    --size_;
  }
  memory_bytes_ += page.memory_bytes();
  pages_.push_back(std::make_shared<DirectoryPage>(std::move(page)));
}

void KnownDirectory::replace(std::size_t page, DirectoryPage with) {
  memory_bytes_ -= pages_[page]->memory_bytes();
  if (with.size() == 0) {
    pages_.erase(pages_.begin() + static_cast<std::ptrdiff_t>(page));
    return;
  }
  memory_bytes_ += with.memory_bytes();
  pages_[page] = std::make_shared<DirectoryPage>(std::move(with));
}

bool KnownDirectory::set(std::string_view name, const KnownEntry& entry) {
  const auto other = place_of(name, !entry.is_directory);
  const bool stays = !other || is_hidden(*other);
  const bool replaced_other = !stays && erase(name, !entry.is_directory);
  if (pages_.empty()) {
    DirectoryPage first;
    first.append(name, entry);
    append(std::move(first));
    return !replaced_other;
  }
  const std::size_t at = page_for(name, entry.is_directory);
  const std::size_t before = pages_[at]->memory_bytes();
  DirectoryPage& page = writable(at);
  const std::size_t row = page.lower_bound(name, entry.is_directory);
  const bool known = page.is_at(row, name, entry.is_directory);
  if (known) {
    DirectoryPage::Row changed = page.pack(entry);
    changed.name_at = page.rows_[row].name_at;
    changed.name_size = page.rows_[row].name_size;
    page.rows_[row] = changed;
    page.compact_if_worth_it();
  } else {
    page.insert(row, name, entry);
    ++size_;
  }
  memory_bytes_ += page.memory_bytes() - before;
  if (page.size() > kPageRowsMax) split(at);
  return !known && !replaced_other;
}

bool KnownDirectory::erase(std::string_view name) {
  const bool directory = erase(name, true);
  return erase(name, false) || directory;
}

bool KnownDirectory::erase(std::string_view name, bool directory) {
  const auto place = place_of(name, directory);
  if (!place) return false;
  const bool hidden = is_hidden(*place);
  if (pages_[place->page]->size() == 1) {
    replace(place->page, {});
  } else {
    const std::size_t before = pages_[place->page]->memory_bytes();
    DirectoryPage& page = writable(place->page);
    page.erase(place->row);
    memory_bytes_ += page.memory_bytes() - before;
  }
  if (!hidden) --size_;
  return !hidden;
}

/// Into halves, each with the names that it has and no others.
void KnownDirectory::split(std::size_t at) {
  const DirectoryPagePointer whole = pages_[at];
  DirectoryPage first;
  DirectoryPage second;
  for (std::size_t row = 0; row < whole->size(); ++row) {
    DirectoryPage& half = row < whole->size() / 2 ? first : second;
    half.copy_row(*whole, row);
  }
  first.shrink();
  second.shrink();
  memory_bytes_ += second.memory_bytes();
  replace(at, std::move(first));
  pages_.insert(pages_.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                std::make_shared<DirectoryPage>(std::move(second)));
}

}  // namespace stsfs::cache
