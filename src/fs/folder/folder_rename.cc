// OSS has no rename. A file is copied on the server; its old key goes as after an unlink, when the
// journal has it: killed before, both names are there, never none. A directory's rename stands in
// the journal, and TreeMoves rolls it forward. Only a bucket with a hierarchical namespace has one,
// which replaces nothing: a directory's is that, and a file's to a name that is free.

#include <algorithm>

#include "folder.h"
#include "gone.h"
#include "naming/conflict_name.h"
#include "stsfs/base/log.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {

namespace {

/// Between whose times another client writes anew under the name.
constexpr int kOverwritesMax = 4;

}  // namespace

Result<void> Folder::check_replaceable(const Context& context, const InodePointer& source,
                                       const InodePointer& target, RenameMode mode) {
  if (mode == RenameMode::kNoReplace) return fail(Errc::kExists, "the new name is taken");
  bool source_is_directory = false;
  bool target_is_directory = false;
  {
    MutexLock lock(tree_.mutex);
    source_is_directory = is_directory(source->attributes.mode);
    target_is_directory = is_directory(target->attributes.mode);
    if (source_is_directory && tree_.is_below(*target, source->number))
      return fail(Errc::kInvalid, "a directory cannot go below itself");
  }
  if (source_is_directory && !target_is_directory)
    return fail(Errc::kNotDirectory, "the new name is no directory");
  if (!source_is_directory && target_is_directory)
    return fail(Errc::kIsDirectory, "the new name is a directory");
  return target_is_directory ? check_empty(context, target) : Result<void>();
}

Result<void> Folder::check_empty(const Context& context, const InodePointer& target) {
  auto empty = directory_is_empty(context, target);
  if (!empty) return fail(std::move(empty.error()));
  if (!*empty) return fail(Errc::kNotEmpty, "the new name is a directory with entries");
  return {};
}

bool Folder::is_linked(const InodePointer& inode) {
  MutexLock lock(tree_.mutex);
  return inode && !inode->content_key.empty();
}

Result<void> Folder::rename(const Context& context, InodeNumber parent_number,
                            std::string_view name, InodeNumber new_parent_number,
                            std::string_view new_name, RenameMode mode) {
  if (auto may = may_write(); !may) return may;
  if (auto may = may_wait(context); !may) return may;
  if (mode == RenameMode::kExchange)
    return exchange(context, parent_number, name, new_parent_number, new_name);
  auto parent = directory(parent_number);
  auto new_parent = directory(new_parent_number);
  if (!parent || !new_parent) return fail(parent ? new_parent.error() : parent.error());
  if (auto good = KeySpace::check_new_name(new_name); !good) return good;
  auto source = resolve(context, *parent, name);
  if (!source) return fail(std::move(source.error()));
  const std::string old_path = path_below(*parent, name);
  const std::string new_path = path_below(*new_parent, new_name);
  if (old_path == new_path) return {};
  bool is_dir = false;
  {
    MutexLock lock(tree_.mutex);
    is_dir = is_directory((*source)->attributes.mode);
    if (is_dir && tree_.is_below(**new_parent, (*source)->number))
      return fail(Errc::kInvalid, "a directory cannot go below itself");
  }
  if (auto key = is_dir ? keys_.directory_key(new_path) : keys_.file_key(new_path); !key)
    return fail(std::move(key.error()));
  InodePointer target;
  auto present = resolve(context, *new_parent, new_name);
  if (!present && present.error().code != Errc::kNotFound) return fail(std::move(present.error()));
  if (present) {
    if (auto may = check_replaceable(context, *source, *present, mode); !may) return may;
    target = *present;
    if (target == *source) return {};  // two names of one file: both stay, says POSIX
  }
  const NameChange change{*parent, name, *new_parent, new_name};
  if (!is_dir) return rename_found(context, change, *source, target, mode);
  // Exchanges that are under way below know their names by their paths.
  const auto lies_below = [&] {
    return [path = path_below(*parent, name)](const Exchanges::Entry& entry) {
      return Exchanges::is_below(entry, path);
    };
  };
  for (;;) {
    auto whole = await<void>(context.interrupt, [&](Callback<void> done) {
      exchanges_.settle(lies_below(), std::move(done));
      return Transfer();
    });
    if (!whole) return whole;
    auto moved = rename_found(context, change, *source, target, mode);
    if (moved || !exchanges_.any(lies_below())) return moved;
  }
}

