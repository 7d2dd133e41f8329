// The tree, brought up to date with what OSS knows (Objects).

#include <algorithm>

#include "folder.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

/// How often a name is asked for anew because a directory above it got another name meanwhile.
constexpr int kOvertakenMax = 1'000;

/// Whoever reads a file through the kernel's pages goes by the one size that an inode has there: of
/// another version he would take the end for his own, and a mapping of that would put its pages
/// among his. What is open for writing keeps its inode, since what is written has to find its way.
bool is_being_read(const Inode& inode) {
  return is_regular(inode.attributes.mode) && inode.in_store && inode.content_key.empty() &&
         inode.paged_opens > 0 && inode.writers == 0;
}

tl::unexpected<Error> fail_overtaken(std::string_view name) {
  return fail(Errc::kUnavailable,
              printable(name) + ": its directory gets one name after the other");
}

}  // namespace

/// The answer may be older than what we ourselves made of the version that it tells of. Whoever
/// makes more of it after this finds what it tells in the tree, which therefore stays locked.
std::string Folder::etag_by_now(const InodePointer& parent, std::string_view name,
                                const Objects::Found& found) {
  if (!successors_.any()) return found.meta.etag;
  std::string key = found.content_key;
  if (key.empty()) {
    const std::string whole = tree_.path_of(parent->number, name);
    key = (found.entry.is_directory ? keys_.directory_key(whole) : keys_.file_key(whole))
              .value_or("");
  }
  const auto now = successors_.of({key, found.meta.etag}, found.asked);
  return now && now->key == key ? now->etag : found.meta.etag;
}

/// It has the kernel look the name up anew, where somebody came by that.
tl::unexpected<Error> Folder::fail_replaced() {
  return fail(Errc::kStale,
              "another client replaced the file; who has it open stays on what it was");
}

InodePointer Folder::adopt(const InodePointer& parent, std::string_view name,
                           const Objects::Found& found) {
  bool pages_changed = false;
  bool was_replaced = false;
  InodePointer inode;
  {
    MutexLock lock(tree_.mutex);
    inode = tree_.child(parent->number, name);
    if (inode && tree_.is_fresh(*inode, parent->number, name)) return inode;
    if (tree_.path_since(*parent) > found.asked) return nullptr;
    if (inode && inode->moved > found.asked) return inode;
    if (inode && inode->replacing > 0) return inode;
    const InodePointer shared = tree_.by_content_key(found.content_key);
    if (shared && shared != inode) {
      if (inode) tree_.remove_name(inode, parent->number, name);
      tree_.add_name(shared, parent->number, name);
      inode = shared;
    }
    // What was asked before we wrote the version that is there now tells nothing of it.
    if (inode && inode->in_store && inode->touched > found.asked) return inode;
    // Another client gave the name to another file: the one that had it lives on under others.
    const bool is_other = inode && !inode->content_key.empty() && !shared &&
                          !(inode->content && inode->content->dirty());
    if (is_other) {
      tree_.remove_name(inode, parent->number, name);
      inode = nullptr;
    }
    // What is not in OSS yet is ours: OSS cannot know better.
    if (inode && tree_.is_only_here(*inode, parent->number, name)) return inode;
    const bool same_type =
        inode && (inode->attributes.mode & S_IFMT) == (found.attributes.mode & S_IFMT);
    if (inode && !same_type) {
      tree_.remove(inode);
      inode = nullptr;
    }
    const std::string etag = etag_by_now(parent, name, found);
    if (inode && inode->etag != etag && found.content_key.empty() && is_being_read(*inode)) {
      inode->replaced = was_replaced = true;
      tree_.remove(inode);
      inode = nullptr;
    }
    if (!inode)
      inode =
          tree_.add(parent->number, name, found.attributes, LinkArea::inode_in(found.content_key));
    const InodeNumber number = inode->number;
    const WallTime shown = inode->attributes.mtime;
    inode->attributes = found.attributes;
    inode->attributes.inode = number;
    // An implied directory has no times of its own: what was shown once stays.
    if (found.entry.is_directory && !found.entry.has_marker.value_or(false) && !inode->in_store)
      inode->attributes.atime = inode->attributes.mtime = inode->attributes.ctime = shown;
    if (inode->entries_changed > inode->attributes.mtime)
      inode->attributes.mtime = inode->attributes.ctime = *inode->entries_changed;
    inode->headers = found.meta.headers;
    inode->storage_class = found.meta.storage_class;
    inode->link_target = found.link_target;
    inode->tagged = found.meta.tagging_count > 0;
    inode->symlink_key = found.meta.symlink_target;
    if (inode->content_key != found.content_key) tree_.set_content_key(inode, found.content_key);
    if (!found.content_key.empty()) {
      inode->attributes.link_count = Tree::count_names(*inode, found.tokens);
      take_name(inode, parent->number, name, found.asked);
    }
    inode->in_store = !found.entry.is_directory || found.entry.has_marker.value_or(false);
    inode->bytes_of_marker = found.entry.is_directory ? found.meta.size_bytes : 0;
    pages_changed = !inode->pages_etag.empty() && inode->pages_etag != etag;
    if (pages_changed) inode->pages_etag.clear();
    // Handles that are open stay on their version; the next open gets a content of its own.
    if (inode->content && inode->etag != etag) inode->content = nullptr;
    inode->etag = etag;
    inode->confirmed = found.asked;
  }
  if (pages_changed && notifier_ != nullptr) notifier_->inode_changed(inode->number);
  if (was_replaced && notifier_ != nullptr) notifier_->entry_changed(parent->number, name);
  forget_idle_inodes();
  return inode;
}

