#include <fcntl.h>

#include <algorithm>

#include "folder.h"
#include "naming/symlinks.h"
#include "stsfs/base/await.h"
#include "stsfs/base/log.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {

Result<Entry> Folder::lookup(const Context& context, InodeNumber parent_number,
                             std::string_view name) {
  auto parent = directory(parent_number);
  if (!parent) return fail(std::move(parent.error()));
  if (auto good = KeySpace::check_name(name); !good) return fail(std::move(good.error()));
  for (;;) {
    auto found = resolve(context, *parent, name);
    if (!found) return fail(std::move(found.error()));
    if (count_if_known(*found)) return entry_of(*found);
  }
}

void Folder::forget(InodeNumber number, std::uint64_t count) {
  InodePointer inode;
  bool is_last = false;
  {
    MutexLock lock(tree_.mutex);
    inode = tree_.find(number);
    if (!inode || number == InodeNumber::kRoot) return;
    inode->lookups -= std::min(inode->lookups, count);
    is_last = inode->lookups == 0 && !inode->removed;
  }
  if (is_last) directory_times_.store(inode);
  {
    MutexLock lock(tree_.mutex);
    tree_.release(inode);
  }
  contents_.sweep();
}

/// For an object that is about to be made: it may be, and nothing has its name.
Result<Folder::NewName> Folder::new_name(const Context& context, InodeNumber parent_number,
                                         std::string_view name, bool is_directory) {
  if (auto may = may_write(); !may) return fail(std::move(may.error()));
  if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  auto pass = name_gate_.enter(context, clock_);
  if (!pass) return fail(std::move(pass.error()));
  NewName out{.pass = std::move(*pass)};
  auto parent = directory(parent_number);
  if (!parent) return fail(std::move(parent.error()));
  if (auto good = KeySpace::check_new_name(name); !good) return fail(std::move(good.error()));
  const std::string whole = path_below(*parent, name);
  auto key = is_directory ? keys_.directory_key(whole) : keys_.file_key(whole);
  if (!key) return fail(std::move(key.error()));
  const auto present = resolve(context, *parent, name);
  if (present) return fail(Errc::kExists, printable(*key) + " exists");
  if (present.error().code != Errc::kNotFound) return fail(present.error());
  out.parent = std::move(*parent);
  out.key = std::move(*key);
  return out;
}

Result<Entry> Folder::mkdir(const Context& context, InodeNumber parent_number,
                            std::string_view name, mode_t mode) {
  const auto place = new_name(context, parent_number, name, true);
  if (!place) return fail(place.error());
  const Attributes attributes = new_attributes(context, place->parent, S_IFDIR | (mode & 07777));
  oss::ObjectHeaders headers;
  headers.content_type = oss::kDirectoryType;
  const cache::DirectoryCache::Changes from_here_on(directories_, place->key);
  auto made = make_object(context, place->parent, name, place->key, attributes,
                          put_options(attributes, headers, ""), "");
  if (!made) return fail(std::move(made.error()));
  cache::KnownDirectory empty;
  empty.asked = clock_.steady();
  {
    MutexLock lock(tree_.mutex);
    empty.marker =
        cache::KnownEntry{.is_directory = true, .has_marker = true, .etag = (*made)->etag};
  }
  directories_.put(place->key, from_here_on, std::move(empty));  // we made it: nothing is in it
  return entry_of(*made);
}