/// With the names resolved, and what is to be replaced checked.
Result<void> Folder::rename_found(const Context& context, const NameChange& change,
                                  const InodePointer& source, InodePointer target,
                                  RenameMode mode) {
  const auto& [parent, name, new_parent, new_name] = change;
  bool is_dir = false;
  {
    MutexLock lock(tree_.mutex);
    is_dir = is_directory(source->attributes.mode);
  }
  std::optional<NameGate::Pass> pass;  // until the old name is noted as gone
  std::optional<Holds> holds(std::in_place);
  Renamed renamed;
  std::optional<LinkArea::Name> target_name;
  if (is_dir) {
    auto moved = rename_directory(context, source, target, new_parent, new_name, *holds);
    if (!moved) return moved;
    note_directory_gone(path(parent), name);
  } else {
    std::vector<InodePointer> files{source};
    if (target) files.push_back(target);
    auto entered = link_gate_.enter_with_all_names(context, files);
    if (!entered) return fail(std::move(entered.error()));
    pass.emplace(std::move(*entered));
    // Not before: a directory above may have had another name then.
    const std::string old_path = path_below(parent, name);
    const std::string new_path = path_below(new_parent, new_name);
    if (auto sent = commit_changes(context, source, target); !sent) return sent;
    if (is_linked(target)) {  // what is known of it only until it is replaced
      auto known = links_.name_at(*keys_.file_key(new_path), context.interrupt, context.deadline);
      if (!known) return fail(std::move(known.error()));
      target_name = std::move(*known);
    }
    auto moved = rename_file(context, source, target, target_name ? target_name->etag : "",
                             old_path, new_path, mode, *holds);
    if (!moved) return fail(std::move(moved.error()));
    renamed = std::move(*moved);
  }
  std::vector<std::shared_ptr<FileContent>> moved_contents;
  {
    MutexLock lock(tree_.mutex);
    if (target && !target_name) tree_.remove_name(target, new_parent->number, new_name);
    if (!is_dir) tree_.move_name(source, parent->number, name, new_parent->number, new_name);
    source->attributes.ctime = now();
    note_entry(tree_.path_of(*new_parent), new_name, *source);
    if (renamed.known) metas_->put_written(key_of(*source), std::move(*renamed.known));
    for (const InodePointer& one : contents_.inodes(tree_))
      if (!one->removed && tree_.is_below(*one, source->number))
        moved_contents.push_back(one->content);
  }
  holds.reset();
  directory_times_.entries_changed(parent);
  directory_times_.entries_changed(new_parent);
  contents_.sweep();
  contents_.await_journal();
  Result<void> saved;
  for (const auto& content : moved_contents) {
    if (!is_dir) content->name_changed();  // the journal itself has renamed those below a directory
    if (auto one = contents_.save_if_noted(content); !one) saved = one;
  }
  if (!is_dir) {
    auto gone =
        leave_old_name(context, parent, name, std::move(renamed.left), parent == new_parent);
    if (!gone) return gone;
  }
  if (target_name) {
    auto dropped = drop_name(context, target, new_parent->number, new_name, *target_name,
                             {{target_name->token_key(), ""}});
    if (!dropped) return dropped;
    contents_.await_journal();
  }
  return saved;
}

