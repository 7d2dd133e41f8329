// What is done to modes, owners and times.

#include "model/folder_model.h"

#include <sys/stat.h>

#include <gtest/gtest.h>

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

/// After a change that failed: it may have been made, and only its answer lost.
void FolderModel::believe_attributes(const std::string& path, const ReferenceNode& after) {
  world_.heal();
  folder().refresh(parent_of(path));
  const auto inode = walk(path);
  ASSERT_TRUE(inode) << path;
  const auto entry = folder().getattr(context(), *inode);
  ASSERT_TRUE(entry) << path << ": " << entry.error().message;
  if (!agree(*tree_.at(path), entry->attributes)) *tree_.at(path) = after;
  check_attributes(path, *entry);
}

void FolderModel::check_attributes(const std::string& path, const Entry& entry) {
  const ReferenceTree::Node& node = tree_.at(path);
  const Attributes& got = entry.attributes;
  ASSERT_EQ(got.mode, node->mode) << path;
  ASSERT_EQ(got.uid, node->uid) << path;
  ASSERT_EQ(got.gid, node->gid) << path;
  const auto seconds = [](WallTime time) { return time.time_since_epoch().count(); };
  if (node->atime) {
    ASSERT_EQ(seconds(got.atime), seconds(*node->atime)) << path << ": atime";
  }
  if (node->mtime) {
    ASSERT_EQ(seconds(got.mtime), seconds(*node->mtime)) << path << ": mtime";
  }
  if (!node->is_directory()) {
    ASSERT_EQ(got.size_bytes, node->content.size()) << path;
    ASSERT_EQ(got.link_count, tree_.names_of(node)) << path;
  }
}

}  // namespace stsfs::fs