/// Of several who make the same name, on whatever machines, the first has it. With a `symlink_key`
/// it is an OSS Symlink object that leads there, and `body` is the target as it was given. What is
/// made counts as looked up from when others see it.
Result<InodePointer> Folder::make_object(const Context& context, const InodePointer& parent,
                                         std::string_view name, const std::string& key,
                                         const Attributes& attributes, oss::PutOptions put,
                                         const std::string& body,
                                         const std::optional<std::string>& symlink_key) {
  put.forbid_overwrite = true;
  put.headers.user[oss::kWriteIdName] = random_hex(8);  // knows its own after a lost answer
  auto written = put_symlink(store_, context, key, symlink_key, body, put);
  if (!written) {
    // Somebody else's shows now, or ours that got there after all; whatever was known.
    directories_.forget(keys_.directory_key(path(parent)).value_or(""));
    return fail(std::move(written.error()));
  }
  InodePointer inode;
  {
    MutexLock lock(tree_.mutex);
    inode = tree_.add(parent->number, name, attributes);
    ++inode->lookups;
    inode->in_store = true;
    inode->etag = written->etag;
    inode->headers = put.headers;
    inode->storage_class = put.storage_class;
    if (is_link(attributes.mode)) inode->link_target = body;
    inode->symlink_key = symlink_key.value_or("");
    inode->confirmed = inode->touched = clock_.steady();
    note_entry(tree_.path_of(*parent), name, *inode);
    remember_written(key, *inode, *written, put.headers, body.size());
  }
  directory_times_.entries_changed(parent);
  return inode;
}

Result<Entry> Folder::mknod(const Context& context, InodeNumber parent_number,
                            std::string_view name, mode_t mode, dev_t rdev) {
  if (is_regular(mode) || (mode & S_IFMT) == 0) {
    if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
    auto made = create(context, parent_number, name, mode, O_WRONLY | O_EXCL | O_CREAT);
    if (!made) return fail(std::move(made.error()));
    const auto content = handles_.file(made->second.handle)->content;
    auto committed = contents_.commit_and_wait(context, content);
    release(made->second.handle);
    if (!committed) {
      forget(made->first.attributes.inode, 1);
      return fail(std::move(committed.error()));
    }
    return made->first;
  }
  const auto place = new_name(context, parent_number, name, false);
  if (!place) return fail(place.error());
  Attributes attributes = new_attributes(context, place->parent, mode);
  attributes.rdev = rdev;
  oss::ObjectHeaders headers;
  headers.content_type = "application/octet-stream";
  auto made = make_object(context, place->parent, name, place->key, attributes,
                          put_options(attributes, headers, ""), "");
  if (!made) return fail(std::move(made.error()));
  return entry_of(*made);
}

Result<void> Folder::unlink(const Context& context, InodeNumber parent_number,
                            std::string_view name) {
  if (auto may = may_write(); !may) return may;
  if (auto may = may_wait(context); !may) return may;
  const auto pass = name_gate_.enter(context, clock_);
  if (!pass) return fail(pass.error());
  auto parent = directory(parent_number);
  if (!parent) return fail(std::move(parent.error()));
  auto found = resolve(context, *parent, name);
  if (!found) return fail(std::move(found.error()));
  return unlink_found(context, *parent, name, *found);
}

/// Inside the gate.
Result<void> Folder::unlink_found(const Context& context, const InodePointer& parent,
                                  std::string_view name, const InodePointer& found) {
  std::shared_ptr<FileContent> content;
  std::string directory_path;
  bool is_shared = false;
  {
    MutexLock lock(tree_.mutex);
    if (is_directory(found->attributes.mode)) return fail(Errc::kIsDirectory, "is a directory");
    directory_path = tree_.path_of(*parent);
  }
  if (auto early = unlink_if_fresh(context, found, parent, name)) return std::move(*early);
  {
    MutexLock lock(tree_.mutex);
    content = found->content;
    is_shared = !found->content_key.empty();
  }
  auto key = keys_.file_key(join_path(directory_path, name));
  if (!key) return fail(std::move(key.error()));
  if (is_shared) return unlink_name(context, found, parent, name, *key);
  if (auto spared = contents_.spare_copies_of(context, *key); !spared) return spared;
  if (content)
    if (auto held = contents_.hold_to_remove(context, content); !held) return held;
  auto removed = remove_object(context, found, content, *key);
  std::string etag;
  {
    MutexLock lock(tree_.mutex);
    const bool detached = removed && found->held_key.empty();
    if (!detached) etag = found->etag;
    if (removed) tree_.remove(found);
  }
  if (removed) note_gone(directory_path, name);
  if (removed) directory_times_.entries_changed(parent);
  if (removed) metas_->forget(*key);
  if (content && removed) content->forget_changes();
  if (content) content->lies_at({*key, etag});
  if (content) content->release_hold();
  contents_.sweep();
  contents_.await_journal();
  return removed;
}