/// What the old name still has in OSS is deleted behind the journal. It is noted after the file's
/// own note has its new name: one whose base is noted as removed is done with. And until it is
/// noted a listing tells of the old name, which therefore counts as gone only then.
Result<void> Folder::leave_old_name(const Context& context, const InodePointer& parent,
                                    std::string_view name, std::vector<Removal> left,
                                    bool stays_in_directory) {
  bool has_marker = stays_in_directory;
  {
    MutexLock lock(tree_.mutex);
    has_marker = has_marker || parent->in_store;
  }
  for (Removal& one : left) one.directory_has_marker = one.directory_has_marker || has_marker;
  // In a tree that is being renamed the object may have another key still.
  const auto moving = std::stable_partition(left.begin(), left.end(), [&](const Removal& one) {
    return moves_.place_of(one.key).where != TreeMoves::Where::kNew;
  });
  // These first: a name that stays is to keep what counts it.
  std::vector<Removal> at_once(moving, left.end());
  left.erase(moving, left.end());
  const auto remove = [&](const std::vector<Removal>& removals) -> Result<void> {
    for (const Removal& one : removals)
      if (auto gone = remove_now(context, one.key, one.etag, one.directory_has_marker); !gone)
        return fail(std::move(gone.error()),
                    "the copy is there, but the old name could not be deleted");
    return {};
  };
  auto gone = remove(at_once);
  if (gone && !left.empty() && !removals_.add(left))
    gone = remove(left);  // the journal may be full
  links_.ahead().forget();
  if (!gone) return gone;
  note_gone(path(parent), name);
  return {};
}

/// Changes to what lies in OSS go there under the old name first: between the copy and the
/// journal's note of the new name they would belong to neither. What was never there has only its
/// note, unless it replaces what no commit may go over: a link, which a commit would follow, or a
/// name of several. And so do those of a file that is replaced: as long as the rename is not done
/// they are its content. Those that nobody has closed are no version yet: they go along with the
/// content, over what OSS has.
Result<void> Folder::commit_changes(const Context& context, const InodePointer& source,
                                    const InodePointer& target) {
  std::vector<std::shared_ptr<Waiter<void>>> commits;
  std::vector<std::shared_ptr<FileContent>> changed;
  {
    MutexLock lock(tree_.mutex);
    const bool goes_over_link =
        target && (is_link(target->attributes.mode) || !target->content_key.empty());
    const auto has_to_go_first = [&](const InodePointer& one) STSFS_REQUIRES(tree_.mutex) {
      if (!one || one->removed || !one->content || !one->content->dirty()) return false;
      if (one == target) return !one->content->is_only_being_written();
      if (is_regular(one->attributes.mode) && one->content->attributes_owed())
        return false;  // they go along with the copy
      if (goes_over_link) return true;
      return one->in_store ? !one->content->is_only_being_written()
                           : one->content->may_be_in_store();
    };
    for (const InodePointer& one : {source, target})
      if (has_to_go_first(one)) changed.push_back(one->content);
  }
  for (const auto& content : changed) {
    commits.push_back(std::make_shared<Waiter<void>>());
    content->commit(commits.back()->callback());
  }
  for (const auto& commit : commits)
    if (auto committed = commit->wait(context.interrupt); !committed) return committed;
  contents_.await_journal();  // a note that was still to be erased would look for its base under
                              // the old name
  return {};
}

/// Changed attributes that were to go along with a copy, and whose version is not there any more:
/// that is up to their own commit. As long as they are owed the file counts as ours.
Result<void> Folder::commit_attributes_owed(const Context& context, const InodePointer& inode) {
  std::shared_ptr<FileContent> content;
  {
    MutexLock lock(tree_.mutex);
    content = inode->content;
  }
  if (!content || !content->attributes_owed()) return {};
  return contents_.commit_and_wait(context, content);
}

