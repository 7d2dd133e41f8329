// Attributes of files, directories, links: reading them, and the one way on which every change of
// them goes to OSS.
//
// A change rides along with a commit that is owed anyway. Otherwise it is a copy of the object onto
// itself, made before the call returns; but programs change several in a row (tar, rsync, cp -p:
// owner, mode, times), so what follows closely upon something that we brought to OSS is noted in
// the journal, held back for a moment, merged, and brought there by one copy, or by that of a
// rename. With commit=background every change is.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "folder.h"
#include "gone.h"
#include "naming/extended_attributes.h"
#include "naming/symlinks.h"
#include "stsfs/base/await.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

/// What statfs says where there is no quota: more than anybody needs.
constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 50;

/// So soon after the last request about it a change is one of several in a row.
constexpr std::chrono::seconds kInARow{1};
/// For whether a copy whose answer was lost has been made.
constexpr std::chrono::seconds kLookTime{5};

WallTime time_of(const std::variant<Now, WallTime>& time, WallTime now) {
  return std::holds_alternative<Now>(time) ? now : std::get<WallTime>(time);
}

void take(const AttributeChange& change, WallTime now, AttributeDraft& draft) {
  Attributes& wanted = draft.attributes;
  if (change.mode) wanted.mode = (wanted.mode & S_IFMT) | (*change.mode & 07777);
  if (change.uid) wanted.uid = *change.uid;
  if (change.gid) wanted.gid = *change.gid;
  if (change.atime) wanted.atime = time_of(*change.atime, now);
  if (change.mtime) wanted.mtime = time_of(*change.mtime, now);
  if (change.mtime) draft.times_given = std::holds_alternative<WallTime>(*change.mtime);
  if (change.atime && std::holds_alternative<WallTime>(*change.atime)) draft.times_given = true;
}

bool changes_attributes(const AttributeChange& change) {
  return change.mode || change.uid || change.gid || change.atime || change.mtime;
}

}  // namespace

Result<Entry> Folder::getattr(const Context& context, InodeNumber number) {
  auto found = inode(number);
  if (!found) return fail(std::move(found.error()));
  const auto confirmed = confirm(context, *found, options_.fresh);
  // Who has open what another client replaced sees that as after a rename(2) over it.
  const bool stays = [&] {
    MutexLock lock(tree_.mutex);
    return (*found)->replaced;
  }();
  if (!confirmed && !stays) return fail(confirmed.error());
  return entry_of(*found);
}

Result<Entry> Folder::setattr(const Context& context, InodeNumber number,
                              std::optional<HandleNumber> handle, const AttributeChange& change) {
  if (auto may = may_write(); !may) return fail(std::move(may.error()));
  auto found = inode(number);
  if (!found) return fail(std::move(found.error()));
  if (change.size_bytes) return resize(context, *found, handle, change);
  if (!changes_attributes(change)) return entry_of(*found);
  auto changed = change_attributes(context, *found, [&](AttributeDraft& draft) -> Result<void> {
    take(change, now(), draft);
    return {};
  });
  if (!changed) return fail(std::move(changed.error()));
  return entry_of(*found);
}

/// An open file's new size goes with its commit; without a handle the path is truncated, and that
/// is to last.
Result<Entry> Folder::resize(const Context& context, const InodePointer& inode,
                             std::optional<HandleNumber> handle, const AttributeChange& change) {
  {
    MutexLock lock(tree_.mutex);
    if (!is_regular(inode->attributes.mode))
      return fail(Errc::kInvalid, "only a file has a size to set");
  }
  if (!handle)
    if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  // As an open for it would. Where OSS does not answer, the commit hears of what is there.
  if (!handle) {
    auto confirmed = confirm(context, inode, {});
    const bool is_lost =
        !confirmed && (is_gone(confirmed.error()) || confirmed.error().code == Errc::kStale ||
                       confirmed.error().code == Errc::kInterrupted);
    if (is_lost) return fail(std::move(confirmed.error()));
  }
  // Through a handle what that has open is cut, also where another client's version is at the name
  // by now.
  const FileHandlePointer open = handle ? handles_.file(*handle) : nullptr;
  if (handle && !open) return fail(Errc::kBadHandle, "a size for a handle that is not open");
  std::optional<Contents::Use> of_name;
  if (!open) of_name.emplace(contents_, inode);
  const std::shared_ptr<FileContent> content = open ? open->content : **of_name;
  if (auto cut = content->truncate(*change.size_bytes); !cut) return fail(std::move(cut.error()));
  {
    MutexLock lock(tree_.mutex);
    AttributeDraft draft{.attributes = inode->attributes, .times_given = false};
    draft.attributes.mtime = draft.attributes.ctime = now();
    take(change, now(), draft);
    inode->attributes = draft.attributes;
    inode->times_given = draft.times_given;
  }
  content->attributes_changed();
  if (open) {
    MutexLock lock(tree_.mutex);
    open->last_change = content->last_change();
  } else if (auto done = contents_.settle_and_wait(context, content); !done) {
    return fail(std::move(done.error()));
  }
  if (auto saved = contents_.save_if_noted(content); !saved) return fail(std::move(saved.error()));
  return entry_of(inode);
}

