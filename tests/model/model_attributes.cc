// What is done to modes, owners, times and extended attributes.

#include "model/folder_model.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <gtest/gtest.h>

#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

void change(ReferenceNode& node, const AttributeChange& wanted) {
  const auto given = [](const std::variant<Now, WallTime>& time) {
    return std::holds_alternative<Now>(time) ? std::nullopt
                                             : std::optional(std::get<WallTime>(time));
  };
  if (wanted.mode) node.mode = (node.mode & S_IFMT) | *wanted.mode;
  if (wanted.uid) node.uid = *wanted.uid;
  if (wanted.gid) node.gid = *wanted.gid;
  if (wanted.atime) node.atime = given(*wanted.atime);
  if (wanted.mtime) node.mtime = given(*wanted.mtime);
}

bool agree(const ReferenceNode& node, const Attributes& got) {
  return got.mode == node.mode && got.uid == node.uid && got.gid == node.gid &&
         (!node.atime || got.atime == *node.atime) && (!node.mtime || got.mtime == *node.mtime);
}

}  // namespace

std::variant<Now, WallTime> FolderModel::any_time() {
  if (below(4) == 0) return Now{};
  // Some before 1970; whole seconds, or with nanoseconds.
  const auto seconds = std::chrono::seconds(below(2'000)) - std::chrono::seconds(500);
  return WallTime(seconds) + std::chrono::nanoseconds(below(2) == 0 ? 0 : below(1'000'000'000));
}

AttributeChange FolderModel::any_change(bool is_symlink) {
  AttributeChange out;
  while (!out.mode && !out.uid && !out.gid && !out.atime && !out.mtime) {
    if (!is_symlink && below(3) == 0) out.mode = static_cast<mode_t>(below(01000));
    if (below(4) == 0) out.uid = static_cast<uid_t>(below(3'000));
    if (below(4) == 0) out.gid = static_cast<gid_t>(below(3'000));
    if (below(3) == 0) out.atime = any_time();
    if (below(3) == 0) out.mtime = any_time();
  }
  return out;
}

void FolderModel::change_attributes() {
  const std::string path = any_path();
  const auto inode = walk(path);
  if (!inode || !tree_.is_taken(path)) return;
  const AttributeChange wanted = any_change(tree_.is_symlink(path));
  note("change attributes of " + path);
  const auto changed = folder().setattr(context(), *inode, std::nullopt, wanted);
  ReferenceNode after = *tree_.at(path);
  change(after, wanted);
  if (!changed && failed_by_fault(changed.error())) return believe_attributes(path, after);
  ASSERT_TRUE(changed) << path << ": " << changed.error().message;
  *tree_.at(path) = after;
  check_attributes(path, *changed);
}

std::string FolderModel::any_extended_name() {
  // Small letters are headers of their own; the others, and what has a meaning of its own, are not.
  constexpr const char* kNames[] = {"user.a", "user.b", "user.Capital", "user.mode", "user.x: y"};
  return kNames[below(std::size(kNames))];
}

void FolderModel::set_extended() {
  const std::string path = any_path();
  const auto inode = walk(path);
  if (!inode || !tree_.is_taken(path) || tree_.is_symlink(path)) return;
  const std::string name = any_extended_name();
  std::string value(below(20), static_cast<char>('a' + below(26)));
  if (below(4) == 0) value += std::string("\0\xff\n", 3);
  constexpr int kFlags[] = {0, 0, 0, XATTR_CREATE, XATTR_REPLACE};
  const int flags = kFlags[below(std::size(kFlags))];
  note("setxattr " + path + " " + name + " " + std::to_string(flags));
  ReferenceNode after = *tree_.at(path);
  const bool is_there = after.extended.contains(name);
  const bool good = flags == 0 || is_there == (flags == XATTR_REPLACE);
  if (good) after.extended[name] = value;
  const auto set = folder().setxattr(context(), *inode, name, value, flags);
  if (!set && failed_by_fault(set.error())) return believe_attributes(path, after);
  ASSERT_EQ(set.has_value(), good) << path << (set ? "" : set.error().message);
  if (!set) {
    ASSERT_EQ(set.error().code, is_there ? Errc::kExists : Errc::kNoAttribute);
  }
  *tree_.at(path) = after;
}

void FolderModel::remove_extended() {
  const std::string path = any_path();
  const auto inode = walk(path);
  if (!inode || !tree_.is_taken(path) || tree_.is_symlink(path)) return;
  const std::string name = any_extended_name();
  note("removexattr " + path + " " + name);
  ReferenceNode after = *tree_.at(path);
  const bool good = after.extended.erase(name) != 0;
  const auto removed = folder().removexattr(context(), *inode, name);
  if (!removed && failed_by_fault(removed.error())) return believe_attributes(path, after);
  ASSERT_EQ(removed.has_value(), good) << path << (removed ? "" : removed.error().message);
  *tree_.at(path) = after;
}

void FolderModel::read_extended() {
  const std::string path = any_path();
  const auto inode = walk(path);
  if (!inode || !tree_.is_taken(path)) return;
  note("listxattr " + path);
  check_extended(path, *inode);
}

Result<FolderModel::Extended> FolderModel::extended_of(InodeNumber inode) {
  const auto names = folder().listxattr(context(), inode);
  if (!names) return fail(names.error());
  Extended out;
  for (const std::string_view name : split(*names, '\0')) {
    if (name.empty()) continue;
    auto value = folder().getxattr(context(), inode, name);
    if (!value) return fail(value.error());
    out.emplace(name, *value);
  }
  return out;
}

void FolderModel::believe_attributes(const std::string& path, const ReferenceNode& after) {
  world_.heal();
  folder().refresh(parent_of(path));
  const auto inode = walk(path);
  ASSERT_TRUE(inode) << path;
  const auto entry = folder().getattr(context(), *inode);
  ASSERT_TRUE(entry) << path << ": " << entry.error().message;
  const auto extended = extended_of(*inode);
  ASSERT_TRUE(extended) << path << ": " << extended.error().message;
  ReferenceNode& node = *tree_.at(path);
  // The time of a directory whose entries were changed may be that of the change still.
  if (node.is_directory()) node.mtime = {};
  if (!agree(node, entry->attributes) || *extended != node.extended) node = after;
  if (node.is_directory()) node.mtime = {};
  check_attributes(path, *entry);
  ASSERT_EQ(*extended, node.extended) << path;
}

void FolderModel::check_extended(const std::string& path, InodeNumber inode) {
  const auto got = extended_of(inode);
  if (!got && failed_by_fault(got.error())) return;
  ASSERT_TRUE(got) << path << ": " << got.error().message;
  ASSERT_EQ(*got, tree_.at(path)->extended) << path;
}

void FolderModel::check_attributes(const std::string& path, const Entry& entry) {
  check_attributes_of(tree_.at(path), path, entry);
}

void FolderModel::check_attributes_of(const ReferenceTree::Node& node, const std::string& path,
                                      const Entry& entry) {
  const Attributes& got = entry.attributes;
  ASSERT_EQ(got.mode, node->mode) << path;
  ASSERT_EQ(got.uid, node->uid) << path;
  ASSERT_EQ(got.gid, node->gid) << path;
  const auto seconds = [](WallTime time) { return time.time_since_epoch().count(); };
  // The server keeps those of a real directory.
  const bool has_times = !node->is_directory() || !world_.options().hierarchical_namespace;
  if (node->atime && has_times) {
    ASSERT_EQ(seconds(got.atime), seconds(*node->atime)) << path << ": atime";
  }
  if (node->mtime && has_times) {
    ASSERT_EQ(seconds(got.mtime), seconds(*node->mtime)) << path << ": mtime";
  }
  if (!node->is_directory()) {
    ASSERT_EQ(got.size_bytes, node->content.size()) << path;
    ASSERT_EQ(got.link_count, tree_.names_of(node)) << path;
  }
}

}  // namespace stsfs::fs
