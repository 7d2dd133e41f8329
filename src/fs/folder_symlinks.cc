// Symbolic links. One whose target is a key of this folder is an OSS Symlink object, which every
// client follows and whose type a listing tells; its metadata has the target as it was given. Every
// other is a small object in the form of s3fs, whose body is the target. Both are read.

#include <algorithm>

#include "folder.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

/// A target kept in an object's body, as s3fs does it, is no longer than a path.
constexpr std::uint64_t kLinkTargetMax = 4096;

/// The metadata of a symbolic link that this program wrote: the target as the user gave it.
constexpr const char* kRawTarget = "stsfs-symlink";

constexpr const char* kLinkType = "application/octet-stream";  // as s3fs has it

/// Of a target in metadata, encoded: all metadata of an object together is less than 8 KB.
constexpr std::size_t kRawTargetMax = 4096;

class TextSink final : public oss::ReadSink {
 public:
  Result<void> begin(const oss::ObjectMeta&) override { return {}; }
  Result<void> write(std::span<const std::byte> bytes) override {
    text.append(as_text(bytes));
    return {};
  }
  std::string text;
};

/// `target`, a key, as a path relative to the directory of the link.
std::string relative_target(const std::string& link_path, const std::string& target_path) {
  const auto from = split(link_path, '/');
  const auto to = split(target_path, '/');
  std::size_t common = 0;
  while (common + 1 < from.size() && common + 1 < to.size() && from[common] == to[common]) ++common;
  std::string out;
  for (std::size_t i = common; i + 1 < from.size(); ++i) out += "../";
  for (std::size_t i = common; i < to.size(); ++i)
    out.append(to[i]).append(i + 1 < to.size() ? "/" : "");
  return out;
}

/// Where a relative target leads from a directory; nothing when out of the folder, or to a
/// directory by the way it is written.
std::optional<std::string> path_from(const std::string& directory_path, std::string_view target) {
  if (target.empty() || target.starts_with('/') || target.ends_with('/')) return std::nullopt;
  std::vector<std::string> way;
  for (const auto& name : split(directory_path, '/'))
    if (!name.empty()) way.emplace_back(name);
  std::string_view last;
  for (const auto& name : split(target, '/')) {
    last = name;
    if (name.empty() || name == ".") continue;
    if (name != "..") {
      way.emplace_back(name);
    } else if (way.empty()) {
      return std::nullopt;
    } else {
      way.pop_back();
    }
  }
  if (last == "." || last == "..") return std::nullopt;
  std::string out;
  for (const std::string& name : way) out = join_path(out, name);
  return out;
}

oss::ObjectMeta meta_of(const oss::Symlink& link) {
  return {.etag = link.etag,
          .last_modified = link.last_modified,
          .type = oss::ObjectType::kSymlink,
          .headers = {.user = link.user},
          .symlink_target = link.target,
          .server_time = link.server_time};
}

oss::Symlink link_of(const oss::ObjectMeta& meta) {
  return {.target = meta.symlink_target,
          .etag = meta.etag,
          .last_modified = meta.last_modified,
          .user = meta.headers.user,
          .server_time = meta.server_time};
}

}  // namespace

/// The key that a symlink object in the directory would lead to; nothing when only the form of s3fs
/// can hold the target, or OSS would not follow: it follows none to a directory or another link.
std::optional<std::string> Folder::symlink_key(const Context& context,
                                               const std::string& directory_path,
                                               std::string_view target) {
  if (!options_.symlink_objects || percent_encode(target).size() > kRawTargetMax)
    return std::nullopt;
  const auto whole = path_from(directory_path, target);
  auto key = whole ? keys_.file_key(*whole) : fail(Errc::kInvalid, "");
  if (!key) return std::nullopt;
  {
    MutexLock lock(tree_.mutex);
    const InodePointer there = known_inode(*whole);
    if (there && (!is_regular(there->attributes.mode) || !there->content_key.empty()))
      return std::nullopt;
    if (there) return std::move(*key);
  }
  const auto slash = whole->rfind('/');
  const bool at_top = slash == std::string::npos;
  const auto found = find_entry(context, at_top ? "" : whole->substr(0, slash),
                                at_top ? *whole : whole->substr(slash + 1));
  const bool is_file =
      found && (!found->entry ||
                (!found->entry->is_directory && found->entry->type != oss::ObjectType::kSymlink));
  return is_file ? std::optional(std::move(*key)) : std::nullopt;
}

Result<Entry> Folder::symlink(const Context& context, InodeNumber parent_number,
                              std::string_view name, std::string_view target) {
  const auto place = new_name(context, parent_number, name, false);
  if (!place) return fail(place.error());
  Attributes attributes = new_attributes(context, S_IFLNK | 0777);
  const auto target_key = symlink_key(context, path(place->parent), target);
  oss::PutOptions put = put_options(attributes, {}, "");
  put.headers.content_type = kLinkType;
  if (target_key) put.headers.user[kRawTarget] = percent_encode(target);
  attributes.size_bytes = target.size();
  auto made = make_object(context, place->parent, name, place->key, attributes, std::move(put),
                          std::string(target), target_key);
  if (!made) return fail(std::move(made.error()));
  return counted_entry(*made);
}

/// Without a `target_key` a plain object whose body is the target.
Result<oss::Written> Folder::put_symlink(const Context& context, const std::string& key,
                                         const std::optional<std::string>& target_key,
                                         std::string_view target, const oss::PutOptions& put) {
  return await<oss::Written>(context.interrupt, [&](Callback<oss::Written> done) {
    if (target_key)
      return store_.start_put_symlink(key, *target_key, put, context.deadline, std::move(done));
    return store_.start_put(key, http::memory_body(std::string(target)), put, context.deadline,
                            std::move(done));
  });
}