Folder::AttributeWay Folder::way_of(const Inode& inode) const {
  if (inode.removed || inode.number == InodeNumber::kRoot) return AttributeWay::kMemoryOnly;
  if (inode.content && inode.content->dirty()) return AttributeWay::kRidesAlong;
  // What is no object of its own yet, or not one that a copy can change, is put at once.
  const bool plain = inode.in_store && !inode.etag.empty() &&
                     (options_.symlink_objects || !is_directory(inode.attributes.mode));
  const bool in_a_row = is_fresh(inode.touched, kInARow);
  if (plain && (in_a_row || options_.commit == CommitMode::kBackground))
    return AttributeWay::kHeldBack;
  return AttributeWay::kAtOnce;
}

/// What OSS does not take of a directory that is there: its times are the server's anyway, so that
/// whoever copies a tree need not hear that of each of them.
bool Folder::may_stay_here(const Inode& inode, const AttributeDraft& draft,
                           const Error& refused) const {
  MutexLock lock(tree_.mutex);
  const Attributes& now = inode.attributes;
  return refused.code == Errc::kNotSupported && is_directory(now.mode) &&
         draft.attributes.mode == now.mode && draft.attributes.uid == now.uid &&
         draft.attributes.gid == now.gid && draft.user == inode.headers.user;
}

Result<void> Folder::change_attributes(const Context& context, const InodePointer& inode,
                                       const AttributeEdit& edit) {
  AttributeDraft draft;
  Standstill still;
  const bool goes_at_once = [&] {
    MutexLock lock(tree_.mutex);
    return way_of(*inode) == AttributeWay::kAtOnce;
  }();
  // Whoever renames a directory above would go by what OSS has had before, or leave behind what is
  // put under the old key. Before the claim, which is waited for in here.
  if (goes_at_once) {
    if (auto may = may_wait(context); !may) return may;
    auto pass = name_gate_.enter(context, clock_);
    if (!pass) return fail(std::move(pass.error()));
    still.pass.emplace(std::move(*pass));
  }
  // Who makes it a file with several names meanwhile would copy the attributes of before.
  auto claim = fresh_links_.try_claim(inode->number);
  if (!claim) {
    if (auto may = may_wait(context); !may) return may;
    auto waited = fresh_links_.claim(context, inode->number);
    if (!waited) return fail(std::move(waited.error()));
    claim.emplace(std::move(*waited));
  }
  auto way = edit_attributes(context, inode, edit, draft, still);
  // What another client has made of it since it was looked at gets the change.
  if (!way && is_gone(way.error())) {
    still.end();
    auto is_there = look_again(context, inode);
    if (!is_there) return fail(std::move(is_there.error()));
    if (*is_there) way = edit_attributes(context, inode, edit, draft, still);
  }
  if (!way) return fail(std::move(way.error()));
  {
    MutexLock lock(tree_.mutex);
    draft.attributes.size_bytes = inode->attributes.size_bytes;
    draft.attributes.inode = inode->number;
    inode->attributes = draft.attributes;
    inode->times_given = draft.times_given;
    inode->entries_changed = {};  // goes along, or an older time was given
    directory_times_.take(inode);
    inode->headers.user = std::move(draft.user);
    inode->storage_class = std::move(draft.storage_class);
  }
  if (*way == AttributeWay::kMemoryOnly || *way == AttributeWay::kAtOnce) return {};
  return hold_back(context, inode);
}

