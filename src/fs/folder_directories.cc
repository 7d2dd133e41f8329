#include <algorithm>

#include "fan_out.h"
#include "folder.h"

namespace stsfs::fs {
namespace {

// Cookies: 1 follows ".", 2 follows "..", i + 3 follows entry i.
constexpr std::uint64_t kAfterDot = 1;
constexpr std::uint64_t kAfterDotDot = 2;
/// How many entries' attributes are asked for at once, and in flight together.
constexpr std::size_t kResolvedAtOnce = 64;
constexpr std::size_t kInFlight = 32;
/// A small regular object may be a symbolic link in the form of s3fs: only its metadata tells.
constexpr std::uint64_t kMayBeLinkSize = 4096;

}  // namespace

Folder::DirectoryHandlePointer Folder::directory_handle(HandleNumber handle) const {
  MutexLock lock(handles_mutex_);
  const auto found = open_directories_.find(static_cast<std::uint64_t>(handle));
  return found == open_directories_.end() ? nullptr : found->second;
}

Result<HandleNumber> Folder::opendir(const Context&, InodeNumber number) {
  auto found = directory(number);
  if (!found) return fail(std::move(found.error()));
  auto handle = std::make_shared<DirectoryHandle>();
  handle->inode = *found;
  {
    MutexLock lock(tree_.mutex);
    ++(*found)->opens;
  }
  MutexLock lock(handles_mutex_);
  const std::uint64_t out = next_handle_++;
  open_directories_.emplace(out, std::move(handle));
  return static_cast<HandleNumber>(out);
}

void Folder::releasedir(HandleNumber number) {
  DirectoryHandlePointer handle;
  {
    MutexLock lock(handles_mutex_);
    const auto found = open_directories_.find(static_cast<std::uint64_t>(number));
    if (found == open_directories_.end()) return;
    handle = std::move(found->second);
    open_directories_.erase(found);
  }
  {
    MutexLock lock(tree_.mutex);
    --handle->inode->opens;
    tree_.release(handle->inode);
  }
  sweep();
}

/// What the directory holds now: what OSS lists, overlaid with what is not there yet.
Result<void> Folder::fill(const Context& context, const DirectoryHandlePointer& handle) {
  // What is not in OSS now may be before the listing has ended, and then it is on neither.
  std::vector<InodePointer> ours;
  const auto add_ours = [&] {
    MutexLock lock(tree_.mutex);
    for (const InodePointer& child : tree_.children_of(handle->inode->number))
      if (child->content && child->content->dirty()) ours.push_back(child);
  };
  add_ours();
  auto known = list_directory(context, path(handle->inode), false);
  if (!known) return fail(std::move(known.error()));
  std::map<std::string, cache::KnownEntry, std::less<>> entries = (*known)->entries;
  add_ours();
  {
    MutexLock lock(tree_.mutex);
    for (const InodePointer& child : ours) {
      if (child->removed || child->parent != handle->inode->number) continue;
      cache::KnownEntry& entry = entries[child->name];
      entry.is_directory = false;
      entry.size_bytes = child->content ? child->content->size() : child->attributes.size_bytes;
      entry.etag = child->etag;
    }
  }
  handle->entries.assign(entries.begin(), entries.end());
  handle->filled = true;
  return {};
}

Result<void> Folder::readdir(const Context& context, HandleNumber number, std::uint64_t cookie,
                             const DirectorySink& sink) {
  const DirectoryHandlePointer handle = directory_handle(number);
  if (!handle) return fail(Errc::kBadHandle, "not an open directory");
  if (cookie == 0 || !handle->filled)
    if (auto filled = fill(context, handle); !filled) return filled;
  DirectoryEntry entry;
  entry.attributes.mode = S_IFDIR;
  entry.attributes.inode = handle->inode->number;
  if (cookie == 0) {
    entry.name = ".";
    entry.next_cookie = kAfterDot;
    if (!sink(entry)) return {};
  }
  if (cookie <= kAfterDot) {
    entry.name = "..";
    entry.next_cookie = kAfterDotDot;
    if (!sink(entry)) return {};
  }
  for (std::uint64_t i = cookie > kAfterDotDot ? cookie - kAfterDotDot : 0;
       i < handle->entries.size(); ++i) {
    const auto& [name, known] = handle->entries[i];
    entry.name = name;
    entry.next_cookie = i + 1 + kAfterDotDot;
    entry.attributes = {};
    entry.attributes.size_bytes = known.size_bytes;
    if (known.is_directory)
      entry.attributes.mode = S_IFDIR;
    else if (known.type == oss::ObjectType::kSymlink)
      entry.attributes.mode = S_IFLNK;
    else
      entry.attributes.mode = known.size_bytes > kMayBeLinkSize ? S_IFREG : 0;  // 0: ask for it
    {
      MutexLock lock(tree_.mutex);
      if (const InodePointer child = tree_.child(handle->inode->number, name)) {
        entry.attributes.mode = child->attributes.mode & S_IFMT;
        entry.attributes.inode = child->number;
      }
    }
    if (!sink(entry)) return {};
  }
  return {};
}

/// The inodes of some entries; null where the entry is gone meanwhile or cannot be asked for.
std::vector<InodePointer> Folder::resolve_all(const Context& context,
                                              const DirectoryHandlePointer& handle,
                                              std::size_t from, std::size_t count) {
  const std::string directory_path = path(handle->inode);
  // First what only a HEAD can tell, many at a time; then everything is answered from memory.
  std::vector<std::string> keys;
  {
    MutexLock lock(tree_.mutex);
    for (std::size_t i = from; i < from + count; ++i) {
      const auto& [name, known] = handle->entries[i];
      const InodePointer child = tree_.child(handle->inode->number, name);
      const bool ours = child && child->content && child->content->dirty();
      if (known.is_directory || known.type == oss::ObjectType::kSymlink || ours ||
          (child && is_fresh(child->confirmed, options_.fresh)))
        continue;
      auto key = keys_.file_key(join_path(directory_path, name));
      if (key && !metas_.find(*key, known.etag, known.last_modified))
        keys.push_back(std::move(*key));
    }
  }
  auto metas = fan_out<oss::ObjectMeta>(context.interrupt, keys.size(), kInFlight,
                                        [&](std::size_t i, Callback<oss::ObjectMeta> done) {
                                          return store_.start_head(keys[i], context.deadline,
                                                                   std::move(done));
                                        });
  std::map<std::string, oss::ObjectMeta> fetched;
  for (std::size_t i = 0; i < keys.size(); ++i)
    if (metas[i]) fetched.emplace(keys[i], std::move(*metas[i]));
  std::vector<InodePointer> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [name, known] = handle->entries[from + i];
    const auto key = keys_.file_key(join_path(directory_path, name));
    const auto meta = key ? fetched.find(*key) : fetched.end();
    if (meta != fetched.end() && meta->second.type != oss::ObjectType::kSymlink &&
        !known.is_directory) {
      Found found;
      found.entry = known;
      found.entry.etag = meta->second.etag;
      found.meta = meta->second;
      metas_.put(*key, meta->second);
      found.attributes = attributes_of(found.meta, false, defaults_);
      if (!is_link(found.attributes.mode)) {
        out[i] = adopt(handle->inode, name, found);
        continue;
      }
    }
    auto resolved = resolve(context, handle->inode, name);
    if (resolved) out[i] = *resolved;
  }
  return out;
}