/// What another client has made of it since it was looked at is what gets the new name. But what is
/// being written here is of the version before, and no part of that one: its own close says so.
/// `leave_old_name` is to follow.
Result<Renamed> Folder::rename_file(const Context& context, const InodePointer& inode,
                                    const InodePointer& target, const std::string& target_link_etag,
                                    const std::string& old_path, const std::string& new_path,
                                    RenameMode mode, Holds& holds) {
  const auto rename = [&] {
    return rename_version(context, inode, target, target_link_etag, old_path, new_path, mode,
                          holds);
  };
  auto renamed = rename();
  if (renamed || !is_gone(renamed.error()) || is_linked(inode)) return renamed;
  holds.release();
  if (auto tried = commit_attributes_owed(context, inode); !tried)
    return fail(std::move(tried.error()));
  auto is_there = look_again(context, inode);
  if (!is_there) return fail(std::move(is_there.error()));
  if (!*is_there) return renamed;
  {
    MutexLock lock(tree_.mutex);
    if (inode->content && inode->content->is_only_being_written())
      return fail(Errc::kStale,
                  printable(old_path) +
                      ": another client has replaced or removed it while it is being written here");
  }
  return rename();
}

/// What somebody has open and is too large to be fetched is read on from a copy of it, which goes
/// with the last close. Where there is none those reads fail. False: there is none.
bool Folder::set_aside_replaced(const FileRename& file) {
  // In a tree that is being renamed the object may have another key still.
  if (moves_.place_of(file.new_key).where == TreeMoves::Where::kNew) return false;
  removals_.hold(file.new_key);
  bool is_wanted = false;
  {
    MutexLock lock(tree_.mutex);
    is_wanted = file.target->in_store && file.target->opens > 0 && file.target->held_key.empty();
    if (is_wanted) file.target->held_key = file.new_key;
  }
  if (is_wanted)
    removals_.set_aside(file.new_key);
  else
    removals_.release(file.new_key);
  MutexLock lock(tree_.mutex);
  if (!is_wanted || file.target->held_key.empty()) return false;  // closed meanwhile
  if (file.target->held_key != file.new_key) return true;
  file.target->held_key.clear();
  return false;
}

/// It is not replaced after all.
void Folder::take_back_replaced(const FileRename& file) {
  std::string aside;
  {
    MutexLock lock(tree_.mutex);
    aside.swap(file.target->held_key);
  }
  file.replaced->lies_at({file.new_key, file.target_etag});
  removals_.release(aside);
}

Result<Renamed> Folder::rename_version(Context context, const InodePointer& inode,
                                       const InodePointer& target,
                                       const std::string& target_link_etag,
                                       const std::string& old_path, const std::string& new_path,
                                       RenameMode mode, Holds& holds) {
  auto old_key = keys_.file_key(old_path);
  auto new_key = keys_.file_key(new_path);
  if (!old_key || !new_key) return fail(old_key ? new_key.error() : old_key.error());
  for (const std::string& key : {*old_key, *new_key})
    if (auto spared = contents_.spare_copies_of(context, key); !spared)
      return fail(std::move(spared.error()));
  for (const InodePointer& one : {inode, target})
    if (auto held = hold_content(context, one, holds); !held) return fail(std::move(held.error()));
  FileRename file = file_rename(inode, target, *old_key, *new_key);
  file.new_path = new_path;
  file.mode = mode;
  file.target_link_etag = target_link_etag;
  bool is_aside = false;
  if (file.replaced) {
    const auto fetched = fetch_if_open(context, target, file.replaced);
    if (!fetched) return fail(fetched.error());
    if (!*fetched) {
      is_aside = set_aside_replaced(file);
      context.deadline = Deadline::in(clock_, options_.metadata_timeout);  // a copy takes its time
    }
  }
  // What lies in a tree on its way may have another ETag once it has come.
  const bool is_on_its_way = moves_.place_of(*old_key).where == TreeMoves::Where::kNew;
  Renamed out;
  Result<oss::Written> written;  // of what was never in OSS nothing has to be moved there
  if (!file.content_key.empty()) {
    written = move_name(context, file, out.left);
  } else if (file.in_store && (file.is_symlink_object || !renamed_by_server(context, file))) {
    written = file.is_symlink_object ? move_symlink(context, file) : move_object(context, file);
    out.left = {{file.old_key, file.etag, false}};
  }
  if (!written) {
    metas_->forget(file.new_key);  // it may be there all the same
    if (is_aside) take_back_replaced(file);
    note_unsure_move(file, written.error());
    return fail(std::move(written.error()));
  }
  if (is_on_its_way)
    for (Removal& one : out.left) one.etag.clear();
  note_renamed(file, *written, holds);
  out.known = known_of_copy(file, *written);
  metas_->forget(file.old_key);
  return out;
}