/// What they are to be, and which way they go to OSS; where that is at once they are there.
Result<Folder::AttributeWay> Folder::edit_attributes(const Context& context,
                                                     const InodePointer& inode,
                                                     const AttributeEdit& edit,
                                                     AttributeDraft& draft, Standstill& still) {
  AttributeWay way{};
  bool may_have_foreign_acl = false;  // which a copy would lose
  for (bool is_still = false;; is_still = true) {
    {
      MutexLock lock(tree_.mutex);
      if (inode->replaced) return fail_replaced();
      draft = {inode->attributes, inode->headers.user, inode->storage_class, inode->times_given};
      way = way_of(*inode);
      // By the time of the first look it was one of several in a row.
      if (way == AttributeWay::kAtOnce && !still.pass && inode->in_store && !inode->etag.empty())
        way = AttributeWay::kHeldBack;
      may_have_foreign_acl = inode->in_store &&
                             (is_regular(inode->attributes.mode) || inode->bytes_of_marker > 0) &&
                             way != AttributeWay::kRidesAlong &&
                             !is_fresh(inode->touched, kInARow) && !draft.user.contains(kAclName);
    }
    if (way == AttributeWay::kAtOnce || way == AttributeWay::kHeldBack)
      if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
    if (way != AttributeWay::kAtOnce) still.end();
    if (way != AttributeWay::kAtOnce || is_still) break;
    still.content.emplace(contents_, inode);
    if (auto held = hold_content(context, inode, still.holds); !held)
      return fail(std::move(held.error()));
  }
  draft.attributes.ctime = now();
  if (may_have_foreign_acl) {
    auto acl = foreign_acl(context, inode);
    if (!acl) return fail(std::move(acl.error()));
    if (*acl != "default") draft.user[kAclName] = std::move(*acl);
  }
  if (auto edited = edit(draft); !edited) return fail(std::move(edited.error()));
  if (way == AttributeWay::kAtOnce)
    if (auto stored = store_metadata(context, inode, draft, still.holds); !stored)
      if (!may_stay_here(*inode, draft, stored.error())) return fail(std::move(stored.error()));
  return way;
}

/// The change goes with the commit that is owed; where there is none it becomes one, which the
/// journal has before this returns.
Result<void> Folder::hold_back(const Context& context, const InodePointer& inode) {
  const Contents::Use content(contents_, inode);
  if (content->attributes_changed()) return contents_.save_if_noted(*content);
  auto saved = await<void>(nullptr, [&](Callback<void> done) {
    content->save(std::move(done));
    return Transfer();
  });
  if (!saved)
    return contents_.commit_and_wait(context, *content);  // then only OSS is a place to have it
  content->commit_soon();
  return {};
}

/// A copy of ours that is there although nobody said so. Taken for another client's it would part
/// those who have the file open from those who open it next.
std::optional<oss::Written> Folder::copy_with_id(const Context& context, const std::string& key,
                                                 const std::string& id) {
  Context look = context;  // whose time may be up by that
  look.deadline = Deadline::in(clock_, kLookTime);
  const auto there = objects_.head(look, key);
  if (!there) return std::nullopt;
  const auto made_by = there->headers.user.find(oss::kWriteIdName);
  if (made_by == there->headers.user.end() || made_by->second != id) return std::nullopt;
  return oss::Written{there->etag, there->crc64, there->version_id, there->server_time};
}

/// Whether a copy onto itself gives a directory attributes, which keeps what another client has
/// given its object. A real directory of a hierarchical namespace has none, and an empty object may
/// be archived, which a copy would be refused for.
bool Folder::is_copyable(const Inode& directory) const {
  if (!directory.in_store || directory.etag.empty() || !options_.symlink_objects) return false;
  return directory.bytes_of_marker > 0 ||
         directory.storage_class.find("Archive") == std::string::npos;
}

/// nullopt: of a link that is not in OSS yet.
std::optional<Folder::MetadataWrite> Folder::plan_metadata(const Inode& inode,
                                                           const AttributeDraft& draft) {
  using Way = MetadataWrite::Way;
  MutexLock lock(tree_.mutex);
  if (is_link(draft.attributes.mode) && inode.etag.empty()) return std::nullopt;
  const bool directory = is_directory(draft.attributes.mode);
  oss::ObjectHeaders headers = inode.headers;
  headers.user = draft.user;
  if (directory && headers.content_type.empty()) headers.content_type = oss::kDirectoryType;
  const std::string path = tree_.path_of(inode);
  const auto slash = path.rfind('/');
  return MetadataWrite{.way = directory && !is_copyable(inode) ? Way::kPutDirectory
                              : !inode.symlink_key.empty()     ? Way::kPutSymlink
                                                               : Way::kCopy,
                       .key = key_of(inode),
                       .put = put_options(draft.attributes, headers, draft.storage_class),
                       .size = directory ? inode.bytes_of_marker : inode.attributes.size_bytes,
                       .tagged = inode.tagged,
                       .content = inode.content,
                       .directory_path = slash == std::string::npos ? "" : path.substr(0, slash),
                       .name = inode.name};
}

