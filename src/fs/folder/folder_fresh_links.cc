// A further name that OSS does not have yet (FreshLinks): given, taken away again, made real.

#include <algorithm>

#include "folder.h"
#include "gone.h"
#include "naming/conflict_name.h"
#include "naming/write_id.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {

/// Whether the file may have its second name in the journal alone for a while. A large one may not:
/// its copy is no single request, and has no checksum by which one that was cut off is known.
bool Folder::may_link_later(const Inode& inode, const std::string& key) const {
  if (options_.strict_exclusive || inode.fresh || !inode.content_key.empty()) return false;
  const std::uint64_t size = inode.content ? inode.content->size() : inode.attributes.size_bytes;
  const auto lies_still = [&](const std::string& one) {
    return moves_.place_of(one).where != TreeMoves::Where::kNew;
  };
  return !goes_in_parts(size) && lies_still(key) && lies_still(key_of(inode)) &&
         fresh_links_.takes_more();
}

Result<void> Folder::link_later(const InodePointer& inode, const InodePointer& parent,
                                std::string_view name, const std::string& key) {
  std::string old_key;
  {
    MutexLock lock(tree_.mutex);
    old_key = key_of(*inode);
  }
  const auto claim = fresh_links_.add(inode->number, old_key, key);
  if (!claim) return fail(claim.error());
  MutexLock lock(tree_.mutex);
  inode->attributes.ctime = now();
  tree_.add_name(inode, parent->number, name);
  inode->fresh = FreshName{parent->number, std::string(name), key};
  return {};
}

/// Nothing when all names that the file has are in OSS.
std::optional<Result<void>> Folder::unlink_if_fresh(const Context& context,
                                                    const InodePointer& inode,
                                                    const InodePointer& parent,
                                                    std::string_view name) {
  {
    auto claim = fresh_links_.claim(context, inode->number);
    if (!claim) return fail(std::move(claim.error()));
    bool has_two = false;
    {
      MutexLock lock(tree_.mutex);
      has_two = inode->fresh && inode->content_key.empty();
    }
    if (*claim && has_two) return unlink_early(context, inode, parent, name, std::move(*claim));
    if (!*claim) return std::nullopt;
  }
  // Another client has given it further names meanwhile.
  if (auto made = link_gate_.settle_links_of(context, inode); !made) return made;
  return std::nullopt;
}

/// One of two names goes of which OSS has only the first: nothing is left of the second, or the
/// object gets its name, as with a rename.
Result<void> Folder::unlink_early(const Context& context, const InodePointer& inode,
                                  const InodePointer& parent, std::string_view name,
                                  FreshLinks::Claim claim) {
  FreshName fresh;
  bool fresh_goes = false;
  std::string new_path;
  {
    MutexLock lock(tree_.mutex);
    fresh = *inode->fresh;
    fresh_goes = fresh.parent == parent->number && fresh.name == name;
    new_path = tree_.path_of(fresh.parent, fresh.name);
  }
  if (fresh_goes) {
    if (auto gone = remove_moved_copy(context, inode, parent); !gone) return gone;
    if (auto finished = std::move(claim).finish(); !finished) return finished;
    MutexLock lock(tree_.mutex);
    inode->fresh.reset();
    inode->attributes.ctime = now();
    tree_.remove_name(inode, parent->number, name);
  } else {
    if (auto moved = move_to_fresh_name(context, inode, parent, name, new_path); !moved)
      return moved;
    if (auto finished = std::move(claim).finish(); !finished) return finished;
  }
  directory_times_.entries_changed(parent);
  return {};
}

/// The journal has the file under its new name before its note of the link goes: whatever is killed
/// in between, one of the two tells of that name.
Result<void> Folder::move_to_fresh_name(const Context& context, const InodePointer& inode,
                                        const InodePointer& parent, std::string_view name,
                                        const std::string& new_path) {
  const std::string directory_path = path(parent);
  const std::string old_path = join_path(directory_path, name);
  std::optional<Holds> holds(std::in_place);
  if (auto sent = commit_changes(context, inode, nullptr); !sent) return sent;
  auto moved =
      rename_file(context, inode, nullptr, "", old_path, new_path, RenameMode::kReplace, *holds);
  if (!moved) return fail(std::move(moved.error()));
  InodePointer new_parent;
  std::shared_ptr<FileContent> content;
  {
    MutexLock lock(tree_.mutex);
    const FreshName fresh = *std::exchange(inode->fresh, std::nullopt);
    tree_.remove_name(inode, parent->number, name);
    inode->attributes.ctime = now();
    new_parent = tree_.find(fresh.parent);
    if (new_parent) note_entry(tree_.path_of(*new_parent), fresh.name, *inode);
    if (moved->known)
      metas_->put_written(keys_.file_key(new_path).value_or(""), std::move(*moved->known));
    content = inode->content;
  }
  holds.reset();
  contents_.sweep();
  contents_.await_journal();
  const auto saved = contents_.save_if_noted(content);
  auto gone = leave_old_name(context, parent, name, std::move(moved->left), new_parent == parent);
  return gone ? saved : gone;
}