/// What somebody has open stays readable: up to a size its bytes are fetched before its object is
/// deleted or replaced. False: it is larger. `content`: the inode's, held; null when it has none.
Result<bool> Folder::fetch_if_open(const Context& context, const InodePointer& inode,
                                   const std::shared_ptr<FileContent>& content) {
  constexpr std::uint64_t kFetchedMax = std::uint64_t{64} << 20;
  bool is_open = false;
  {
    MutexLock lock(tree_.mutex);
    is_open = inode->opens > 0 && content;
  }
  if (!is_open) return true;
  if (content->size() > kFetchedMax) return false;
  auto fetched = await<void>(context.interrupt, [&](Callback<void> done) {
    content->detach(std::move(done));
    return Transfer();
  });
  if (!fetched) return fail(std::move(fetched.error()));
  return true;
}

/// An object that is too large to be fetched while somebody has it open waits for the last close.
Result<void> Folder::remove_object(const Context& context, const InodePointer& inode,
                                   const std::shared_ptr<FileContent>& content,
                                   const std::string& key) {
  std::string etag;
  bool has_marker = false;
  {
    MutexLock lock(tree_.mutex);
    // An object whose answer was lost may be there, of a version that nobody told us.
    const bool unknown_version = content && content->may_be_in_store();
    if (!inode->in_store && !unknown_version) return {};
    if (!unknown_version) etag = inode->etag;
    const InodePointer parent = tree_.find(inode->parent);
    has_marker = parent && parent->in_store;
  }
  const auto fetched = fetch_if_open(context, inode, content);
  if (!fetched) return fail(fetched.error());
  const bool stays = !*fetched;
  if (stays) {
    removals_.hold(key);
    MutexLock lock(tree_.mutex);
    inode->held_key = key;
  }
  // In a tree that is being renamed the object may have another key still.
  if (moves_.place_of(key).where == TreeMoves::Where::kNew) {
    if (!stays) return remove_now(context, key, "", has_marker);
    auto brought = await<void>(context.interrupt, [&](Callback<void> done) {
      moves_.bring(key, TreeMoves::Bring::kReplaced, std::move(done));
      return Transfer();
    });
    if (!brought) return brought;
  }
  if (!etag.empty()) {  // on its way it may have got another
    MutexLock lock(tree_.mutex);
    etag = inode->etag;
  }
  auto added = removals_.add({Removal{key, etag, has_marker, true}});
  if (!added && stays) {
    removals_.release(key);
    MutexLock lock(tree_.mutex);
    inode->held_key.clear();
  }
  return added;
}

/// Who has an object open that is deleted when it is closed.
InodePointer Folder::held_at(const std::string& key) const {
  for (const InodePointer& one : contents_.inodes(tree_))
    if (one->held_key == key) return one;
  return nullptr;
}

/// For Removals, when the key is wanted before that.
std::string Folder::place_aside(const std::string& key) {
  MutexLock lock(tree_.mutex);
  const InodePointer inode = held_at(key);
  return inode ? links_.new_content_key(inode->number) : "";
}

bool Folder::goes_on_aside(const ObjectVersion& version, const ObjectVersion& aside) {
  std::shared_ptr<FileContent> content;
  {
    MutexLock lock(tree_.mutex);
    const InodePointer inode = held_at(version.key);
    if (!inode) return false;
    inode->held_key = aside.key;
    content = inode->content;
  }
  content->stand_on(version, aside);
  return true;
}

/// What another client has put there meanwhile stays.
Result<void> Folder::remove_now(const Context& context, const std::string& key,
                                const std::string& etag, bool parent_has_marker) {
  if (!parent_has_marker) {
    const auto slash = key.rfind('/', key.size() - 2);
    auto kept = removals_.keep_directory(key.substr(0, slash + 1), key, context.interrupt);
    if (!kept) return kept;
  }
  auto gone = await<void>(context.interrupt, [&](Callback<void> done) {
    return store_.start_delete(key, etag, context.deadline, std::move(done));
  });
  if (!gone && gone.error().code == Errc::kChanged) return {};
  return gone;
}