Result<oss::Written> Folder::put_directory_anew(const Context& context, const Inode& inode,
                                                MetadataWrite& change) {
  {
    MutexLock lock(tree_.mutex);
    change.put.replaces = inode.etag;
  }
  auto written = await<oss::Written>(context.interrupt, [&](Callback<oss::Written> done) {
    return store_.start_put(change.key, http::memory_body(""), change.put, context.deadline,
                            std::move(done));
  });
  // A real directory of a hierarchical namespace: that it can be put again is not documented.
  if (!written && written.error().code == Errc::kExists)
    return fail(Errc::kNotSupported,
                "OSS takes no attributes of a directory that is there: " + written.error().message);
  return written;
}

Result<oss::Written> Folder::copy_onto_itself(const Context& context, const Inode& inode,
                                              const MetadataWrite& change) {
  oss::CopyOptions copy{.source_key = change.key, .replace_metadata = true, .put = change.put};
  const std::string id = random_hex(8);
  copy.put.headers.user[oss::kWriteIdName] = id;  // knows its own after a lost answer
  {
    MutexLock lock(tree_.mutex);
    copy.source_etag = copy.put.replaces = inode.etag;
  }
  auto written = copy_version(context, change.key, copy, change.size, change.tagged);
  if (!written && is_no_answer(written.error()))
    if (auto there = copy_with_id(context, change.key, id)) written = std::move(*there);
  if (written) successors_.became({change.key, copy.source_etag}, {change.key, written->etag});
  return written;
}

/// A change of metadata is a copy of the object onto itself that carries everything else along; of
/// what has no bytes and cannot be copied, the object put once more.
Result<oss::Written> Folder::write_metadata(const Context& context, const Inode& inode,
                                            MetadataWrite& change) {
  switch (change.way) {
    case MetadataWrite::Way::kPutDirectory:
      return put_directory_anew(context, inode, change);
    case MetadataWrite::Way::kPutSymlink:
      return put_symlink_anew(store_, context, change.key, change.put);
    case MetadataWrite::Way::kCopy:
      break;
  }
  return copy_onto_itself(context, inode, change);
}

Result<void> Folder::store_metadata(const Context& context, const InodePointer& inode,
                                    const AttributeDraft& draft, Holds& holds) {
  auto change = plan_metadata(*inode, draft);
  if (!change) return {};
  // The copy may get another ETag, and those who copy from this one would not find it.
  if (change->way == MetadataWrite::Way::kCopy)
    if (auto spared = contents_.spare_copies_of(context, change->key); !spared) return spared;
  std::optional<Replacing> replacing;
  if (!goes_in_parts(change->size)) replacing.emplace(tree_, inode);  // those take their time
  const auto written = write_metadata(context, *inode, *change);
  links_.ahead().forget();
  if (!written) {
    metas_->forget(change->key);  // it may have been made, and its answer lost
    return fail(written.error());
  }
  std::string new_etag;
  {
    MutexLock lock(tree_.mutex);
    new_etag = written->etag.empty() ? inode->etag : written->etag;
    if (inode->pages_etag == inode->etag) inode->pages_etag = new_etag;  // the bytes are the same
    inode->etag = new_etag;
    inode->in_store = true;
    inode->confirmed = inode->touched = clock_.steady();
    note_entry(change->directory_path, change->name, *inode);
    remember_written(change->key, *inode, *written, change->put.headers, change->size);
  }
  if (change->content) holds.moved(*change->content, {change->key, new_etag});
  return {};
}

/// For DirectoryTimes.
void Folder::store_directory_time(const InodePointer& directory) {
  if (!options_.symlink_objects) return;  // a real directory has times of its own there
  const Contents::Use content(contents_, directory);
  content->attributes_changed();
  content->commit([](Result<void>) {});
}

Result<Statistics> Folder::statfs(const Context&) {
  Statistics out;
  const std::uint64_t quota = quota_bytes_;
  out.total_bytes = quota != 0 ? quota : kUnlimited;
  out.free_bytes = out.total_bytes - std::min<std::uint64_t>(out.total_bytes, used_bytes_);
  return out;
}

}  // namespace stsfs::fs