/// A copy to the fresh name that failed may be there, and not for long what the file is: what is
/// found there later is to be known again.
void Folder::note_unsure_move(const FileRename& file, const Error& error) {
  if (error.code == Errc::kExists || error.code == Errc::kDenied) return;
  MutexLock lock(tree_.mutex);
  Inode& inode = *file.inode;
  if (!inode.fresh || inode.fresh->key != file.new_key) return;
  FreshName::Moved moved{file.etag, ""};
  if (file.copy.replace_metadata)
    moved.write_id = file.copy.put.headers.user.at(oss::kWriteIdName);
  else if (inode.own_version && inode.own_version->etag == file.etag)
    moved.write_id = write_id(inode.own_version->writes);
  inode.fresh->moved.push_back(std::move(moved));
}

/// What lies under the file's fresh name, where it is a copy of this version or an earlier one that
/// an unlink of the first name had made.
Result<std::optional<oss::ObjectMeta>> Folder::moved_copy(const Context& context,
                                                          const InodePointer& inode) {
  std::optional<FreshName> fresh;
  {
    MutexLock lock(tree_.mutex);
    fresh = inode->fresh;
  }
  if (!fresh || fresh->moved.empty()) return std::optional<oss::ObjectMeta>();
  auto there = objects_.head(context, fresh->key);
  if (!there && there.error().code == Errc::kNotFound) return std::optional<oss::ObjectMeta>();
  if (!there) return fail(std::move(there.error()));
  if (there->type == oss::ObjectType::kSymlink) return std::optional<oss::ObjectMeta>();
  const auto id = there->headers.user.find(oss::kWriteIdName);
  for (const FreshName::Moved& moved : fresh->moved) {
    const bool same = moved.write_id.empty()
                          ? there->etag == moved.etag
                          : id != there->headers.user.end() && id->second == moved.write_id;
    if (same) return std::optional(std::move(*there));
  }
  return std::optional<oss::ObjectMeta>();
}

/// With the name goes what a move to it that failed may have left there.
Result<void> Folder::remove_moved_copy(const Context& context, const InodePointer& inode,
                                       const InodePointer& parent) {
  const auto there = moved_copy(context, inode);
  if (!there) return fail(there.error());
  if (!*there) return {};
  std::string key;
  bool has_marker = false;
  {
    MutexLock lock(tree_.mutex);
    key = inode->fresh->key;
    has_marker = parent->in_store;
  }
  return removals_.add(key, (*there)->etag, has_marker);
}

/// On a thread of FreshLinks.
Result<void> Folder::make_link(const FreshLinks::Link& link, Interrupt* interrupt) {
  const Context context{.interrupt = interrupt,
                        .deadline = Deadline::in(clock_, options_.metadata_timeout)};
  const std::string& key = link.entry.to;
  KeptInodes kept(*this, tree_);
  InodePointer inode;
  if (link.inode) {
    MutexLock lock(tree_.mutex);
    inode = tree_.find(*link.inode);
  } else {
    const auto whole = keys_.path_of(link.entry.from);
    Result<InodePointer> found = fail(Errc::kNotFound, "no name of this folder");
    if (whole) found = find_kept(context, *whole, kept);
    if (!found && found.error().code != Errc::kNotFound) return fail(std::move(found.error()));
    if (found) inode = *found;
    // Else the file has left its first name: it was on its way to the second one.
    if (!inode) return {};
  }
  const bool is_there = [&] {
    MutexLock lock(tree_.mutex);
    return inode && !inode->removed;
  }();
  Result<void> made = fail(Errc::kNotFound, "another client removed the file");
  if (is_there) made = make_second_name(context, inode, key);
  if (!made && made.error().code == Errc::kChanged) {
    // Another client wrote the file: what it has now gets the name.
    made = confirm(context, inode, {});
    if (made) made = make_second_name(context, inode, key);
  }
  // Whoever listed its directory meanwhile has not seen it.
  if (!link.inode) directories_.forget(key.substr(0, key.rfind('/') + 1));
  if (made) return {};
  if (made.error().code == Errc::kNotFound || made.error().code == Errc::kDenied)
    drop_fresh_name(inode);
  return made;
}