Result<bool> Folder::directory_is_empty(const Context& context, const InodePointer& inode) {
  {
    MutexLock lock(tree_.mutex);
    for (const auto& [name, child] : tree_.children_of(inode->number))
      if (tree_.is_only_here(*child, inode->number, name)) return false;
  }
  auto key = keys_.directory_key(path(inode));
  if (!key) return fail(std::move(key.error()));
  oss::ListRequest request{.prefix = *key, .keys_max = 2};
  for (;;) {
    auto page = await<oss::ListPage>(context.interrupt, [&](Callback<oss::ListPage> done) {
      return store_.start_list(request, context.deadline, std::move(done));
    });
    if (!page) return fail(std::move(page.error()));
    for (const oss::ListEntry& object : page->objects) {
      if (object.key != *key || object.size_bytes == 0) continue;
      log_warning("fs", "{} is not removed: its object has {} bytes, which no file here shows",
                  printable(*key), object.size_bytes);
      return false;
    }
    const bool is_alone = std::all_of(page->objects.begin(), page->objects.end(),
                                      [&](const auto& object) { return object.key == *key; });
    if (!is_alone || page->next_token.empty()) return is_alone;
    request.continuation_token = page->next_token;  // a page may be shorter than was asked for
  }
}

Result<void> Folder::rmdir(const Context& context, InodeNumber parent_number,
                           std::string_view name) {
  if (auto may = may_write(); !may) return may;
  if (auto may = may_wait(context); !may) return may;
  const auto pass = name_gate_.enter(context, clock_);
  if (!pass) return fail(pass.error());
  auto parent = directory(parent_number);
  if (!parent) return fail(std::move(parent.error()));
  auto found = resolve(context, *parent, name);
  if (!found) return fail(std::move(found.error()));
  const std::string whole = path_below(*parent, name);
  {
    MutexLock lock(tree_.mutex);
    if (!is_directory((*found)->attributes.mode))
      return fail(Errc::kNotDirectory, "not a directory");
  }
  auto empty = directory_is_empty(
      context, *found);  // always asked: another client may have put something in
  if (!empty) return fail(std::move(empty.error()));
  if (!*empty) return fail(Errc::kNotEmpty, printable(whole) + " is not empty");
  auto key = keys_.directory_key(whole);
  // Its attributes may be about to go to OSS: a copy of its object onto itself that comes after the
  // removal would bring it back.
  const Contents::Use content(contents_, *found);
  if (auto held = contents_.hold(context, *content); !held) return held;
  Holds holds;
  holds.add(*content, std::nullopt);
  std::string etag;
  bool parent_has_marker = false;
  {
    MutexLock lock(tree_.mutex);
    etag = (*found)->etag;
    parent_has_marker = (*parent)->in_store;
  }
  // Another client's new entry below it lives on: only the directory's own object goes.
  const bool moves = moves_.place_of(*key).where == TreeMoves::Where::kNew;
  if (moves) {  // it goes at once, and would show for what is still to go below it
    auto settled = await<void>(context.interrupt, [&](Callback<void> done) {
      removals_.settle(*key, std::move(done));
      return Transfer();
    });
    if (!settled) return settled;
  }
  auto gone = moves ? remove_now(context, *key, "", parent_has_marker)
                    : removals_.add({Removal{*key, etag, parent_has_marker, true}});
  if (!gone) return gone;
  content->forget_changes();
  directories_.forget(*key);
  metas_->forget(*key);
  note_directory_gone(path(*parent), name);
  directory_times_.entries_changed(*parent);
  {
    MutexLock lock(tree_.mutex);
    tree_.remove(*found);
  }
  contents_.sweep();
  return {};
}

}  // namespace stsfs::fs
