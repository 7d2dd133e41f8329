// Symbolic links. One whose target is a key of this folder is an OSS Symlink object, which every
// client follows and whose type a listing tells; its metadata has the target as it was given. Every
// other is a small object in the form of s3fs, whose body is the target. Both are read (Objects).

#include <algorithm>

#include "folder.h"
#include "naming/symlinks.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

constexpr const char* kLinkType = "application/octet-stream";  // as s3fs has it

/// Of a target in metadata, encoded: all metadata of an object together is less than 8 KB.
constexpr std::size_t kRawTargetMax = 4096;

/// What a reader is told of the target beyond what the object itself tells.
void note_target(oss::UserMetadata& user, std::string_view target, bool is_symlink_object) {
  user.erase(kRawTarget);
  user.erase(kTargetSize);
  if (is_symlink_object)
    user[kRawTarget] = percent_encode(target);
  else if (trim(target) != target)
    user[kTargetSize] = std::to_string(target.size());
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
  const auto found = objects_.find_entry(context, at_top ? "" : whole->substr(0, slash),
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
  Attributes attributes = new_attributes(context, place->parent, S_IFLNK | 0777);
  const auto target_key = symlink_key(context, path(place->parent), target);
  oss::PutOptions put = put_options(attributes, {}, "");
  put.headers.content_type = kLinkType;
  note_target(put.headers.user, target, target_key.has_value());
  attributes.size_bytes = target.size();
  auto made = make_object(context, place->parent, name, place->key, attributes, std::move(put),
                          std::string(target), target_key);
  if (!made) return fail(std::move(made.error()));
  return entry_of(*made);
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
    if (auto sent = contents_.commit_and_wait(context, owed); !sent)
      return fail(std::move(sent.error()));
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
  note_target(put.headers.user, target, target_key.has_value());
  auto written = put_over(context, file, [&](const Present& present) {
    expect(put, present);
    return put_symlink(store_, context, file.new_key, target_key, target, put);
  });
  if (!written) return written;
  MutexLock lock(tree_.mutex);
  file.inode->symlink_key = target_key.value_or("");
  file.inode->headers = put.headers;
  return written;
}

}  // namespace stsfs::fs
