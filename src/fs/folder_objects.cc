// What goes with a name beyond what a listing tells: mode, owner, times, a link's target. It is
// remembered under (key, ETag, LastModified), and asked for once, many at a time.

#include <algorithm>

#include "fan_out.h"
#include "folder.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

/// HEADs at once for one who asks for one name after the other.
constexpr std::size_t kAskedAtOnce = 64;

/// `a/b` and `c` of `a/b/c`.
std::pair<std::string, std::string> parted(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

/// What HEAD told of a symbolic link: it is of what that leads to.
bool Folder::is_followed_link(const oss::ObjectMeta& meta) {
  return meta.type == oss::ObjectType::kSymlink && meta.symlink_target.empty();
}

Result<Folder::Found> Folder::find_object(const Context& context, const std::string& object_path,
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

Result<void> Folder::find_directory(const Context& context, const std::string& directory_path,
                                    Found& out) {
  auto key = keys_.directory_key(directory_path);
  if (!key) return fail(std::move(key.error()));
  auto marker = marker_of(context, *key, out);
  if (!marker) return fail(std::move(marker.error()));
  out.entry.has_marker = marker->has_value();
  if (*marker) out.meta = std::move(**marker);
  out.attributes = attributes_of(out.meta, true, defaults_);
  if (!*marker) out.attributes.mtime = out.attributes.ctime = out.attributes.atime = born_;
  out.attributes.link_count = 2;
  return {};
}

/// Of a directory that may have none. Where the listing above does not tell, the directory's own
/// does, and is wanted next by whoever goes there.
Result<std::optional<oss::ObjectMeta>> Folder::marker_of(const Context& context,
                                                         const std::string& key, Found& out) {
  using Marker = std::optional<oss::ObjectMeta>;
  if (!out.entry.has_marker) {
    if (auto recent = metas_->recent(key)) return recent->etag.empty() ? Marker() : recent;
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
  metas_->put(key, *meta);
  return Marker(std::move(*meta));
}

// --- files and links ---

Result<void> Folder::find_file(const Context& context, const std::string& file_path,
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
  out.attributes = attributes_of(out.meta, false, defaults_);
  if (!is_link(out.attributes.mode)) return {};
  metas_->note_hidden_link();
  if (auto target = link_target_in(out.meta.headers.user))
    out.link_target = std::move(*target);
  else if (auto read = read_link_target(context, *key, out); !read)
    return read;
  out.attributes.size_bytes = out.link_target.size();
  return {};
}

// --- what only a HEAD tells ---

std::optional<oss::ObjectMeta> Folder::known_meta(const Context& context, const std::string& key,
                                                  const cache::KnownEntry& entry) {
  if (entry.etag.empty()) return std::nullopt;
  return metas_->find(key, entry.etag, entry.last_modified,
                      context.wait == Wait::kNever ? cache::AttributeStore::Where::kMemory
                                                   : cache::AttributeStore::Where::kAnywhere);
}

Result<oss::ObjectMeta> Folder::head(const Context& context, const std::string& key) {
  if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  return await<oss::ObjectMeta>(context.interrupt, [&](Callback<oss::ObjectMeta> done) {
    return store_.start_head(key, context.deadline, std::move(done));
  });
}

/// What has to be asked of an entry of a listing; nothing when it is known without.
std::optional<Folder::Wanted> Folder::wanted(const Context& context,
                                             const std::string& directory_path,
                                             const std::string& name,
                                             const cache::KnownEntry& entry) {
  const std::string whole = join_path(directory_path, name);
  auto key = entry.is_directory ? keys_.directory_key(whole) : keys_.file_key(whole);
  if (!key) return std::nullopt;
  if (entry.is_directory && !entry.has_marker.value_or(true)) return std::nullopt;
  if (entry.is_directory && !entry.has_marker && metas_->recent(*key)) return std::nullopt;
  if (known_meta(context, *key, entry)) return std::nullopt;
  const bool symlink = entry.type == oss::ObjectType::kSymlink;
  return Wanted{name, std::move(*key),
                entry.is_directory ? Wanted::What::kDirectory
                : symlink          ? Wanted::What::kSymlink
                                   : Wanted::What::kFile};
}

std::vector<Result<oss::ObjectMeta>> Folder::ask_all(const Context& context,
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
      metas_->put(all[i].key, *metas[i]);
    else if (all[i].what == Wanted::What::kDirectory && !metas[i] &&
             metas[i].error().code == Errc::kNotFound)
      metas_->put_absent(all[i].key);
  }
  return metas;
}

/// Asks for one, and for those behind it in the directory when that is the order in which somebody
/// asks. For a directory that is asked for alone kWouldWait: its listing tells more.
Result<oss::ObjectMeta> Folder::ask_with_neighbours(const Context& context, const std::string& path,
                                                    const std::string& key, Wanted::What what) {
  if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  const auto [above, name] = parted(path);
  const std::string above_key = keys_.directory_key(above).value_or("");
  const bool is_directory = what == Wanted::What::kDirectory;
  bool runs = listings_.fresh().count() > 0 && attribute_runs_.goes_on(above_key, name);
  if (is_directory && listings_.was_read_within(above_key)) runs = false;  // a walk, and no `ls -l`
  if (is_directory && !runs) return fail(Errc::kWouldWait, "");
  std::vector<Wanted> all{{name, key, what}};
  if (runs)
    for (const auto& [next, entry] : listings_.after(above_key, name, kAskedAtOnce - 1))
      if (auto one = wanted(context, above, next, entry)) all.push_back(std::move(*one));
  return std::move(ask_all(context, all).front());
}

}  // namespace stsfs::fs