/// A copy has the metadata of what was copied, or what it was given.
std::optional<oss::ObjectMeta> Folder::known_of_copy(const FileRename& file,
                                                     const oss::Written& written) {
  if (written.etag.empty() || written.server_time == WallTime{}) return std::nullopt;
  if (!file.content_key.empty() || file.is_symlink_object) return std::nullopt;
  auto out =
      metas_->find(file.old_key, file.etag, WallTime{}, cache::AttributeStore::Where::kMemory);
  if (!out) return std::nullopt;
  out->etag = written.etag;
  out->last_modified = out->server_time = written.server_time;
  out->version_id = written.version_id;
  if (file.copy.replace_metadata) out->headers = file.copy.put.headers;
  return out;
}

/// What it has open or owes, if anything. Held, it stays as it is.
Result<void> Folder::hold_content(const Context& context, const InodePointer& inode, Holds& holds) {
  std::shared_ptr<FileContent> content;
  if (inode) {
    MutexLock lock(tree_.mutex);
    content = inode->content;
  }
  if (!content) return {};
  if (auto held = contents_.hold(context, content); !held) return held;
  holds.add(content, std::nullopt);
  return {};
}

FileRename Folder::file_rename(const InodePointer& inode, const InodePointer& target,
                               std::string old_key, std::string new_key) {
  FileRename out{.inode = inode, .target = target};
  MutexLock lock(tree_.mutex);
  out.content = inode->content;
  out.content_key = inode->content_key;
  out.in_store = inode->in_store;
  out.etag = inode->etag;
  out.size = size_in_store(*inode);
  out.tagged = inode->tagged;
  out.is_symlink_object = !inode->symlink_key.empty();
  out.link_target = inode->link_target;
  if (out.content && out.content_key.empty()) out.attributes = out.content->attributes_owed();
  out.copy = {.source_key = old_key,
              .source_etag = is_link(inode->attributes.mode) ? "" : inode->etag,
              .replace_metadata = out.attributes.has_value(),
              .put = put_options(inode->attributes, inode->headers,
                                 inode->storage_class)};         // for a copy in parts as well
  out.copy.put.headers.user[oss::kWriteIdName] = random_hex(8);  // where these are what it gets
  if (target) {
    // A name of several: what lies elsewhere goes on under the others.
    if (key_of(*target) == new_key) out.replaced = target->content;
    if (target->in_store) out.target_etag = target->etag;
    out.target_size = size_in_store(*target);
  }
  out.old_key = std::move(old_key);
  out.new_key = std::move(new_key);
  return out;
}

/// Whether the server has done it itself. Whatever else it says, the copy says again.
bool Folder::renamed_by_server(const Context& context, const FileRename& file) {
  if (!moves_.at_one_stroke() || file.target || file.attributes) return false;
  auto renamed = await<void>(context.interrupt, [&](Callback<void> done) {
    return store_.start_rename(file.old_key, file.new_key, context.deadline, std::move(done));
  });
  if (!renamed && renamed.error().code == Errc::kNotSupported) moves_.only_copies();
  return renamed.has_value();
}