Result<std::string> Folder::readlink(const Context& context, InodeNumber number) {
  auto found = inode(number);
  if (!found) return fail(std::move(found.error()));
  std::shared_ptr<FileContent> owed;  // attributes that an earlier daemon left
  {
    MutexLock lock(tree_.mutex);
    if ((*found)->link_target.empty()) owed = (*found)->content;
  }
  if (owed && owed->dirty()) {
    if (auto may = may_wait(context); !may) return fail(std::move(may.error()));
    if (auto sent = commit_and_wait(context, owed); !sent) return fail(std::move(sent.error()));
  }
  if (auto confirmed = confirm(context, *found, options_.fresh); !confirmed)
    return fail(std::move(confirmed.error()));
  MutexLock lock(tree_.mutex);
  if (!is_link((*found)->attributes.mode)) return fail(Errc::kInvalid, "not a symbolic link");
  return (*found)->link_target;
}

/// Under its new name: from there the target as it was given is another key, so it is put anew. One
/// of another client's that leads out of the folder goes on leading there.
Result<oss::Written> Folder::move_symlink(const Context& context, const FileRename& file) {
  const auto slash = file.new_path.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : file.new_path.substr(0, slash);
  const std::string& target = file.link_target;
  const auto target_key = symlink_key(context, directory, target);
  oss::PutOptions put = file.copy.put;
  if (!target_key && !put.headers.user.contains(kRawTarget)) return move_object(context, file);
  put.headers.content_type = kLinkType;
  if (target_key)
    put.headers.user[kRawTarget] = percent_encode(target);
  else
    put.headers.user.erase(kRawTarget);
  auto written =
      put_over(context, file.new_key, file.target, file.mode, [&](bool forbid_overwrite) {
        put.forbid_overwrite = forbid_overwrite;
        return put_symlink(context, file.new_key, target_key, target, put);
      });
  if (!written) return written;
  if (auto gone = delete_old_name(context, file); !gone) return fail(std::move(gone.error()));
  MutexLock lock(tree_.mutex);
  file.inode->symlink_key = target_key.value_or("");
  file.inode->headers = put.headers;
  return written;
}

// --- what is there ---

Result<void> Folder::find_symlink(const Context& context, const std::string& link_path,
                                  const std::string& key,
                                  const std::optional<oss::ObjectMeta>& told, Found& out) {
  auto known = told && !told->symlink_target.empty() ? told : known_meta(context, key, out.entry);
  if (!known || known->symlink_target.empty()) {
    const SteadyTime now = clock_.steady();
    auto meta = ask_with_neighbours(context, link_path, key, Wanted::What::kSymlink);
    if (!meta) return fail(std::move(meta.error()));
    known = std::move(*meta);
    out.asked = now;
  }
  const oss::Symlink told_link = link_of(*known);
  const oss::Symlink* link = &told_link;
  if (const auto name = links_.name_in(*link)) {
    auto linked = find_linked(context, key, *name, out);
    // Without its content the name is a symbolic link to nothing, which can be removed.
    if (linked || linked.error().code != Errc::kNotFound) return linked;
  }
  out.meta = std::move(*known);
  const auto raw = link->user.find(kRawTarget);
  const auto target_path = keys_.path_of(link->target);
  if (raw != link->user.end())
    out.link_target = percent_decode(raw->second).value_or(raw->second);
  else
    out.link_target = target_path ? relative_target(link_path, *target_path) : "/" + link->target;
  out.attributes = attributes_of(out.meta, false, defaults_);
  if (is_link(out.attributes.mode)) out.attributes.size_bytes = out.link_target.size();
  return {};
}

/// As s3fs keeps it: in the body.
Result<void> Folder::read_link_target(const Context& context, const std::string& key, Found& out) {
  if (auto may = may_wait(context); !may) return may;
  TextSink sink;
  const std::uint64_t size = std::min(out.meta.size_bytes, kLinkTargetMax);
  if (size > 0) {
    auto read = await<void>(context.interrupt, [&](Callback<void> done) {
      return store_.start_get(key, out.meta.etag, {0, size}, sink, context.deadline,
                              std::move(done));
    });
    if (!read) return read;
  }
  out.link_target = std::string(trim(sink.text));
  return {};
}

/// What GetSymlink tells, as HEAD would of anything else.
Transfer Folder::start_symlink(const std::string& key, Deadline deadline,
                               Callback<oss::ObjectMeta> done) {
  return store_.start_get_symlink(key, deadline,
                                  [done = std::move(done)](Result<oss::Symlink> link) mutable {
                                    if (link)
                                      done(meta_of(*link));
                                    else
                                      done(fail(std::move(link.error())));
                                  });
}

/// For new metadata. Whether a copy onto itself leaves it one is not documented.
Result<oss::Written> Folder::put_symlink_anew(const Context& context, const std::string& key,
                                              const oss::PutOptions& put) {
  auto link = await<oss::Symlink>(context.interrupt, [&](Callback<oss::Symlink> done) {
    return store_.start_get_symlink(key, context.deadline, std::move(done));
  });
  if (!link) return fail(std::move(link.error()));
  return await<oss::Written>(context.interrupt, [&](Callback<oss::Written> done) {
    return store_.start_put_symlink(key, link->target, put, context.deadline, std::move(done));
  });
}

}  // namespace stsfs::fs
