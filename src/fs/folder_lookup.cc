// What OSS knows of a name. A directory of up to a page is listed whole: that one request then
// answers for every name in it, those that are not there included. A larger one is asked name by
// name: HEAD `x` and LIST `x/` at once.

#include <algorithm>

#include "fan_out.h"
#include "folder.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

/// A target kept in an object's body, as s3fs does it, is no longer than a path.
constexpr std::uint64_t kLinkTargetMax = 4096;

/// The metadata of a symbolic link that this program wrote: the target as the user gave it.
constexpr const char* kRawTarget = "stsfs-symlink";

class TextSink final : public oss::ReadSink {
 public:
  Result<void> begin(const oss::ObjectMeta&) override { return {}; }
  Result<void> write(std::span<const std::byte> bytes) override {
    text.append(as_text(bytes));
    return {};
  }
  std::string text;
};

cache::KnownEntry entry_of(const oss::ListEntry& listed) {
  return {.size_bytes = listed.size_bytes,
          .etag = listed.etag,
          .last_modified = listed.last_modified,
          .type = listed.type,
          .storage_class = listed.storage_class};
}

/// Adds what one page says to a directory, whose key is `prefix`.
void take_page(const oss::ListPage& page, const std::string& prefix, cache::KnownDirectory& out) {
  for (const oss::ListEntry& listed : page.objects) {
    const std::string name = listed.key.substr(prefix.size());
    if (name.empty()) continue;  // the directory's own marker
    if (!KeySpace::check_name(name)) {
      log_debug("fs", "{} is no valid name here and is not shown", printable(listed.key));
      continue;
    }
    out.entries.emplace(name, entry_of(listed));
  }
  for (const std::string& common : page.common_prefixes) {
    const std::string name = common.substr(prefix.size(), common.size() - prefix.size() - 1);
    if (!KeySpace::check_name(name)) continue;
    cache::KnownEntry entry;
    entry.is_directory = true;
    out.entries[name] = std::move(entry);  // wins over a file of that name
  }
}

/// `target`, a key, as a path relative to the directory of the link.
std::string relative_target(const std::string& link_path, const std::string& target_path) {
  const auto from = split(link_path, '/');
  const auto to = split(target_path, '/');
  std::size_t common = 0;
  while (common + 1 < from.size() && common + 1 < to.size() && from[common] == to[common]) ++common;
  std::string out;
  for (std::size_t i = common; i + 1 < from.size(); ++i) out += "../";
  for (std::size_t i = common; i < to.size(); ++i)
    out.append(to[i]).append(i + 1 < to.size() ? "/" : "");
  return out;
}

}  // namespace

Result<cache::KnownDirectoryPointer> Folder::list_directory(const Context& context,
                                                            const std::string& directory_path,
                                                            bool first_page_only) {
  auto key = keys_.directory_key(directory_path);
  if (!key) return fail(std::move(key.error()));
  if (auto known = directories_.find(*key)) return known;
  if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  cache::DirectoryCache::Listing listing(directories_, *key);
  cache::KnownDirectory out;
  out.asked = clock_.steady();
  oss::ListRequest request{.prefix = *key, .delimiter = "/"};
  do {
    auto page = await<oss::ListPage>(context.interrupt, [&](Callback<oss::ListPage> done) {
      return store_.start_list(request, context.deadline, std::move(done));
    });
    if (!page) return fail(std::move(page.error()));
    take_page(*page, *key, out);
    request.continuation_token = page->next_token;
    if (first_page_only && !page->next_token.empty()) return cache::KnownDirectoryPointer();
  } while (!request.continuation_token.empty());
  return directories_.put(listing, std::move(out));
}

Result<oss::ObjectMeta> Folder::head(const Context& context, const std::string& key) {
  if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  return await<oss::ObjectMeta>(context.interrupt, [&](Callback<oss::ObjectMeta> done) {
    return store_.start_head(key, context.deadline, std::move(done));
  });
}

