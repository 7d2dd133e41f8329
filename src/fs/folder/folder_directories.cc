// Reading a directory gives what its listing tells: names and types. What only a HEAD tells goes
// along where it is known; the rest is asked for only once somebody looks at entries, one after the
// other.

#include <algorithm>

#include "folder.h"

namespace stsfs::fs {
namespace {

// Cookies: 1 follows ".", 2 follows "..", c + 3 follows what is before c in the view.
constexpr std::uint64_t kAfterDot = 1;
constexpr std::uint64_t kAfterDotDot = 2;
constexpr std::uint64_t kFirst = 3;
/// How many entries are looked at together.
constexpr std::size_t kTogether = 64;
/// Of how many more behind them attributes are asked for, once some have to be.
constexpr std::size_t kAskedBehind = 448;
/// Who sorts by inode number, to be kind to disks (cp -r), is to read in the order of the listing:
/// that is what can be fetched ahead. Source: libfuse, FUSE_UNKNOWN_INO.
constexpr InodeNumber kUnknownInode{0xffffffff};
/// For `readdir_plus`: no inode goes with the name.
constexpr InodeNumber kNoInode{0};

}  // namespace

Result<HandleNumber> Folder::opendir(const Context&, InodeNumber number) {
  auto found = directory(number);
  if (!found) return fail(std::move(found.error()));
  auto handle = std::make_shared<DirectoryHandle>();
  handle->inode = *found;
  {
    MutexLock lock(tree_.mutex);
    ++(*found)->opens;
  }
  return handles_.add(std::move(handle));
}

void Folder::releasedir(HandleNumber number) {
  const DirectoryHandlePointer handle = handles_.take_directory(number);
  if (!handle) return;
  {
    MutexLock lock(tree_.mutex);
    --handle->inode->opens;
    tree_.release(handle->inode);
  }
  contents_.sweep();
}

/// What is here and not in OSS yet.
DirectoryView::Entries Folder::not_in_oss(const InodePointer& directory) {
  DirectoryView::Entries out;
  MutexLock lock(tree_.mutex);
  for (const auto& [name, child] : tree_.children_of(directory->number)) {
    if (child->removed || !tree_.is_only_here(*child, directory->number, name)) continue;
    cache::KnownEntry& entry = out[name];
    entry.is_directory = is_directory(child->attributes.mode);
    entry.size_bytes = child->content ? child->content->size() : child->attributes.size_bytes;
    entry.etag = child->etag;
    if (!child->content_key.empty()) entry.type = oss::ObjectType::kSymlink;
  }
  return out;
}

/// Those of this directory, and of the ones below it, that somebody reads and that are not whole.
Folder::BeingListed Folder::being_listed_below(const Inode& directory) const {
  BeingListed out;
  out.handles = handles_.directories();
  for (const DirectoryHandlePointer& handle : out.handles) {
    if (handle->inode->removed || !tree_.is_below(*handle->inode, directory.number)) continue;
    MutexLock lock(handle->mutex);
    if (handle->view && !handle->view->listing()->complete())
      out.listings.push_back(handle->view->listing());
  }
  return out;
}

/// Before their keys are others: there is nothing more to be had under those of now.
Result<void> Folder::list_whole_below(const Context& context, const InodePointer& directory) {
  BeingListed listed;
  {
    MutexLock lock(tree_.mutex);
    listed = being_listed_below(*directory);
  }
  for (const DirectoryListingPointer& listing : listed.listings)
    for (std::size_t i = 0;; ++i) {
      const auto page = listing->page(i, context.interrupt);
      if (!page) return fail(page.error());
      if (!*page) break;
    }
  return {};
}

/// Begun anew by who reads from the start.
Result<std::shared_ptr<DirectoryView>> Folder::view_at(const Context& context,
                                                       DirectoryHandle& handle,
                                                       std::uint64_t cookie) {
  if (cookie != 0) {
    MutexLock lock(handle.mutex);
    if (handle.view) return handle.view;
  }
  for (;;) {
    auto view = new_view(context, handle);
    if (!view) return view;
    // Who renames it waits for what is on its way of it, and may not have seen this one.
    const auto key = keys_.directory_key(path(handle.inode));
    if (!key || *key == (*view)->listing()->key()) return view;
  }
}

Result<std::shared_ptr<DirectoryView>> Folder::new_view(const Context& context,
                                                        DirectoryHandle& handle) {
  auto key = keys_.directory_key(path(handle.inode));
  if (!key) return fail(std::move(key.error()));
  if (!directories_.find(*key))
    if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  if (auto settled = link_gate_.settle_links_left_at(context, *key); !settled)
    return fail(std::move(settled.error()));
  auto settled =
      settle_exchanges_left(context, [whole = path(handle.inode)](const Exchanges::Entry& entry) {
        return Exchanges::is_below(entry, whole);
      });
  if (!settled) return fail(std::move(settled.error()));
  // What is not in OSS now may be on no page, and be in OSS when the last of them comes; what goes
  // there from here on the listing is told.
  auto ours = not_in_oss(handle.inode);
  auto listing = listings_.read(*key, context.interrupt);
  if (!listing) return fail(std::move(listing.error()));
  for (auto& [name, entry] : not_in_oss(handle.inode)) ours.insert_or_assign(name, entry);
  auto view = std::make_shared<DirectoryView>(std::move(*listing), std::move(ours));
  std::shared_ptr<DirectoryView> before;  // goes when the lock is gone
  MutexLock lock(handle.mutex);
  before = std::exchange(handle.view, view);
  return view;
}

Result<void> Folder::readdir(const Context& context, HandleNumber number, std::uint64_t cookie,
                             const DirectorySink& sink) {
  const DirectoryHandlePointer handle = handles_.directory(number);
  if (!handle) return fail(Errc::kBadHandle, "not an open directory");
  auto view = view_at(context, *handle, cookie);
  if (!view) return fail(std::move(view.error()));
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
  const std::string& key = (*view)->listing()->key();
  const bool may_wait_here = context.wait == Wait::kAllowed;
  std::uint64_t at = cookie >= kFirst ? cookie - kFirst : 0;
  for (bool first = true;; first = false) {
    auto item = (*view)->at(at, first && may_wait_here, context.interrupt);
    if (!item && !first) return {};  // what there is goes out; whoever wants more waits for it
    if (!item) return fail(std::move(item.error()));
    if (!*item) return {};
    at = (*item)->next_cookie;
    entry.name = (*item)->name;
    entry.next_cookie = at + kFirst;
    entry.attributes = {};
    entry.attributes.inode = kUnknownInode;
    entry.attributes.size_bytes = (*item)->entry.size_bytes;
    entry.attributes.mode = objects_.listed_type(context, key + (*item)->name, (*item)->entry);
    {
      MutexLock lock(tree_.mutex);
      if (const InodePointer child = tree_.child(handle->inode->number, (*item)->name))
        entry.attributes.mode = child->attributes.mode & S_IFMT;
    }
    if (!sink(entry)) return {};
  }
}

/// The inodes of some entries; null where the entry is gone meanwhile, or where only OSS could tell
/// more of it and is not to be asked.
std::vector<InodePointer> Folder::inodes_of(const Context& context, const InodePointer& directory,
                                            const DirectoryView& view,
                                            const std::vector<DirectoryView::Item>& items,
                                            bool ask) {
  std::vector<InodePointer> out(items.size());
  if (!view.entries_are_good()) return out;
  const std::string directory_path = path(directory);
  {
    MutexLock lock(tree_.mutex);
    for (std::size_t i = 0; i < items.size(); ++i) {
      const InodePointer child = tree_.child(directory->number, items[i].name);
      if (child && (tree_.is_only_here(*child, directory->number, items[i].name) ||
                    is_fresh(child->confirmed, options_.fresh)))
        out[i] = child;
    }
  }
  std::vector<Objects::Wanted> all;
  std::vector<std::size_t> asked_for;  // whose they are
  std::vector<bool> unknown(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (out[i]) continue;
    const cache::KnownEntry& entry = items[i].entry;
    auto one = objects_.wanted(context, directory_path, items[i].name, entry);
    if (!is_fresh(items[i].asked, options_.fresh)) {  // the page grew old while it was read
      one = objects_.again(directory_path, items[i].name, entry);
      unknown[i] = true;
    }
    // Of a file with several names more is to be asked than its name tells.
    const bool named =
        entry.type == oss::ObjectType::kSymlink &&
        objects_.listed_type(context, view.listing()->key() + items[i].name, entry) != S_IFLNK;
    unknown[i] = unknown[i] || one || named;
    if (!one || !ask) continue;
    all.push_back(std::move(*one));
    asked_for.push_back(i);
  }
  if (!all.empty() && options_.fresh.count() > 0)
    for (auto& one :
         objects_.wanted_behind(context, directory_path, items.back().name, kAskedBehind))
      all.push_back(std::move(one));
  const SteadyTime now = clock_.steady();
  auto metas = objects_.ask_all(context, all);
  std::vector<NameAnswer> answers(items.size());
  for (std::size_t i = 0; i < items.size(); ++i)
    answers[i] = {.entry = items[i].entry, .asked = items[i].asked, .meta = {}};
  for (std::size_t i = 0; i < asked_for.size(); ++i) {
    if (all[i].what == Objects::Wanted::What::kDirectory || !metas[i] ||
        Objects::is_followed_link(*metas[i]))
      continue;
    answers[asked_for[i]].asked = now;
    answers[asked_for[i]].meta = std::move(*metas[i]);
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (out[i] || (unknown[i] && !ask) || !is_fresh(answers[i].asked, options_.fresh)) continue;
    auto found =
        objects_.find_object(context, join_path(directory_path, items[i].name), answers[i]);
    if (found) out[i] = adopt(directory, items[i].name, *found);
  }
  return out;
}

Result<void> Folder::readdir_plus(
    const Context& context, HandleNumber number, std::uint64_t cookie,
    const std::function<bool(const DirectoryEntry&, const Entry&)>& sink) {
  if (auto may = may_wait(context); !may) return may;
  const DirectoryHandlePointer handle = handles_.directory(number);
  if (!handle) return fail(Errc::kBadHandle, "not an open directory");
  auto view = view_at(context, *handle, cookie);
  if (!view) return fail(std::move(view.error()));
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
  // The kernel asks so at the start whatever is wanted, and later only after names were looked up.
  const bool ask = cookie >= kFirst;
  std::uint64_t at = ask ? cookie - kFirst : 0;
  for (bool first = true;;) {
    std::vector<DirectoryView::Item> items;
    while (items.size() < kTogether) {
      // The first entry is waited for; what there is then goes out.
      auto item = (*view)->at(at, first, context.interrupt);
      if (!item && first) return fail(std::move(item.error()));
      first = false;
      if (!item || !*item) break;
      at = (*item)->next_cookie;
      items.push_back(std::move(**item));
    }
    if (items.empty()) return {};
    const auto inodes = inodes_of(context, handle->inode, **view, items, ask);
    for (std::size_t i = 0; i < items.size(); ++i)
      if (!give(items[i], inodes[i], (*view)->listing()->key(), context, sink)) return {};
  }
}

/// One entry of `readdir_plus`: with its inode, or just the name where that was forgotten since.
/// False: it did not fit.
bool Folder::give(const DirectoryView::Item& item, const InodePointer& inode,
                  const std::string& directory_key, const Context& context,
                  const std::function<bool(const DirectoryEntry&, const Entry&)>& sink) {
  DirectoryEntry entry;
  entry.name = item.name;
  entry.next_cookie = item.next_cookie + kFirst;
  Entry full;
  const bool has_inode = inode && count_if_known(inode);
  if (has_inode) {
    full = entry_of(inode);
  } else {
    full.attributes.inode = kNoInode;
    full.attributes.mode = objects_.listed_type(context, directory_key + item.name, item.entry);
  }
  entry.attributes = full.attributes;
  entry.attributes.inode = kUnknownInode;
  if (sink(entry, full)) return true;
  if (has_inode) forget(inode->number, 1);  // the kernel does not know it
  return false;
}

}  // namespace stsfs::fs