/// The one object that the file is.
Result<oss::Written> Folder::move_object(const Context& context, const FileRename& file) {
  return put_over(context, file, [&](const Present& present) {
    auto copied = copy_object(context, file, present);
    const bool stands_in_its_way = !copied && (copied.error().code == Errc::kExists ||
                                               (present && copied.error().code == Errc::kChanged));
    if (!stands_in_its_way) return copied;
    if (auto ours = copy_of_ours(context, file)) return Result<oss::Written>(*ours);
    const auto earlier = moved_copy(context, file.inode);
    return earlier && *earlier ? copy_object(context, file, (*earlier)->etag) : copied;
  });
}

Result<oss::Written> Folder::copy_object(const Context& context, const FileRename& file,
                                         const Present& present) {
  oss::CopyOptions copy = file.copy;
  expect(copy.put, present);
  auto copied = copy_version(context, file.new_key, copy, file.size, file.tagged);
  if (copied) successors_.became({copy.source_key, copy.source_etag}, {file.new_key, copied->etag});
  return copied;
}

/// What stands in the way may be the copy itself, made by a request whose answer was lost: libcurl
/// sends such a request again by itself. A copy that keeps the metadata has the id of its source.
/// Where there is none, an equal object may be replaced without a loss, and may not count as ours
/// where it matters who was first.
std::optional<oss::Written> Folder::copy_of_ours(const Context& context, const FileRename& file) {
  const auto there = objects_.head(context, file.new_key);
  const auto source = objects_.head(context, file.old_key);
  if (!there || !source || there->size_bytes != source->size_bytes) return std::nullopt;
  const bool same_bytes =
      there->crc64 && source->crc64 ? *there->crc64 == *source->crc64 : there->etag == source->etag;
  const oss::UserMetadata& made =
      file.copy.replace_metadata ? file.copy.put.headers.user : source->headers.user;
  const bool has_id = made.contains(oss::kWriteIdName);
  if (!same_bytes || there->headers.user != made) return std::nullopt;
  if (!has_id && file.mode == RenameMode::kNoReplace) return std::nullopt;
  return oss::Written{there->etag, there->crc64, there->version_id, there->server_time};
}

/// One of several names of a file whose content stays where it is. It is put anew, not copied:
/// killed before the old one is deleted both are there, and each counts.
Result<oss::Written> Folder::move_name(const Context& context, const FileRename& file,
                                       std::vector<Removal>& left) {
  auto known = links_.name_at(file.old_key, context.interrupt, context.deadline);
  if (!known) return fail(std::move(known.error()));
  if (!*known || (*known)->content_key != file.content_key)
    return fail(Errc::kStale, printable(file.old_key) + " is no name of that file any more");
  auto written = put_over(context, file, [&](const Present& present) {
    const LinkArea::Name name = LinkArea::new_name(file.content_key);
    if (auto begun = links_.begin_name(name, context.interrupt, context.deadline); !begun)
      return Result<oss::Written>(fail(std::move(begun.error())));
    return links_.put_name(name, file.new_key, present, context.interrupt, context.deadline);
  });
  if (written) left = {{(*known)->token_key(), "", true}, {file.old_key, (*known)->etag, false}};
  return written;
}

/// What is known of the file, and where its content goes on.
void Folder::note_renamed(const FileRename& file, const oss::Written& written, Holds& holds) {
  const InodePointer& inode = file.inode;
  std::string etag = file.etag;
  std::optional<std::uint64_t> other_size;
  {
    MutexLock lock(tree_.mutex);
    if (!file.content_key.empty()) {
      inode->confirmed = clock_.steady();
    } else if (file.in_store) {
      if (!written.etag.empty()) etag = written.etag;
      if (inode->pages_etag == inode->etag) inode->pages_etag = etag;  // the bytes are the same
      inode->etag = etag;
      // The server's own rename takes whatever version is there.
      inode->confirmed = written.etag.empty() ? SteadyTime() : clock_.steady();
    } else {
      // Its commit replaces what was there, knowingly; until then that is what lies at its key.
      inode->in_store = file.target && file.target->in_store;
      etag = inode->etag = file.target_etag;
      if (!etag.empty()) other_size = file.target_size;
    }
  }
  if (file.replaced) file.replaced->forget_changes();
  if (!file.content) return;
  if (file.attributes && file.in_store) file.content->attributes_carried(*file.attributes);
  if (file.content_key.empty()) holds.moved(*file.content, {file.new_key, etag}, other_size);
}