Result<std::optional<cache::KnownEntry>> Folder::find_entry(const Context& context,
                                                            const std::string& directory_path,
                                                            std::string_view name) {
  auto listed = list_directory(context, directory_path, true);
  if (!listed) return fail(std::move(listed.error()));
  if (*listed) {
    const auto found = (*listed)->entries.find(name);
    if (found == (*listed)->entries.end()) return std::optional<cache::KnownEntry>();
    return std::optional(found->second);
  }
  const std::string whole = join_path(directory_path, name);
  auto file_key = keys_.file_key(whole);
  auto directory_key = keys_.directory_key(whole);
  if (!file_key || !directory_key) return fail(file_key ? directory_key.error() : file_key.error());
  auto below = std::make_shared<Waiter<oss::ListPage>>();
  Transfer listing = store_.start_list({.prefix = *directory_key, .keys_max = 1}, context.deadline,
                                       below->callback());
  auto meta = head(context, *file_key);
  auto page = below->wait(context.interrupt);
  if (!page) return fail(std::move(page.error()));
  cache::KnownEntry entry;
  if (!page->objects.empty()) {
    entry.is_directory = true;
    return std::optional(entry);
  }
  if (!meta && meta.error().code == Errc::kNotFound) return std::optional<cache::KnownEntry>();
  if (!meta) return fail(std::move(meta.error()));
  entry.size_bytes = meta->size_bytes;
  entry.etag = meta->etag;
  entry.last_modified = meta->last_modified;
  entry.type = meta->type;
  entry.storage_class = meta->storage_class;
  metas_.put(*file_key, *meta);
  return std::optional(entry);
}

Result<Folder::Found> Folder::find_object(const Context& context, const std::string& object_path,
                                          const cache::KnownEntry& entry) {
  Found out;
  out.entry = entry;
  if (entry.is_directory) {
    auto key = keys_.directory_key(object_path);
    if (!key) return fail(std::move(key.error()));
    auto meta = head(context, *key);
    if (!meta && meta.error().code != Errc::kNotFound) return fail(std::move(meta.error()));
    out.entry.has_marker = meta.has_value();
    if (meta) out.meta = std::move(*meta);
    out.attributes = attributes_of(out.meta, true, defaults_);
    if (!out.entry.has_marker)
      out.attributes.mtime = out.attributes.ctime = out.attributes.atime = begun_;
    out.attributes.link_count = 2;
    return out;
  }
  auto key = keys_.file_key(object_path);
  if (!key) return fail(std::move(key.error()));
  if (entry.type == oss::ObjectType::kSymlink) {
    if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
    auto link = await<oss::Symlink>(context.interrupt, [&](Callback<oss::Symlink> done) {
      return store_.start_get_symlink(*key, context.deadline, std::move(done));
    });
    if (!link) return fail(std::move(link.error()));
    out.meta.type = oss::ObjectType::kSymlink;
    out.meta.etag = link->etag;
    out.meta.last_modified = link->last_modified;
    out.meta.headers.user = link->user;
    const auto raw = link->user.find(kRawTarget);
    const auto target_path = keys_.path_of(link->target);
    if (raw != link->user.end())
      out.link_target = percent_decode(raw->second).value_or(raw->second);
    else
      out.link_target =
          target_path ? relative_target(object_path, *target_path) : "/" + link->target;
  } else if (auto known = metas_.find(*key, entry.etag, entry.last_modified)) {
    out.meta = std::move(*known);
  } else {
    auto meta = head(context, *key);
    if (!meta) return fail(std::move(meta.error()));
    metas_.put(*key, *meta);
    out.meta = std::move(*meta);
    if (out.meta.type == oss::ObjectType::kSymlink) {  // found by HEAD, which followed it
      out.entry.type = oss::ObjectType::kSymlink;
      return find_object(context, object_path, out.entry);
    }
  }
  out.attributes = attributes_of(out.meta, false, defaults_);
  if (is_link(out.attributes.mode) && out.link_target.empty()) {
    if (const auto target = link_target_in(out.meta.headers.user)) {
      out.link_target = *target;
    } else {
      if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
      TextSink sink;
      const std::uint64_t size = std::min(out.meta.size_bytes, kLinkTargetMax);
      if (size > 0) {
        auto read = await<void>(context.interrupt, [&](Callback<void> done) {
          return store_.start_get(*key, out.meta.etag, {0, size}, sink, context.deadline,
                                  std::move(done));
        });
        if (!read) return fail(std::move(read.error()));
      }
      out.link_target = std::string(trim(sink.text));
    }
  }
  if (is_link(out.attributes.mode)) out.attributes.size_bytes = out.link_target.size();
  return out;
}

