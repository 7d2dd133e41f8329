#include "objects.h"

#include <algorithm>

#include "carried_tags.h"
#include "fan_out.h"
#include "gone.h"
#include "stsfs/base/await.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

/// HEADs at once for one who asks for one name after the other.
constexpr std::size_t kAskedAtOnce = 64;
/// Listings of a directory that changes meanwhile so that they tell nothing.
constexpr int kListedTries = 3;
/// A small regular object may be a symbolic link in the form of s3fs: only its metadata tells.
constexpr std::uint64_t kMayBeLinkSize = 4096;

/// `a/b` and `c` of `a/b/c`.
std::pair<std::string, std::string> parted(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

Objects::Objects(const Sources& sources, const Options& options)
    : store_(sources.store),
      clock_(sources.clock),
      keys_(sources.keys),
      state_(sources.state),
      listings_(sources.listings),
      directories_(sources.listings.cache()),
      metas_(sources.metas),
      links_(sources.links),
      opens_ahead_(sources.opens_ahead),
      options_(options),
      attribute_runs_(sources.listings),
      link_runs_(sources.listings) {}

// --- names ---

Result<NameAnswer> Objects::find_entry(const Context& context, const std::string& directory_path,
                                       std::string_view name) {
  auto key = keys_.directory_key(directory_path);
  if (!key) return fail(std::move(key.error()));
  if (auto known = listings_.find(*key, name)) return std::move(*known);
  if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  if (KeyNames::is_escape(name)) return find_listed(context, *key, name);
  if (listings_.worth_listing(*key)) {
    auto listing = listings_.begin(*key, context.interrupt);
    if (!listing) return fail(std::move(listing.error()));
    if (auto known = (*listing)->find(name, listings_.fresh())) return std::move(*known);
    listings_.note_large(*key);
  }
  const std::uint64_t changes_made = directories_.changes_made();
  auto answer = ask_for(context, join_path(directory_path, name));
  if (answer && !answer->entry) directories_.put_absent(*key, name, answer->asked, changes_made);
  return answer;
}

/// A name that stands for what only the whole listing tells, however long that takes.
Result<NameAnswer> Objects::find_listed(const Context& context, const std::string& directory_key,
                                        std::string_view name) {
  for (int i = 0; i < kListedTries; ++i) {
    const DirectoryListingPointer listing = listings_.open(directory_key);
    for (std::size_t index = 0;; ++index) {
      auto page = listing->page(index, context.interrupt);
      if (!page) return fail(std::move(page.error()));
      if (!*page) break;
    }
    if (auto known = listing->find(name)) return std::move(*known);
  }
  return fail(Errc::kUnavailable, printable(directory_key) + " changes whenever it is listed");
}

Result<NameAnswer> Objects::ask_for(const Context& context, const std::string& whole) {
  auto file_key = keys_.file_key(whole);
  if (!file_key) return fail(std::move(file_key.error()));
  NameAnswer out{.entry = {}, .asked = clock_.steady(), .meta = {}};
  DirectoryListingPointer below;
  if (auto directory_key = keys_.directory_key(whole)) {
    below = listings_.open(*directory_key);
    below->begin();
  } else if (directory_key.error().code != Errc::kNameTooLong) {  // else it can only be a file
    return fail(std::move(directory_key.error()));
  }
  auto meta = head(context, *file_key);
  const bool leads_nowhere = !meta && is_absent(meta.error());
  if (!meta && !leads_nowhere) return fail(std::move(meta.error()));
  if (below) {
    auto first = below->page(0, context.interrupt, false);
    if (!first) return fail(std::move(first.error()));
  }
  if (below && below->exists()) {  // a directory wins over a file of its name
    out.entry = below->marker();
    if (!out.entry) out.entry = cache::KnownEntry{.is_directory = true};
    return out;
  }
  if (meta) {
    out.entry = entry_of(*meta);
    if (!is_followed_link(*meta)) metas_.put(*file_key, *meta);
    out.meta = std::move(*meta);
    return out;
  }
  if (!options_.symlink_objects) return out;
  // HEAD follows a symbolic link; one whose target is not there, or is a link itself, only a
  // listing shows.
  auto page = await<oss::ListPage>(context.interrupt, [&](Callback<oss::ListPage> done) {
    return store_.start_list({.prefix = *file_key, .keys_max = 1}, context.deadline,
                             std::move(done));
  });
  if (!page) return fail(std::move(page.error()));
  if (!page->objects.empty() && page->objects.front().key == *file_key)
    out.entry = known_entry(page->objects.front());
  return out;
}

// --- their attributes ---

bool Objects::is_followed_link(const oss::ObjectMeta& meta) {
  return meta.type == oss::ObjectType::kSymlink && meta.symlink_target.empty();
}

/// As a listing would have it.
cache::KnownEntry Objects::entry_of(const oss::ObjectMeta& meta) {
  return {.size_bytes = meta.size_bytes,
          .etag = is_followed_link(meta) ? "" : meta.etag,
          .last_modified = meta.last_modified,
          .type = meta.type,
          .storage_class = meta.storage_class};
}

Result<Objects::Found> Objects::find_object(const Context& context, const std::string& object_path,
                                            const NameAnswer& name) {
  Found out;
  out.entry = *name.entry;
  out.asked = name.asked;
  auto found = out.entry.is_directory ? find_directory(context, object_path, out)
                                      : find_file(context, object_path, name.meta, out);
  if (!found) return fail(std::move(found.error()));
  return out;
}

// --- directories ---

Result<void> Objects::find_directory(const Context& context, const std::string& directory_path,
                                     Found& out) {
  auto key = keys_.directory_key(directory_path);
  if (!key) return fail(std::move(key.error()));
  auto marker = marker_of(context, *key, out);
  if (!marker) return fail(std::move(marker.error()));
  out.entry.has_marker = marker->has_value();
  if (*marker) out.meta = std::move(**marker);
  out.attributes = attributes_of(out.meta, true, options_.defaults);
  if (!*marker)
    out.attributes.mtime = out.attributes.ctime = out.attributes.atime = options_.implied_times;
  out.attributes.link_count = 2;
  return {};
}

/// Of a directory that may have none. Where the listing above does not tell, the directory's own
/// does, and is wanted next by whoever goes there.
Result<std::optional<oss::ObjectMeta>> Objects::marker_of(const Context& context,
                                                          const std::string& key, Found& out) {
  using Marker = std::optional<oss::ObjectMeta>;
  if (!out.entry.has_marker) {
    if (auto recent = metas_.recent(key)) return recent->etag.empty() ? Marker() : recent;
    const auto cached = directories_.find(key);
    if (cached && cached->marker) {
      out.entry = *cached->marker;
      out.asked = cached->asked;
    } else if (auto may = may_wait(context); !may) {
      return fail(std::move(may.error()));
    } else {
      auto meta = ask_with_neighbours(context, keys_.path_of(key).value_or(""), key,
                                      Wanted::What::kDirectory);
      if (meta) return Marker(std::move(*meta));
      if (meta.error().code == Errc::kNotFound) return Marker();
      if (meta.error().code != Errc::kWouldWait) return fail(std::move(meta.error()));
      auto listing = listings_.begin(key, context.interrupt);
      if (!listing) return fail(std::move(listing.error()));
      if (const auto told = (*listing)->marker()) out.entry = *told;
    }
  }
  if (!out.entry.has_marker.value_or(true)) return Marker();
  if (auto known = known_meta(context, key, out.entry)) return known;
  auto meta = head(context, key);
  if (!meta && meta.error().code == Errc::kNotFound) return Marker();
  if (!meta) return fail(std::move(meta.error()));
  metas_.put(key, *meta);
  return Marker(std::move(*meta));
}

// --- files and links ---

Result<void> Objects::find_file(const Context& context, const std::string& file_path,
                                const std::optional<oss::ObjectMeta>& told, Found& out) {
  auto key = keys_.file_key(file_path);
  if (!key) return fail(std::move(key.error()));
  if (out.entry.type == oss::ObjectType::kSymlink)
    return find_symlink(context, file_path, *key, told, out);
  if (told) {
    out.meta = *told;
  } else if (auto known = known_meta(context, *key, out.entry)) {
    out.meta = std::move(*known);
  } else if (auto ahead = opens_ahead_.looked_up(context, file_path, *key, out.entry); !ahead) {
    return fail(std::move(ahead.error()));
  } else if (*ahead) {
    out.meta = std::move((*ahead)->meta);
    out.asked = (*ahead)->asked;
  } else {
    const SteadyTime now = clock_.steady();
    auto meta = ask_with_neighbours(context, file_path, *key, Wanted::What::kFile);
    if (!meta) return fail(std::move(meta.error()));
    out.meta = std::move(*meta);
    out.asked = now;
    if (out.meta.type == oss::ObjectType::kSymlink) {  // found by HEAD, which followed it
      out.entry.type = oss::ObjectType::kSymlink;
      out.entry.etag.clear();
      return find_symlink(context, file_path, *key, std::nullopt, out);
    }
  }
  out.attributes = attributes_of(out.meta, false, options_.defaults);
  if (!is_link(out.attributes.mode)) return {};
  metas_.note_hidden_link();
  if (auto target = link_target_in(out.meta.headers.user)) {
    out.link_target = std::move(*target);
  } else if (auto read = read_link_target(context, *key, out); !read) {
    if (!is_gone(read.error())) return read;
    out.asked = clock_.steady();
    auto meta = head(context, *key);  // it was replaced since
    if (!meta) return fail(std::move(meta.error()));
    out.entry = entry_of(*meta);
    return find_file(context, file_path, meta.value(), out);
  }
  out.attributes.size_bytes = out.link_target.size();
  return {};
}

// --- what only a HEAD tells ---

std::optional<oss::ObjectMeta> Objects::known_meta(const Context& context, const std::string& key,
                                                   const cache::KnownEntry& entry) {
  if (entry.etag.empty()) return std::nullopt;
  return metas_.find(key, entry.etag, entry.last_modified,
                     context.wait == Wait::kNever ? cache::AttributeStore::Where::kMemory
                                                  : cache::AttributeStore::Where::kAnywhere);
}

Result<oss::ObjectMeta> Objects::head(const Context& context, const std::string& key) {
  if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  return await<oss::ObjectMeta>(context.interrupt, [&](Callback<oss::ObjectMeta> done) {
    return store_.start_head(key, context.deadline, std::move(done));
  });
}

std::optional<Objects::Wanted> Objects::wanted(const Context& context,
                                               const std::string& directory_path,
                                               const std::string& name,
                                               const cache::KnownEntry& entry) {
  const std::string whole = join_path(directory_path, name);
  auto key = entry.is_directory ? keys_.directory_key(whole) : keys_.file_key(whole);
  if (!key) return std::nullopt;
  if (entry.is_directory && !entry.has_marker.value_or(true)) return std::nullopt;
  if (entry.is_directory && !entry.has_marker && metas_.recent(*key)) return std::nullopt;
  if (known_meta(context, *key, entry)) return std::nullopt;
  const bool symlink = entry.type == oss::ObjectType::kSymlink;
  return Wanted{name, std::move(*key),
                entry.is_directory ? Wanted::What::kDirectory
                : symlink          ? Wanted::What::kSymlink
                                   : Wanted::What::kFile};
}

std::vector<Objects::Wanted> Objects::wanted_behind(const Context& context,
                                                    const std::string& directory_path,
                                                    const std::string& name, std::size_t count) {
  std::vector<Wanted> out;
  const auto key = keys_.directory_key(directory_path);
  if (!key) return out;
  for (const auto& [next, entry] : listings_.after(*key, name, count))
    if (auto one = wanted(context, directory_path, next, entry)) out.push_back(std::move(*one));
  return out;
}

std::optional<Objects::Wanted> Objects::again(const std::string& directory_path,
                                              const std::string& name,
                                              const cache::KnownEntry& entry) {
  if (listings_.fresh().count() == 0 || entry.is_directory) return std::nullopt;
  if (entry.type == oss::ObjectType::kSymlink) return std::nullopt;
  auto key = keys_.file_key(join_path(directory_path, name));
  if (!key) return std::nullopt;
  return Wanted{name, std::move(*key), Wanted::What::kFile};
}

std::vector<Result<oss::ObjectMeta>> Objects::ask_all(const Context& context,
                                                      const std::vector<Wanted>& all) {
  auto metas = fan_out<oss::ObjectMeta>(
      context.interrupt, all.size(), kAskedAtOnce,
      [&](std::size_t i, Callback<oss::ObjectMeta> done) {
        if (all[i].what == Wanted::What::kSymlink)
          return start_symlink(all[i].key, context.deadline, std::move(done));
        return store_.start_head(all[i].key, context.deadline, std::move(done));
      });
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (metas[i] && !is_followed_link(*metas[i]))
      metas_.put(all[i].key, *metas[i]);
    else if (all[i].what == Wanted::What::kDirectory && !metas[i] &&
             metas[i].error().code == Errc::kNotFound)
      metas_.put_absent(all[i].key);
  }
  return metas;
}

