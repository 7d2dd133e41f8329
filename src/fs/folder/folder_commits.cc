// What a commit asks when it starts, and what the folder makes of its end.

#include "folder.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {

CommitRequest Folder::describe(InodeNumber number) {
  CommitRequest out;
  MutexLock lock(tree_.mutex);
  const InodePointer inode = tree_.find(number);
  if (!inode || inode->removed) {
    out.gone = true;
    return out;
  }
  out.path = tree_.path_of(*inode);
  const bool directory = is_directory(inode->attributes.mode);
  out.key = (directory ? keys_.directory_key(out.path) : keys_.file_key(out.path)).value_or("");
  out.path_key = out.key;
  if (!inode->content_key.empty()) out.key = inode->content_key;
  out.put = put_options(inode->attributes, inode->headers, inode->storage_class);
  out.times_given = inode->times_given;
  out.tagged = inode->tagged;
  out.own_version = inode->own_version;
  if (is_link(inode->attributes.mode)) {
    out.symlink_key = inode->symlink_key;
    out.is_unseen_link = options_.symlink_objects && inode->link_target.empty();
    out.is_just_confirmed = is_fresh(inode->confirmed, options_.open_fresh);
  }
  return out;
}

/// How many names it has whoever asks next finds out.
std::optional<std::string> Folder::found_name(InodeNumber number, const oss::Symlink& link) {
  const auto name = links_.name_in(link);
  if (!name) return std::nullopt;
  MutexLock lock(tree_.mutex);
  const InodePointer inode = tree_.find(number);
  const InodePointer known = tree_.by_content_key(name->content_key);
  if (!inode || inode->removed || !is_regular(inode->attributes.mode)) return std::nullopt;
  if (known && known != inode) return std::nullopt;
  tree_.set_content_key(inode, name->content_key);
  if (!inode->fresh) inode->attributes.link_count = std::max(inode->attributes.link_count, 2U);
  inode->confirmed = {};
  return name->content_key;
}

namespace {

/// Of what was written the kernel keeps whole pages, and not the end of the file in the last one.
/// Where one request brings all of a file, to ask for the end is to ask twice: whether it is still
/// the same version, and then for the rest.
bool worth_keeping_pages(std::uint64_t size_bytes) {
  constexpr std::uint64_t kPageSize = 4096;
  constexpr std::uint64_t kOneRequest = std::uint64_t{1} << 20;
  return size_bytes % kPageSize == 0 || size_bytes > kOneRequest;
}

}  // namespace

void Folder::committed(InodeNumber number, const CommitOutcome& outcome) {
  std::string directory_path;
  std::string name;
  links_.ahead().forget();
  if (outcome.staged && outcome.written.crc64 && !outcome.conflict)
    contents_.just_written().keep(number, outcome.written.etag, *outcome.staged, outcome.size,
                                  *outcome.written.crc64);
  {
    MutexLock lock(tree_.mutex);
    const InodePointer inode = tree_.find(number);
    if (!inode || inode->removed) return;
    const std::string whole = tree_.path_of(*inode);
    const auto slash = whole.rfind('/');
    directory_path = slash == std::string::npos ? "" : whole.substr(0, slash);
    name = inode->name;
    if (outcome.refused) {
      inode->confirmed = {};  // what OSS has counts
      metas_->forget(key_of(*inode));
      inode->pages_etag.clear();
    } else if (!outcome.conflict) {
      inode->in_store = true;
      inode->etag = outcome.written.etag;
      const std::string key = key_of(*inode);
      successors_.became({key, outcome.same_bytes_as}, {key, inode->etag});
      inode->pages_etag = worth_keeping_pages(outcome.size) ? inode->etag : "";
      inode->own_version =
          std::make_shared<const OwnVersion>(OwnVersion{outcome.written.etag, outcome.writes});
      if (is_regular(inode->attributes.mode)) inode->attributes.size_bytes = outcome.size;
      const bool known = !outcome.times_differ &&
                         (!is_link(inode->attributes.mode) || !inode->link_target.empty());
      inode->confirmed = known ? clock_.steady() : SteadyTime{};
      inode->touched = clock_.steady();
      // What OSS has of it is as good as what we know from here on: another client may give an
      // older time.
      const auto kept = outcome.headers.user.find("mtime");
      if (!outcome.times_differ && kept != outcome.headers.user.end() &&
          parse_metadata_time(kept->second) >= inode->entries_changed)
        inode->entries_changed = {};
      if (tree_.is_named(*inode, inode->parent, name)) note_entry(directory_path, name, *inode);
      if (known)
        remember_written(key_of(*inode), *inode, outcome.written, outcome.headers, outcome.size);
    } else {
      // The path shows theirs: whatever we know of it is old. Somebody may have opened that
      // already.
      inode->confirmed = {};
      if (inode->content && !inode->content->path_beside().empty()) inode->content = nullptr;
      inode->pages_etag.clear();
    }
  }
  if (outcome.conflict) {
    directories_.forget(keys_.directory_key(directory_path).value_or(""));
    log_warning("fs", "{}: another client wrote it too; our content was put beside it",
                printable(join_path(directory_path, name)));
  }
  if ((outcome.conflict || outcome.refused) && notifier_ != nullptr)
    notifier_->inode_changed(number);
  contents_.sweep();
}

void Folder::commit_ended(InodeNumber number) { contents_.commit_ended(number); }

/// Whoever has it open keeps it; everybody else sees what OSS has.
void Folder::set_aside(InodeNumber number, const FileContent& content,
                       const staging::JournalEntry& note) {
  {
    MutexLock lock(tree_.mutex);
    if (staging::ExtentMap(note.extents).staged_bytes() > 0) aside_.add(note, true);
    const InodePointer inode = tree_.find(number);
    if (!inode || inode->content.get() != &content) return;
    inode->content = nullptr;
    inode->confirmed = {};
    inode->pages_etag.clear();
    const std::string key = keys_.file_key(tree_.path_of(*inode)).value_or("");
    directories_.forget(key.substr(0, key.rfind('/') + 1));
  }
  if (notifier_ != nullptr) notifier_->inode_changed(number);
}

}  // namespace stsfs::fs
