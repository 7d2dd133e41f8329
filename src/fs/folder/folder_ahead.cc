// What was asked ahead of a file (OpensAhead), as the tree takes it.

#include "folder.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {

InodePointer Folder::known_inode(const std::string& whole) const {
  InodePointer out = tree_.find(InodeNumber::kRoot);
  for (const auto& name : split(whole, '/')) {
    if (name.empty()) continue;
    if (out) out = tree_.child(out->number, name);
  }
  return out;
}

/// For OpensAhead.
std::optional<FilesAhead::Way> Folder::way_to_ask(const ReadingRuns::File& file) {
  if (file.entry.etag.empty() || file.entry.type == oss::ObjectType::kSymlink) return std::nullopt;
  const FilesAhead::Way way = OpensAhead::way_for(file.entry.size_bytes);
  const auto whole = keys_.path_of(file.directory_key + file.name);
  if (!whole) return std::nullopt;
  MutexLock lock(tree_.mutex);
  const InodePointer inode = known_inode(*whole);
  if (!inode) return way;
  if (inode->content || inode->opens > 0 || !is_regular(inode->attributes.mode) ||
      inode->etag != file.entry.etag)
    return std::nullopt;
  // Bytes that are here want no more than to be confirmed.
  const bool has_bytes =
      inode->pages_etag == inode->etag || contents_.just_written().has(inode->number, inode->etag);
  const bool needs_bytes = !has_bytes && way == FilesAhead::Way::kGet;
  if (needs_bytes) return way;
  if (is_fresh(inode->confirmed, options_.open_fresh / 2)) return std::nullopt;
  if (open_runs_.covers(file.directory_key + file.name)) return std::nullopt;
  return FilesAhead::Way::kHead;
}

/// Takes what was fetched ahead for a file that is about to be opened. False: the open is still to
/// be confirmed.
Result<bool> Folder::open_from_ahead(const Context& context, const InodePointer& inode) {
  if (options_.open_fresh.count() == 0) return false;
  InodePointer parent;
  std::string name, key, etag;
  std::uint64_t size = 0;
  {
    MutexLock lock(tree_.mutex);
    if (!is_regular(inode->attributes.mode) || !inode->in_store || inode->removed ||
        inode->content || inode->opens > 0)
      return false;
    parent = tree_.find(inode->parent);
    name = inode->name;
    key = key_of(*inode);
    etag = inode->etag;
    size = inode->attributes.size_bytes;
  }
  if (!parent) return false;
  auto told = opens_ahead_.about_to_open(context, key, etag);
  if (!told) return fail(std::move(told.error()));
  if (!*told) return false;
  Objects::Found found;
  found.asked = (*told)->asked;
  found.entry.size_bytes = (*told)->meta.size_bytes;
  found.entry.etag = etag;
  found.meta = std::move((*told)->meta);
  found.attributes = attributes_of(found.meta, false, defaults_);
  if (found.meta.type == oss::ObjectType::kSymlink || !is_regular(found.attributes.mode))
    return false;
  bool is_news = found.meta.server_time != WallTime{};  // else it comes from the local disk
  {
    MutexLock lock(tree_.mutex);
    is_news = is_news && inode->confirmed < found.asked;
  }
  if (is_news) {
    metas_->put(key, found.meta);
    adopt(parent, name, found);
  }
  const auto reader = opens_ahead_.take_reader(**told);
  std::shared_ptr<FileContent> content;
  if (reader) {
    content = contents_.make(inode->number, key, etag, size);
    content->read_with(reader);
  }
  MutexLock lock(tree_.mutex);
  const bool same = !inode->removed && !inode->content && inode->etag == etag &&
                    inode->attributes.size_bytes == size && key_of(*inode) == key;
  if (content && same) inode->content = content;
  return is_fresh(inode->confirmed, options_.open_fresh);
}

/// After an open for reading: what its reader comes to next.
void Folder::read_on(const Context& context, const InodePointer& inode) {
  if (options_.open_fresh.count() == 0) return;
  std::string key, name;
  {
    MutexLock lock(tree_.mutex);
    if (!is_regular(inode->attributes.mode) || inode->removed) return;
    key = key_of(*inode);
    name = inode->name;
  }
  opens_ahead_.opened(context, key, name);
}

}  // namespace stsfs::fs
