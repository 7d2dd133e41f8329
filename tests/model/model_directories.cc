// Directories that are read in pieces, while other things are done in them. What is there all the
// time is shown once; what comes or goes meanwhile may be shown, and nothing else is.

#include "model/folder_model.h"

#include <algorithm>
#include <optional>

#include <gtest/gtest.h>

namespace stsfs::fs {
namespace {

constexpr std::size_t kReadMax = 2;  // at a time

}  // namespace

void FolderModel::open_directory() {
  if (read_.size() >= kReadMax) return;
  const std::string path = any_directory();
  const auto inode = walk(path);
  if (!inode) {
    ASSERT_TRUE(has_faults()) << path;
    return;
  }
  note("opendir " + path);
  const auto handle = folder().opendir(context(), *inode);
  ASSERT_TRUE(handle) << path << ": " << handle.error().message;
  read_.push_back({.handle = *handle, .node = tree_.at(path), .path = path});
}

void FolderModel::read_piece() {
  if (read_.empty()) return;
  const std::size_t at = below(read_.size());
  if (below(20) == 0) read_[at].cookie = 0;  // rewinddir
  read_piece_of(at);
}

void FolderModel::read_to_the_end() {
  while (!read_.empty() && !::testing::Test::HasFatalFailure()) read_piece_of(0);
}

/// A few entries, as many as fit into a buffer.
void FolderModel::read_piece_of(std::size_t at) {
  ReadDirectory& directory = read_[at];
  if (directory.cookie == 0) {
    directory.shown.clear();
    directory.always = directory.ever = children_of(directory.node).value_or(Names{});
  }
  note("readdir " + directory.path);
  std::size_t room = 1 + below(4);
  bool is_end = true;
  const auto take = [&](const DirectoryEntry& entry) {
    is_end = false;
    if (room == 0) return false;
    --room;
    directory.cookie = entry.next_cookie;
    if (entry.name != "." && entry.name != ".." && !is_others(entry.name))
      directory.shown.emplace_back(entry.name);
    return true;
  };
  auto lock = world_.looking(directory.path.empty());
  const auto read =
      below(2) == 0 ? folder().readdir(context(), directory.handle, directory.cookie, take)
                    : folder().readdir_plus(
                          context(), directory.handle, directory.cookie,
                          [&](const DirectoryEntry& entry, const Entry&) { return take(entry); });
  lock = {};
  if (!read && failed_by_fault(read.error())) return close_directory(at);
  ASSERT_TRUE(read) << directory.path << ": " << read.error().message;
  if (!is_end) return;
  check_shown(directory);
  close_directory(at);
}

void FolderModel::check_shown(const ReadDirectory& directory) {
  for (const std::string& name : directory.always)
    ASSERT_EQ(std::count(directory.shown.begin(), directory.shown.end(), name), 1)
        << name << " in " << directory.path;
  for (const std::string& name : directory.shown)
    ASSERT_TRUE(directory.ever.contains(name)) << name << " in " << directory.path;
}

/// After each operation: what came in directories that are being read, and what went.
void FolderModel::watch_directories() {
  for (std::size_t i = read_.size(); i > 0; --i) {
    ReadDirectory& directory = read_[i - 1];
    const auto now = children_of(directory.node);
    if (!now) {
      close_directory(i - 1);
      continue;
    }
    std::erase_if(directory.always, [&](const std::string& name) { return !now->contains(name); });
    directory.ever.insert(now->begin(), now->end());
  }
}

/// Nothing once it is gone.
std::optional<FolderModel::Names> FolderModel::children_of(const ReferenceTree::Node& directory) {
  for (const auto& [path, node] : tree_.nodes())
    if (node == directory) return tree_.children(path);
  return std::nullopt;
}

void FolderModel::close_directory(std::size_t at) {
  folder().releasedir(read_[at].handle);
  read_.erase(read_.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace stsfs::fs
