#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "folder.h"
#include "stsfs/base/await.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

/// What statfs says where there is no quota: more than anybody needs.
constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 50;

WallTime time_of(const std::variant<Now, WallTime>& time, WallTime now) {
  return std::holds_alternative<Now>(time) ? now : std::get<WallTime>(time);
}

}  // namespace

Result<Entry> Folder::getattr(const Context& context, InodeNumber number) {
  auto found = inode(number);
  if (!found) return fail(std::move(found.error()));
  if (auto confirmed = confirm(context, *found, options_.fresh); !confirmed)
    return fail(std::move(confirmed.error()));
  return entry_of(*found);
}

Result<Entry> Folder::setattr(const Context& context, InodeNumber number,
                              std::optional<HandleNumber> handle, const AttributeChange& change) {
  if (auto may = may_write(); !may) return fail(std::move(may.error()));
  auto found = inode(number);
  if (!found) return fail(std::move(found.error()));
  const bool attributes_change =
      change.mode || change.uid || change.gid || change.atime || change.mtime;
  Attributes wanted;
  bool rides_along = false;
  bool regular = false;
  std::shared_ptr<FileContent> content;  // that the change goes to OSS with
  {
    MutexLock lock(tree_.mutex);
    wanted = (*found)->attributes;
    regular = is_regular(wanted.mode);
    const bool dirty = (*found)->content && (*found)->content->dirty();
    rides_along = dirty || (*found)->removed || number == InodeNumber::kRoot;
  }
  if (change.size_bytes && !regular) return fail(Errc::kInvalid, "only a file has a size to set");
  // An open file's new size goes with its commit; without a handle the path is truncated, and that
  // is to last.
  const bool commits = change.size_bytes && !handle;
  if (commits || (attributes_change && !rides_along && !change.size_bytes))
    if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
  if (change.mode) wanted.mode = (wanted.mode & S_IFMT) | (*change.mode & 07777);
  if (change.uid) wanted.uid = *change.uid;
  if (change.gid) wanted.gid = *change.gid;
  if (change.atime) wanted.atime = time_of(*change.atime, now());
  if (change.mtime) wanted.mtime = time_of(*change.mtime, now());
  wanted.ctime = now();
  if (change.size_bytes) {
    const auto cut_content = content_of(*found);
    if (auto cut = cut_content->truncate(*change.size_bytes); !cut)
      return fail(std::move(cut.error()));
    if (!change.mtime) wanted.mtime = now();
    rides_along = cut_content->dirty();
  }
  if (attributes_change && !rides_along)
    if (auto stored = store_metadata(context, *found, wanted); !stored)
      return fail(std::move(stored.error()));
  {
    MutexLock lock(tree_.mutex);
    wanted.size_bytes = (*found)->attributes.size_bytes;
    (*found)->attributes = wanted;
    if (change.mtime)
      (*found)->times_given = std::holds_alternative<WallTime>(*change.mtime);
    else if (change.size_bytes)
      (*found)->times_given = false;
    if (rides_along) content = (*found)->content;
  }
  if (content) content->attributes_changed();
  if (commits)
    if (auto done = settle_and_wait(context, content_of(*found)); !done)
      return fail(std::move(done.error()));
  if (auto saved = save_if_noted(content); !saved) return fail(std::move(saved.error()));
  return entry_of(*found);
}

/// A change of metadata is a copy of the object onto itself that carries everything else along.
Result<void> Folder::store_metadata(const Context& context, const InodePointer& inode,
                                    const Attributes& attributes) {
  std::string key;
  std::string etag;
  oss::PutOptions put;
  std::uint64_t size = 0;
  bool marker_only = false;
  std::shared_ptr<FileContent> content;
  std::string directory_path;
  std::string name;
  {
    MutexLock lock(tree_.mutex);
    const std::string whole = tree_.path_of(*inode);
    const bool directory = is_directory(attributes.mode);
    auto made = directory ? keys_.directory_key(whole) : keys_.file_key(whole);
    if (!made) return fail(std::move(made.error()));
    key = std::move(*made);
    etag = inode->etag;
    size = directory ? 0 : inode->attributes.size_bytes;
    put = put_options(attributes, inode->headers, inode->storage_class);
    marker_only = directory;
    content = inode->content;
    const auto slash = whole.rfind('/');
    directory_path = slash == std::string::npos ? "" : whole.substr(0, slash);
    name = inode->name;
    if (is_link(attributes.mode) && inode->etag.empty()) return {};
  }
  if (content)
    if (auto held = hold(content); !held) return held;
  Result<oss::Written> written;
  if (marker_only) {
    if (put.headers.content_type.empty()) put.headers.content_type = "application/x-directory";
    written = await<oss::Written>(context.interrupt, [&](Callback<oss::Written> done) {
      return store_.start_put(key, http::memory_body(""), put, context.deadline, std::move(done));
    });
  } else {
    oss::CopyOptions copy{
        .source_key = key, .source_etag = etag, .replace_metadata = true, .put = put};
    written = await<oss::Written>(context.interrupt, [&](Callback<oss::Written> done) {
      return staging::start_copy(store_, clock_, key, copy, size, surroundings_.options.upload,
                                 std::move(done));
    });
  }
  std::string new_etag = etag;
  if (written) {
    MutexLock lock(tree_.mutex);
    new_etag = written->etag.empty() ? etag : written->etag;
    if (inode->pages_etag == inode->etag) inode->pages_etag = new_etag;  // the bytes are the same
    inode->etag = new_etag;
    inode->headers.user = put.headers.user;
    inode->in_store = true;
    inode->confirmed = clock_.steady();
    note_entry(directory_path, name, *inode);
  }
  if (content) content->release_hold(key, new_etag);
  if (!written) return fail(std::move(written.error()));
  return {};
}

Result<Statistics> Folder::statfs(const Context&) {
  Statistics out;
  out.total_bytes = options_.quota_bytes != 0 ? options_.quota_bytes : kUnlimited;
  out.free_bytes = out.total_bytes - std::min(out.total_bytes, options_.used_bytes);
  return out;
}

Result<std::string> Folder::getxattr(const Context&, InodeNumber, std::string_view name) {
  return fail(Errc::kNoAttribute, "no extended attribute " + printable(name));
}

Result<std::string> Folder::listxattr(const Context&, InodeNumber) { return std::string(); }

Result<void> Folder::setxattr(const Context&, InodeNumber, std::string_view name, std::string_view,
                              int) {
  return fail(Errc::kNotSupported, "extended attributes are not kept: " + printable(name));
}

Result<void> Folder::removexattr(const Context&, InodeNumber, std::string_view name) {
  return fail(Errc::kNoAttribute, "no extended attribute " + printable(name));
}

}  // namespace stsfs::fs
