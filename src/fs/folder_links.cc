// Hard links: several names of one inode, whose object lies in the LinkArea.

#include "folder.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {

Result<Entry> Folder::link(const Context& context, InodeNumber number, InodeNumber parent_number,
                           std::string_view name) {
  if (auto may = may_write(); !may) return fail(std::move(may.error()));
  if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  const NameGate::Pass pass = name_gate_.enter();
  if (!options_.symlink_objects)
    return fail(Errc::kNotPermitted,
                "hard links need OSS symlink objects, which this bucket has not");
  auto parent = directory(parent_number);
  auto found = inode(number);
  if (!parent || !found) return fail(parent ? found.error() : parent.error());
  if (auto good = KeySpace::check_name(name); !good) return fail(std::move(good.error()));
  auto key = keys_.file_key(path_below(*parent, name));
  if (!key) return fail(std::move(key.error()));
  {
    MutexLock lock(tree_.mutex);
    const mode_t mode = (*found)->attributes.mode;
    if (is_directory(mode) || is_link(mode))
      return fail(Errc::kNotPermitted, "only files can have several names");
    if ((*found)->removed) return fail(Errc::kNotFound, "the file was removed");
  }
  auto present = resolve(context, *parent, name);
  if (present) return fail(Errc::kExists, printable(*key) + " exists");
  if (present.error().code != Errc::kNotFound) return fail(std::move(present.error()));
  if (auto shared = share_content(context, *found); !shared) return fail(std::move(shared.error()));
  std::string content_key;
  {
    MutexLock lock(tree_.mutex);
    content_key = (*found)->content_key;
  }
  auto added = links_.add_name(content_key, *key, true, context.interrupt, context.deadline);
  if (!added) return fail(std::move(added.error()));
  {
    MutexLock lock(tree_.mutex);
    ++(*found)->attributes.link_count;
    (*found)->attributes.ctime = now();
    tree_.add_name(*found, (*parent)->number, name);
    note_entry(tree_.path_of(**parent), name, **found);
  }
  entries_changed(*parent);
  return counted_entry(*found);
}

/// Brings a file with one name to where files with several lie. Its own name leads there before
/// anybody else's does.
Result<void> Folder::share_content(const Context& context, const InodePointer& inode) {
  std::shared_ptr<FileContent> content = content_of(inode);
  if (auto sent = commit_and_wait(context, content); !sent) return sent;
  if (auto held = hold(content); !held) return held;
  Holds holds;
  std::string old_key;
  std::string etag;
  std::uint64_t size = 0;
  oss::CopyOptions copy;
  bool shared = false;
  {
    MutexLock lock(tree_.mutex);
    shared = !inode->content_key.empty();
    old_key = keys_.file_key(tree_.path_of(*inode)).value_or("");
    etag = inode->etag;
    size = inode->attributes.size_bytes;
    copy.source_key = old_key;
    copy.source_etag = etag;
    copy.put = put_options(inode->attributes, inode->headers, inode->storage_class);
    if (shared) old_key = inode->content_key;
  }
  if (shared) {
    holds.add(content, old_key, etag);
    return {};
  }
  if (auto spared = spare_copies_of(old_key); !spared) {
    holds.add(content, old_key, etag);
    return spared;
  }
  const std::string content_key = links_.new_content_key();
  auto written = await<oss::Written>(context.interrupt, [&](Callback<oss::Written> done) {
    return staging::start_copy(store_, clock_, content_key, copy, size,
                               surroundings_.options.upload, std::move(done));
  });
  Result<void> named;
  if (written)
    named = links_.add_name(content_key, old_key, false, context.interrupt, context.deadline);
  if (!written || !named) {
    holds.add(content, old_key, etag);
    return written ? named : fail(std::move(written.error()));
  }
  const std::string copied = written->etag.empty() ? etag : written->etag;
  {
    MutexLock lock(tree_.mutex);
    if (inode->pages_etag == inode->etag) inode->pages_etag = copied;
    inode->etag = copied;
    inode->confirmed = clock_.steady();
    inode->attributes.link_count = 1;
    tree_.set_content_key(inode, content_key);
    const std::string whole = tree_.path_of(*inode);
    const auto slash = whole.rfind('/');
    note_entry(slash == std::string::npos ? "" : whole.substr(0, slash), inode->name, *inode);
  }
  metas_->forget(old_key);
  holds.add(content, content_key, copied);
  return {};
}

/// One of several names goes; with the last one the file.
Result<void> Folder::unlink_name(const Context& context, const InodePointer& inode,
                                 const InodePointer& parent, std::string_view name,
                                 const std::string& key) {
  auto known = links_.name_at(key, context.interrupt, context.deadline);
  if (!known) return fail(std::move(known.error()));
  if (auto spared = spare_copies_of(known->content_key); !spared) return spared;
  bool parent_has_marker = false;
  {
    MutexLock lock(tree_.mutex);
    parent_has_marker = parent->in_store;
  }
  const bool moves = moves_.place_of(key).where == TreeMoves::Where::kNew;
  auto gone = moves ? remove_now(context, key, parent_has_marker)
                    : removals_.add(key, known->etag, parent_has_marker);
  if (!gone) return gone;
  note_gone(path(parent), name);
  metas_->forget(key);
  entries_changed(parent);
  return drop_name(context, inode, parent->number, name, *known);
}

Result<void> Folder::drop_name(const Context& context, const InodePointer& inode,
                               InodeNumber parent, std::string_view name,
                               const LinkArea::Name& known) {
  std::string etag;
  bool held = false;
  {
    MutexLock lock(tree_.mutex);
    etag = inode->etag;
    held = inode->opens > 0 && inode->held_key.empty();
    if (held) inode->held_key = known.content_key;
  }
  if (held) removals_.hold(known.content_key);
  auto left = links_.drop(known, etag, context.interrupt, context.deadline);
  const bool last = left && *left == 0;
  if (held && !last) removals_.release(known.content_key);
  std::shared_ptr<FileContent> content;
  {
    MutexLock lock(tree_.mutex);
    if (held && !last) inode->held_key.clear();
    if (left) inode->attributes.link_count = *left;
    inode->attributes.ctime = now();
    if (last) {
      content = inode->content;
      tree_.remove(inode);
    } else {
      tree_.remove_name(inode, parent, name);
    }
  }
  if (content) content->forget_changes();
  sweep();
  if (!left) return fail(std::move(left.error()));
  return {};
}

/// A name in a listing that is one of several.
Result<void> Folder::find_linked(const Context& context, const LinkArea::Name& name, Found& out) {
  auto meta = head(context, name.content_key);
  if (!meta) return fail(std::move(meta.error()));
  auto count = links_.count(name.content_key, context.interrupt, context.deadline);
  if (!count) return fail(std::move(count.error()));
  out.meta = std::move(*meta);
  out.attributes = attributes_of(out.meta, false, defaults_);
  out.attributes.link_count = std::max<std::uint32_t>(1, *count);
  out.content_key = name.content_key;
  return {};
}

}  // namespace stsfs::fs