/// Asks for one, and for those behind it in the directory when that is the order in which somebody
/// asks. For a directory that is asked for alone kWouldWait: its listing tells more.
Result<oss::ObjectMeta> Objects::ask_with_neighbours(const Context& context,
                                                     const std::string& path,
                                                     const std::string& key, Wanted::What what) {
  if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  const auto [above, name] = parted(path);
  const std::string above_key = keys_.directory_key(above).value_or("");
  const bool is_directory = what == Wanted::What::kDirectory;
  std::size_t batch = listings_.fresh().count() > 0 ? attribute_runs_.batch(above_key, name) : 1;
  if (is_directory && listings_.was_read_within(above_key)) batch = 1;  // a walk, and no `ls -l`
  if (is_directory && batch == 1) return fail(Errc::kWouldWait, "");
  std::vector<Wanted> all{{name, key, what}};
  if (batch > 1)
    for (Wanted& one : wanted_behind(context, above, name, batch - 1))
      all.push_back(std::move(one));
  return std::move(ask_all(context, all).front());
}

Result<std::string> Objects::tags_to_carry(const Context& context, const std::string& key) {
  return fs::tags_to_carry(await<std::string>(context.interrupt,
                                              [&](Callback<std::string> done) {
                                                return store_.start_get_tagging(
                                                    key, context.deadline, std::move(done));
                                              }),
                           key);
}