/// What another client has put under the new name since we looked is kept under a name of its own.
/// OSS takes no condition on what a copy replaces: it is looked at just before.
Result<oss::Written> Folder::put_over(const Context& context, const FileRename& file,
                                      const Overwrite& put) {
  Replaced replaced;
  if (file.target) {
    MutexLock lock(tree_.mutex);
    replaced.known = file.target->etag;
    replaced.present = file.target_link_etag.empty() ? replaced.known : file.target_link_etag;
    replaced.is_one_of_several = !file.target->content_key.empty();
  }
  if (file.target)
    if (auto kept = keep_theirs(context, file.new_key, replaced); !kept)
      return fail(std::move(kept.error()));
  for (int tries = 1;; ++tries) {
    auto written = put(replaced.present);
    if (written || tries == kOverwritesMax) return written;
    const Errc code = written.error().code;
    const bool is_taken = code == Errc::kExists && file.mode != RenameMode::kNoReplace;
    const bool may_be_another = code == Errc::kChanged && replaced.present;
    if (!is_taken && !may_be_another) return written;
    auto kept = keep_theirs(context, file.new_key, replaced);
    if (!kept) return fail(std::move(kept.error()));
    if (may_be_another && !*kept) return written;
  }
}

/// Copies what is at the key beside it, unless it is the version that we know or nothing. A link is
/// copied as one: wherever it leads, HEAD tells of that instead. Tells whether it is to be replaced
/// as another one than before.
Result<bool> Folder::keep_theirs(const Context& context, const std::string& key,
                                 Replaced& replaced) {
  const auto there =
      await<oss::ObjectBrief>(context.interrupt, [&](Callback<oss::ObjectBrief> done) {
        return store_.start_brief(key, context.deadline, std::move(done));
      });
  if (!there && there.error().code == Errc::kNotFound) {
    replaced = {};
    return true;
  }
  if (!there) return fail(there.error());
  const bool is_news = std::exchange(replaced.present, there->etag) != there->etag;
  if (!replaced.is_one_of_several && successors_.are_same(key, there->etag, replaced.known))
    return is_news;
  const auto meta = objects_.head(context, key);
  const bool leads_nowhere = !meta && is_absent(meta.error());
  if (!meta && !leads_nowhere) return fail(meta.error());
  if (replaced.is_one_of_several && meta && successors_.are_same(key, meta->etag, replaced.known))
    return is_news;
  const auto marked = with_mark(key, conflict_mark(now()));
  if (!marked)
    return fail(Errc::kNameTooLong, printable(key) + ": no room for a conflict name beside it");
  const std::string& beside = *marked;
  oss::CopyOptions copy{.source_key = key};
  std::uint64_t size = 0;
  bool tagged = false;
  if (meta && meta->type != oss::ObjectType::kSymlink) {
    copy.source_etag = meta->etag;
    copy.put.headers = meta->headers;  // for a copy in parts
    copy.put.storage_class = meta->storage_class;
    size = meta->size_bytes;
    tagged = meta->tagging_count > 0;
  }
  auto written = copy_version(context, beside, copy, size, tagged);
  if (!written && leads_nowhere && written.error().code == Errc::kNotFound) return is_news;
  if (!written) return fail(std::move(written.error()));
  log_warning("fs", "{} is renamed over; another client had written it: that is kept as {}",
              printable(key), printable(beside));
  directories_.forget(key.substr(0, key.rfind('/') + 1));
  replaced = {.known = there->etag, .present = there->etag};
  return true;
}

}  // namespace stsfs::fs
