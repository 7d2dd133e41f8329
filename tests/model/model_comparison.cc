// What is in the store, and what mounts make of it, at the end of a run.

#include "model/folder_model.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace stsfs::fs {

/// A file with one name is an object of its own, or lies where those with several do.
void FolderModel::compare_store() {
  std::map<std::string, std::string> stored;
  for (const std::string& key : world_.store().keys()) {
    if (key.ends_with('/') || key.starts_with(ModelWorld::kLinkArea)) continue;
    const std::string path = key.substr(ModelWorld::kPrefix.size());
    if (is_others(path) || tree_.is_symlink(path)) continue;  // a link is read by its name
    const auto meta = world_.store().meta(key);
    const bool is_name = meta && meta->type == oss::ObjectType::kSymlink;
    const std::string content_key = is_name ? *world_.store().content(key) : key;
    stored[path] = world_.store().content(content_key).value_or("nothing");
  }
  std::map<std::string, std::string> wanted;
  for (const auto& [path, node] : tree_.nodes())
    if (node->is_file()) wanted[path] = node->content;
  ASSERT_EQ(stored, wanted);
}

/// What is kept of files with several names is what their names lead to, and each counts once.
void FolderModel::compare_link_area() {
  std::set<std::string> kept;
  std::set<std::string> wanted;
  for (const std::string& key : world_.store().keys()) {
    if (key.starts_with(ModelWorld::kLinkArea)) kept.insert(key);
    const auto meta = world_.store().meta(key);
    const auto token = meta->headers.user.find("stsfs-link");
    if (meta->type != oss::ObjectType::kSymlink || token == meta->headers.user.end()) continue;
    const std::string content_key = *world_.store().content(key);
    wanted.insert(content_key);
    ASSERT_TRUE(wanted.insert(content_key + "." + token->second).second) << key;
  }
  // Where answers are lost, what nobody can be sure of stays: rather that than a name that leads
  // to nothing.
  if (has_faults())
    ASSERT_TRUE(std::includes(kept.begin(), kept.end(), wanted.begin(), wanted.end()));
  else
    ASSERT_EQ(kept, wanted);
}

void FolderModel::compare_tree() {
  std::map<ReferenceTree::Node, InodeNumber> inodes;
  for (const auto& [path, node] : tree_.nodes()) {
    if (path.empty()) continue;
    const auto inode = walk(path);
    ASSERT_TRUE(inode) << path;
    const auto entry = folder().getattr(context(), *inode);
    ASSERT_TRUE(entry) << path;
    check_attributes(path, *entry);
    if (!::testing::Test::HasFatalFailure()) check_extended(path, *inode);
    if (::testing::Test::HasFatalFailure()) return;
    ASSERT_EQ(inodes.emplace(node, *inode).first->second, *inode) << path;
    if (!node->is_symlink()) continue;
    const auto target = folder().readlink(context(), *inode);
    ASSERT_TRUE(target) << path << ": " << target.error().message;
    ASSERT_EQ(*target, node->content) << path;
  }
}

}  // namespace stsfs::fs
