// Opening a file of which nothing is cached takes one round trip: the request that brings its first
// bytes carries If-Match, and so says whether the version that we know is still the present one.

#include <fcntl.h>

#include "folder.h"

namespace stsfs::fs {
namespace {

/// What another question may be answered differently to: a HEAD then says what is there now.
bool says_nothing_final(Errc code) {
  return code != Errc::kInterrupted && code != Errc::kTimedOut && code != Errc::kUnavailable &&
         code != Errc::kThrottled && code != Errc::kCredential;
}

}  // namespace

/// The content that a reader from the start would ask for anyhow; null when a HEAD is the better
/// question: pages are kept that the answer may prove good, there is nothing to read, or somebody
/// has the file open.
std::shared_ptr<FileContent> Folder::content_to_begin(const InodePointer& inode) {
  MutexLock lock(tree_.mutex);
  const bool known = is_regular(inode->attributes.mode) && inode->in_store && !inode->removed &&
                     !inode->etag.empty() && inode->attributes.size_bytes > 0;
  const bool untouched = inode->content == nullptr && inode->opens == 0;
  if (!known || !untouched || inode->pages_etag == inode->etag) return nullptr;
  if (contents_.just_written().has(inode->number, inode->etag)) return nullptr;
  if (is_fresh(inode->confirmed, options_.open_fresh)) return nullptr;
  if (!inode->content_key.empty()) return nullptr;  // whether the name still leads there asks more
  return contents_.make(inode->number, key_of(*inode), inode->etag, inode->attributes.size_bytes);
}

/// Begins to read the file and so confirms it. False: it is to be confirmed the ordinary way.
Result<bool> Folder::confirm_by_reading(const Context& context, const InodePointer& inode) {
  if (context.wait == Wait::kNever) return false;
  const auto content = content_to_begin(inode);
  if (content == nullptr) return false;
  InodePointer parent;
  std::string name, whole;
  {
    MutexLock lock(tree_.mutex);
    parent = tree_.find(inode->parent);
    name = inode->name;
    whole = tree_.path_of(*inode);
  }
  if (!parent) return false;
  const SteadyTime asked = clock_.steady();
  auto meta = await<oss::ObjectMeta>(context.interrupt, [&](Callback<oss::ObjectMeta> done) {
    content->start_reading(context.deadline, std::move(done));
    return Transfer();  // dropping the content ends it
  });
  if (!meta && says_nothing_final(meta.error().code)) return false;
  if (!meta) return fail(std::move(meta.error()));
  // Bytes that lay on the local disk come without the object's headers, and confirm nothing.
  if (meta->server_time == WallTime{}) return false;
  Objects::Found found;
  found.asked = asked;
  found.entry.size_bytes = meta->size_bytes;
  found.entry.etag = meta->etag;
  found.meta = std::move(*meta);
  found.attributes = attributes_of(found.meta, false, defaults_);
  if (!is_regular(found.attributes.mode)) return false;
  if (const auto key = keys_.file_key(whole)) metas_->put(*key, found.meta);
  adopt(parent, name, found);
  MutexLock lock(tree_.mutex);
  if (!inode->removed && inode->content == nullptr && inode->etag == found.meta.etag)
    inode->content = content;
  return true;
}

/// What one listing tells of many files that are opened one after the other, where it shows the
/// version whose attributes are known from a HEAD. Nothing: to be asked.
std::optional<NameAnswer> Folder::listed_for_open(const Context& context, const std::string& whole,
                                                  std::chrono::milliseconds fresh) {
  if (fresh != options_.open_fresh || context.wait == Wait::kNever) return std::nullopt;
  const auto key = keys_.file_key(whole);
  if (!key) return std::nullopt;
  auto listed = open_runs_.find(*key, context.interrupt);
  if (!listed) return std::nullopt;
  const cache::KnownEntry& entry = *listed->entry;
  listed->meta = metas_->find_proven(*key, entry.etag, entry.last_modified,
                                     cache::AttributeStore::Where::kAnywhere);
  if (!listed->meta || entry.type == oss::ObjectType::kSymlink) return std::nullopt;
  return listed;
}

/// Of a file with several names nobody says by which it is opened: when one of them leads elsewhere
/// by now, ESTALE has the kernel look the name up anew.
Result<void> Folder::confirm_opened(const Context& context, const InodePointer& inode) {
  const auto names = [&] {
    MutexLock lock(tree_.mutex);
    return inode->content_key.empty() ? std::size_t{0} : tree_.names_of(*inode).size();
  };
  const std::size_t before = names();
  auto confirmed = confirm(context, inode, options_.open_fresh);
  if (confirmed && names() < before)
    return fail(Errc::kStale, "another client gave a name of it to another file");
  return confirmed;
}

}  // namespace stsfs::fs