Result<void> Folder::readdir_plus(
    const Context& context, HandleNumber number, std::uint64_t cookie,
    const std::function<bool(const DirectoryEntry&, const Entry&)>& sink) {
  if (auto may = may_wait(context); !may) return may;
  const DirectoryHandlePointer handle = directory_handle(number);
  if (!handle) return fail(Errc::kBadHandle, "not an open directory");
  if (cookie == 0 || !handle->filled)
    if (auto filled = fill(context, handle); !filled) return filled;
  DirectoryEntry entry;
  entry.attributes.mode = S_IFDIR;
  entry.attributes.inode = handle->inode->number;
  const Entry self = entry_of(handle->inode);
  if (cookie == 0) {
    entry.name = ".";
    entry.next_cookie = kAfterDot;
    if (!sink(entry, self)) return {};
  }
  if (cookie <= kAfterDot) {
    entry.name = "..";
    entry.next_cookie = kAfterDotDot;
    if (!sink(entry, self)) return {};
  }
  std::size_t at = cookie > kAfterDotDot ? cookie - kAfterDotDot : 0;
  while (at < handle->entries.size()) {
    const std::size_t count = std::min(kResolvedAtOnce, handle->entries.size() - at);
    const auto inodes = resolve_all(context, handle, at, count);
    for (std::size_t i = 0; i < count; ++i) {
      if (!inodes[i]) continue;
      entry.name = handle->entries[at + i].first;
      entry.next_cookie = at + i + 1 + kAfterDotDot;
      const Entry full = entry_of(inodes[i]);
      entry.attributes = full.attributes;
      {
        MutexLock lock(tree_.mutex);
        ++inodes[i]->lookups;
      }
      if (sink(entry, full)) continue;
      forget(inodes[i]->number, 1);  // it did not fit: the kernel does not know it
      return {};
    }
    at += count;
  }
  return {};
}

}  // namespace stsfs::fs
