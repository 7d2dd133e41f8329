// What is done to names.

#include "model/folder_model.h"

#include <sys/stat.h>

#include <set>

#include <gtest/gtest.h>

namespace stsfs::fs {

void FolderModel::remove() {
  const std::string path = any_path();
  const auto parent = walk(parent_of(path));
  if (!parent) return;
  walk(path);  // as the kernel does, which holds on to what it names
  note("unlink " + path);
  auto lock = changing(path);
  const auto gone = folder().unlink(context(), *parent, name_of(path));
  lock = {};
  if (!gone && failed_by_fault(gone.error())) return find_out(path);
  ASSERT_EQ(gone.has_value(), tree_.is_file(path) || tree_.is_symlink(path))
      << path << (gone ? "" : gone.error().message);
  if (gone) tree_.erase(path);
}

void FolderModel::link() {
  if (world_.options().hierarchical_namespace) return;
  const std::string from = any_path();
  const std::string to = any_path();
  const auto file = walk(from);
  const auto parent = walk(parent_of(to));
  if (!file || !parent || !tree_.is_taken(from)) return;
  const bool good = tree_.is_file(from) && !tree_.is_taken(to);
  note("link " + from + " " + to);
  auto lock = changing(to);
  const auto made = folder().link(context(), *file, *parent, name_of(to));
  lock = {};
  if (!made && failed_by_fault(made.error())) {
    const bool was_taken = tree_.is_taken(to);
    find_out(to);
    const auto there = walk(to);
    if (was_taken || !there) return;
    ASSERT_EQ(*there, *file) << from << " -> " << to;
    tree_.link(from, to);
    return;
  }
  ASSERT_EQ(made.has_value(), good)
      << from << " -> " << to << (made ? "" : ": " + made.error().message);
  if (!good) return;
  ASSERT_EQ(made->attributes.inode, *file) << from << " -> " << to;
  looked_up(*made);
  tree_.link(from, to);
  check_attributes(to, *made);
}

void FolderModel::make_symlink() {
  const std::string path = any_path();
  const std::string target = any_target();
  const auto parent = walk(parent_of(path));
  if (!parent) return;
  note("symlink " + target + " " + path);
  auto lock = changing(path);
  const auto made = folder().symlink(context(), *parent, name_of(path), target);
  lock = {};
  if (!made && failed_by_fault(made.error())) {
    const bool was_taken = tree_.is_taken(path);
    find_out(path);
    if (!was_taken && walk(path)) tree_.make_symlink(path, target);
    return;
  }
  ASSERT_EQ(made.has_value(), !tree_.is_taken(path)) << path << (made ? "" : made.error().message);
  if (!made) return;
  looked_up(*made);
  tree_.make_symlink(path, target);
}

void FolderModel::make_directory() {
  const std::string path = any_path();
  const auto parent = walk(parent_of(path));
  if (!parent) return;
  note("mkdir " + path);
  auto lock = changing(path);
  const auto made = folder().mkdir(context(), *parent, name_of(path), 0755);
  lock = {};
  if (!made && failed_by_fault(made.error())) return find_out(path);
  ASSERT_EQ(made.has_value(), !tree_.is_taken(path)) << path << (made ? "" : made.error().message);
  if (!made) return;
  looked_up(*made);
  tree_.make_directory(path);
}

void FolderModel::remove_directory() {
  const std::string path = any_path();
  const auto parent = walk(parent_of(path));
  if (!parent) return;
  walk(path);
  note("rmdir " + path);
  auto lock = changing(path);
  const auto gone = folder().rmdir(context(), *parent, name_of(path));
  lock = {};
  if (!gone && failed_by_fault(gone.error())) return find_out(path);
  ASSERT_EQ(gone.has_value(), tree_.is_directory(path) && !tree_.has_children(path))
      << path << (gone ? "" : gone.error().message);
  if (gone) tree_.erase(path);
}

void FolderModel::rename() { rename_with(RenameMode::kReplace); }

void FolderModel::rename_no_replace() { rename_with(RenameMode::kNoReplace); }

void FolderModel::rename_with(RenameMode mode) {
  const std::string from = any_path();
  const std::string to = any_path();
  const auto from_parent = walk(parent_of(from));
  const auto to_parent = walk(parent_of(to));
  if (!from_parent || !to_parent || !tree_.is_taken(from)) return;
  walk(from);
  walk(to);
  const bool replaces = mode == RenameMode::kReplace;
  if (!replaces && from == to) return;  // which the kernel answers by itself
  const bool good = tree_.may_rename(from, to) && (replaces || !tree_.is_taken(to));
  if (has_faults())
    world_.heal();  // a rename that failed half-way leaves both names: not what is compared here
  note("rename " + from + " " + to + (replaces ? "" : " if that is free"));
  const auto move = [&] {
    const auto lock = world_.changing(parent_of(from).empty() || parent_of(to).empty());
    return folder().rename(context(), *from_parent, name_of(from), *to_parent, name_of(to), mode);
  };
  auto moved = move();
  // It may have waited for a commit that began while there were faults still.
  if (!moved && failed_by_fault(moved.error())) moved = move();
  ASSERT_EQ(moved.has_value(), good)
      << from << " -> " << to << (moved ? "" : ": " + moved.error().message);
  if (good) tree_.rename(from, to);
}

void FolderModel::exchange() {
  const std::string one = any_path();
  const std::string other = any_path();
  const auto one_parent = walk(parent_of(one));
  const auto other_parent = walk(parent_of(other));
  if (!one_parent || !other_parent) return;
  const auto inode_of_one = walk(one);
  walk(other);
  const bool good = tree_.may_exchange(one, other);
  if (has_faults()) world_.heal();
  note("exchange " + one + " " + other);
  auto lock = world_.changing(parent_of(one).empty() || parent_of(other).empty());
  const auto done = folder().rename(context(), *one_parent, name_of(one), *other_parent,
                                    name_of(other), RenameMode::kExchange);
  lock = {};
  if (!done && failed_by_fault(done.error())) {
    world_.settle();  // it has not begun, or is finished by that
    if (good && walk(other) == inode_of_one) tree_.exchange(one, other);
    return;
  }
  ASSERT_EQ(done.has_value(), good)
      << one << " <-> " << other << (done ? "" : ": " + done.error().message);
  if (good) tree_.exchange(one, other);
}

void FolderModel::list() {
  const std::string path = any_directory();
  const auto inode = walk(path);
  if (!inode) {
    ASSERT_TRUE(has_faults()) << path;
    return;
  }
  note("list " + path);
  auto lock = world_.looking(path.empty());
  auto handle = folder().opendir(context(), *inode);
  ASSERT_TRUE(handle);
  std::set<std::string> got;
  std::uint64_t cookie = 0;
  Result<void> read;
  for (bool is_end = false; read && !is_end;) {
    is_end = true;
    read = folder().readdir(context(), *handle, cookie, [&](const DirectoryEntry& entry) {
      is_end = false;
      cookie = entry.next_cookie;
      if (entry.name != "." && entry.name != ".." && !is_others(entry.name))
        got.emplace(entry.name);
      return true;
    });
  }
  lock = {};
  folder().releasedir(*handle);
  if (!read && failed_by_fault(read.error())) return;
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(got, tree_.children(path)) << path;
}

/// After an operation on a name that failed: it may have been done, and only its answer lost.
void FolderModel::find_out(const std::string& path) {
  world_.heal();
  folder().refresh(parent_of(path));
  const auto parent = walk(parent_of(path));
  ASSERT_TRUE(parent) << path;
  const auto entry = folder().lookup(context(), *parent, name_of(path));
  if (!entry) {
    ASSERT_EQ(entry.error().code, Errc::kNotFound) << path << ": " << entry.error().message;
    tree_.erase(path);
  } else if (S_ISDIR(entry->attributes.mode) && !tree_.is_taken(path)) {
    tree_.make_directory(path);
  }
}

}  // namespace stsfs::fs