/// Of a file with several names this one leads to it. The others are to be asked for again once
/// they are as old as a name may be.
void Folder::take_name(const InodePointer& inode, InodeNumber parent, std::string_view name,
                       SteadyTime asked) {
  if (is_fresh(inode->names_confirmed, options_.fresh)) return;
  inode->names_confirmed = asked;
  for (const auto& [above, other] : tree_.names_of(*inode))
    if (std::pair(above, std::string_view(other)) != std::pair(parent, name) &&
        !tree_.is_fresh(*inode, above, other))
      tree_.remove_name(inode, above, other);
}

/// The kernel keeps what it has memory for, and we would have to keep as much: a name that it is
/// told to drop comes back as FORGET.
void Folder::forget_idle_inodes() {
  constexpr std::size_t kAtOnce = 32;
  if (notifier_ == nullptr) return;
  std::vector<std::pair<InodeNumber, std::string>> names;
  {
    MutexLock lock(tree_.mutex);
    if (tree_.size() <= options_.inodes_max) return;
    for (const InodePointer& idle : tree_.idle(kAtOnce))
      for (auto& name : tree_.names_of(*idle)) names.push_back(std::move(name));
  }
  for (const auto& [parent, name] : names) notifier_->entry_changed(parent, name);
}

Result<InodePointer> Folder::resolve(const Context& context, const InodePointer& parent,
                                     std::string_view name) {
  const std::string whole = path_below(parent, name);
  auto settled = settle_exchanges_left(
      context, [&](const Exchanges::Entry& entry) { return Exchanges::is_at(entry, whole); });
  if (const auto key = keys_.file_key(whole); settled && key)
    settled = link_gate_.settle_links_left_at(context, *key);
  if (!settled) return fail(std::move(settled.error()));
  return resolve_known(context, parent, name);
}

/// Until it is told of the path that the directory has had all the while. What is known by the name
/// may be another inode by then: that came by a rename of ours, which the answer need not know of.
Result<InodePointer> Folder::resolve_known(const Context& context, const InodePointer& parent,
                                           std::string_view name) {
  for (int tries = 0; tries < kOvertakenMax; ++tries) {
    InodePointer known;
    std::string directory_path;
    const SteadyTime begun = clock_.steady();
    {
      MutexLock lock(tree_.mutex);
      known = tree_.child(parent->number, name);
      directory_path = tree_.path_of(*parent);
      const bool ours = known && tree_.is_only_here(*known, parent->number, name);
      const bool may_be_other =
          known && !known->content_key.empty() && !is_fresh(known->names_confirmed, options_.fresh);
      if (known && (ours || (!may_be_other && is_fresh(known->confirmed, options_.fresh))))
        return known;
    }
    const auto is_overtaken = [&](const Result<NameAnswer>& answer) {
      const SteadyTime asked = answer ? std::min(begun, answer->asked) : begun;
      MutexLock lock(tree_.mutex);
      const InodePointer now_known = tree_.child(parent->number, name);
      const bool is_there = answer && answer->entry;
      return tree_.path_since(*parent) > asked || (known && now_known != known) ||
             (now_known && now_known->moved > (is_there ? begun : asked));
    };
    auto answer = objects_.find_entry(context, directory_path, name);
    Result<Objects::Found> found;
    if (answer && answer->entry)
      found = objects_.find_object(context, join_path(directory_path, name), *answer);
    if (is_overtaken(answer)) {
      directories_.forget(keys_.directory_key(directory_path).value_or(""));
      continue;
    }
    if (!answer) return fail(std::move(answer.error()));
    if (!answer->entry) {
      MutexLock lock(tree_.mutex);
      const InodePointer now_known = tree_.child(parent->number, name);
      if (now_known && tree_.is_only_here(*now_known, parent->number, name)) return now_known;
      if (now_known != known || tree_.path_of(*parent) != directory_path) continue;
      if (now_known) tree_.remove_name(now_known, parent->number, name);
      return fail(Errc::kNotFound,
                  "no such file or directory: " + printable(join_path(directory_path, name)));
    }
    if (!found && found.error().code == Errc::kNotFound)
      directories_.forget(keys_.directory_key(directory_path).value_or(""));
    if (!found) return fail(std::move(found.error()));
    if (InodePointer inode = adopt(parent, name, *found)) return inode;
    directories_.forget(keys_.directory_key(directory_path).value_or(""));
  }
  return fail_overtaken(name);
}