void Folder::drop_fresh_name(const InodePointer& inode) {
  std::optional<FreshName> fresh;
  {
    MutexLock lock(tree_.mutex);
    if (inode) fresh = std::exchange(inode->fresh, std::nullopt);
    if (fresh) tree_.remove_name(inode, fresh->parent, fresh->name);
    if (inode) tree_.release(inode);
  }
  if (fresh && notifier_ != nullptr) notifier_->entry_changed(fresh->parent, fresh->name);
  contents_.sweep();
}

/// Walks to what an earlier daemon wrote down. What is on the way the kernel need not know: it is
/// kept while we use it. Waits for nothing else that it left: who does that comes here.
Result<InodePointer> Folder::find_kept(const Context& context, const std::string& whole,
                                       KeptInodes& kept) {
  InodePointer at;
  {
    MutexLock lock(tree_.mutex);
    at = tree_.find(InodeNumber::kRoot);
  }
  if (whole.empty()) return at;
  for (const std::string_view name : split(whole, '/')) {
    auto below = resolve_known(context, at, name);
    while (below && !kept.add(*below)) below = resolve_known(context, at, name);
    if (!below) return below;
    at = *below;
  }
  return at;
}

/// What lies under the name already is ours when it is another name of the file, or a copy of it
/// that an unlink of the first name had made; else it is another client's, and keeps its place.
Result<void> Folder::make_second_name(const Context& context, const InodePointer& inode,
                                      const std::string& key) {
  std::optional<FreshName> fresh;
  {
    MutexLock lock(tree_.mutex);
    fresh = inode->fresh;
  }
  if (auto shared = share_content(context, inode); !shared) return shared;
  auto named = add_name(context, inode, key, std::nullopt);
  if (!named && named.error().code == Errc::kExists) {
    auto present = links_.name_at(key, context.interrupt, context.deadline);
    if (!present) return fail(std::move(present.error()));
    std::string content_key;
    {
      MutexLock lock(tree_.mutex);
      content_key = inode->content_key;
    }
    if (*present && (*present)->content_key == content_key) {  // its answer was lost
      auto counted = count_name(context, inode, key, **present);
      if (counted) note_second_name(inode, fresh);
      return counted;
    }
    auto there = objects_.head(context, key);
    if (!there && !is_gone(there.error())) return fail(std::move(there.error()));
    auto is_copy = objects_.have_equal_bytes(context, key, content_key);
    if (!is_copy) return fail(std::move(is_copy.error()));
    auto is_earlier = moved_copy(context, inode);
    if (!is_earlier) return fail(std::move(is_earlier.error()));
    if (!*is_copy && !*is_earlier) return link_beside(context, inode, key);
    named = add_name(context, inode, key, there ? Present(there->etag) : std::nullopt);
  }
  if (named) note_second_name(inode, fresh);
  return named;
}

void Folder::note_second_name(const InodePointer& inode, const std::optional<FreshName>& fresh) {
  {
    MutexLock lock(tree_.mutex);
    inode->fresh.reset();
    const InodePointer parent = fresh ? tree_.find(fresh->parent) : nullptr;
    if (parent) note_entry(tree_.path_of(*parent), fresh->name, *inode);
    tree_.release(inode);  // the kernel may have forgotten it meanwhile
  }
  contents_.sweep();
}

Result<void> Folder::link_beside(const Context& context, const InodePointer& inode,
                                 const std::string& key) {
  const auto marked = with_mark(key, conflict_mark(now()));
  if (!marked)
    return fail(Errc::kNameTooLong, printable(key) + ": no room for a conflict name beside it");
  const std::string& beside = *marked;
  if (auto named = add_name(context, inode, beside, std::nullopt); !named) return named;
  log_warning("fs", "{}: another client made it too; our file has the name {} instead",
              printable(key), printable(beside));
  directories_.forget(key.substr(0, key.rfind('/') + 1));
  drop_fresh_name(inode);
  return {};
}

}  // namespace stsfs::fs