Result<bool> Objects::have_equal_bytes(const Context& context, const std::string& one,
                                       const std::string& other) {
  auto first = head(context, one);
  if (!first && first.error().code == Errc::kNotFound) return false;
  if (!first) return fail(std::move(first.error()));
  auto second = head(context, other);
  if (!second) return fail(std::move(second.error()));
  if (first->type == oss::ObjectType::kSymlink || first->size_bytes != second->size_bytes)
    return false;
  return first->etag == second->etag || (first->crc64 && first->crc64 == second->crc64);
}

mode_t Objects::listed_type(const Context& context, const std::string& key,
                            const cache::KnownEntry& entry) {
  if (entry.is_directory) return S_IFDIR;
  if (entry.type == oss::ObjectType::kSymlink) {
    if (entry.size_bytes < LinkArea::kTargetSizeMin) return S_IFLNK;
    const auto meta = known_meta(context, key, entry);
    if (!meta || is_followed_link(*meta)) return 0;
    return links_.is_content_key(meta->symlink_target) ? S_IFREG : S_IFLNK;
  }
  if (entry.size_bytes > kMayBeLinkSize || !metas_.has_hidden_links()) return S_IFREG;
  const auto meta = known_meta(context, key, entry);
  return meta ? attributes_of(*meta, false, options_.defaults).mode & S_IFMT : 0;
}

}  // namespace stsfs::fs