Result<void> Folder::confirm(const Context& context, const InodePointer& inode,
                             std::chrono::milliseconds fresh) {
  for (int tries = 0; tries < kOvertakenMax; ++tries) {
    auto confirmed = confirm_by_path(context, inode, fresh);
    if (!confirmed) return fail(std::move(confirmed.error()));
    if (*confirmed) return {};
  }
  return fail_overtaken(path(inode));
}

/// False: what was asked for is not where it lies any more.
Result<bool> Folder::confirm_by_path(const Context& context, const InodePointer& inode,
                                     std::chrono::milliseconds fresh) {
  InodePointer parent;
  std::string name;
  std::string whole;
  cache::KnownEntry entry;
  bool linked = false;
  const SteadyTime begun = clock_.steady();
  {
    MutexLock lock(tree_.mutex);
    if (inode->replaced) return fail_replaced();
    const bool ours = inode->number == InodeNumber::kRoot || inode->removed ||
                      (inode->content && inode->content->dirty());
    if (ours || is_fresh(inode->confirmed, fresh)) return true;
    linked = !inode->content_key.empty();
    parent = tree_.find(inode->parent);
    name = inode->name;
    whole = tree_.path_of(*inode);
    entry.is_directory = is_directory(inode->attributes.mode);
    if (is_link(inode->attributes.mode)) entry.type = oss::ObjectType::kSymlink;
  }
  if (linked) {
    auto confirmed = confirm_linked(context, inode);
    if (!confirmed) return fail(std::move(confirmed.error()));
    return true;
  }
  if (!parent) return fail(Errc::kStale, "its directory is gone");
  if (entry.is_directory || entry.type == oss::ObjectType::kSymlink) {
    auto resolved = resolve_known(context, parent, name);  // it has been told of
    if (!resolved) return fail(std::move(resolved.error()));
    return true;
  }
  NameAnswer answer{.entry = entry, .asked = {}, .meta = {}};  // without an ETag: asks
  if (auto listed = listed_for_open(context, whole, fresh)) answer = std::move(*listed);
  auto found = objects_.find_object(context, whole, answer);
  const bool is_overtaken = [&] {
    MutexLock lock(tree_.mutex);
    return tree_.path_since(*parent) > begun || inode->parent != parent->number ||
           inode->name != name;
  }();
  if (is_overtaken && (found || found.error().code == Errc::kNotFound)) return false;
  if (!found && found.error().code == Errc::kNotFound) {
    directories_.forget(keys_.directory_key(path(parent)).value_or(""));
    MutexLock lock(tree_.mutex);
    tree_.remove_name(inode, parent->number, name);
  }
  if (!found) return fail(std::move(found.error()));
  adopt(parent, name, *found);
  MutexLock lock(tree_.mutex);
  if (inode->replaced) return fail_replaced();
  return true;
}

/// After OSS refused a request because it has not the version that we know. False: the
/// name leads to something else by now.
Result<bool> Folder::look_again(const Context& context, const InodePointer& inode) {
  if (auto confirmed = confirm(context, inode, {}); !confirmed)
    return fail(std::move(confirmed.error()));
  MutexLock lock(tree_.mutex);
  return !inode->removed;
}

}  // namespace stsfs::fs