InodePointer Folder::adopt(const InodePointer& parent, std::string_view name, const Found& found) {
  bool pages_changed = false;
  InodePointer inode;
  {
    MutexLock lock(tree_.mutex);
    inode = tree_.child(parent->number, name);
    // What is not in OSS yet is ours: OSS cannot know better.
    if (inode && inode->content && inode->content->dirty()) return inode;
    const bool same_type =
        inode && (inode->attributes.mode & S_IFMT) == (found.attributes.mode & S_IFMT);
    if (inode && !same_type) {
      tree_.remove(inode);
      inode = nullptr;
    }
    if (!inode) inode = tree_.add(parent->number, name, found.attributes);
    const InodeNumber number = inode->number;
    inode->attributes = found.attributes;
    inode->attributes.inode = number;
    if (inode->entries_changed > inode->attributes.mtime)
      inode->attributes.mtime = inode->attributes.ctime = inode->entries_changed;
    inode->headers = found.meta.headers;
    inode->storage_class = found.meta.storage_class;
    inode->link_target = found.link_target;
    inode->tagged = found.meta.tagging_count > 0;
    inode->symlink_object = found.meta.type == oss::ObjectType::kSymlink;
    inode->in_store = !found.entry.is_directory || found.entry.has_marker;
    pages_changed = !inode->pages_etag.empty() && inode->pages_etag != found.meta.etag;
    if (pages_changed) inode->pages_etag.clear();
    // Handles that are open stay on their version; the next open gets a content of its own.
    if (inode->content && inode->etag != found.meta.etag) inode->content = nullptr;
    inode->etag = found.meta.etag;
    inode->confirmed = clock_.steady();
  }
  if (pages_changed && notifier_ != nullptr) notifier_->inode_changed(inode->number);
  return inode;
}

Result<InodePointer> Folder::resolve(const Context& context, const InodePointer& parent,
                                     std::string_view name) {
  InodePointer known;
  std::string directory_path;
  {
    MutexLock lock(tree_.mutex);
    known = tree_.child(parent->number, name);
    directory_path = tree_.path_of(*parent);
    const bool ours = known && known->content && known->content->dirty();
    if (known && (ours || is_fresh(known->confirmed, options_.fresh))) return known;
  }
  auto entry = find_entry(context, directory_path, name);
  if (!entry) return fail(std::move(entry.error()));
  if (!*entry) {
    MutexLock lock(tree_.mutex);
    const InodePointer now_known = tree_.child(parent->number, name);
    if (now_known && now_known->content && now_known->content->dirty()) return now_known;
    if (now_known && tree_.path_of(*parent) != directory_path)
      return now_known;  // renamed meanwhile
    if (now_known) tree_.remove(now_known);
    return fail(Errc::kNotFound,
                "no such file or directory: " + printable(join_path(directory_path, name)));
  }
  auto found = find_object(context, join_path(directory_path, name), **entry);
  if (!found && found.error().code == Errc::kNotFound)
    directories_.forget(keys_.directory_key(directory_path).value_or(""));
  if (!found) return fail(std::move(found.error()));
  return adopt(parent, name, *found);
}

Result<void> Folder::confirm(const Context& context, const InodePointer& inode,
                             std::chrono::milliseconds fresh) {
  InodePointer parent;
  std::string name;
  std::string whole;
  cache::KnownEntry entry;
  {
    MutexLock lock(tree_.mutex);
    const bool ours = inode->number == InodeNumber::kRoot || inode->removed ||
                      (inode->content && inode->content->dirty());
    if (ours || is_fresh(inode->confirmed, fresh)) return {};
    parent = tree_.find(inode->parent);
    name = inode->name;
    whole = tree_.path_of(*inode);
    entry.is_directory = is_directory(inode->attributes.mode);
    if (is_link(inode->attributes.mode)) entry.type = oss::ObjectType::kSymlink;
  }
  if (!parent) return fail(Errc::kStale, "its directory is gone");
  if (entry.is_directory || entry.type == oss::ObjectType::kSymlink) {
    auto resolved = resolve(context, parent, name);
    if (!resolved) return fail(std::move(resolved.error()));
    return {};
  }
  auto found = find_object(context, whole, entry);  // with an empty ETag: asks
  if (!found && found.error().code == Errc::kNotFound) {
    directories_.forget(keys_.directory_key(path(parent)).value_or(""));
    MutexLock lock(tree_.mutex);
    tree_.remove(inode);
  }
  if (!found) return fail(std::move(found.error()));
  adopt(parent, name, *found);
  return {};
}

}  // namespace stsfs::fs
