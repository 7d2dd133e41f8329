// What is done to the bytes of files.

#include "model/folder_model.h"

#include <fcntl.h>

#include <gtest/gtest.h>

#include "stsfs/base/text.h"

namespace stsfs::fs {

void FolderModel::write() {
  const std::string path = any_path();
  if (tree_.is_symlink(path)) return;  // which the kernel follows by itself
  const auto parent = walk(parent_of(path));
  if (!parent) {
    ASSERT_TRUE(has_faults()) << parent_of(path);
    return;
  }
  const bool append = below(2) == 0;
  const std::uint64_t offset = below(30);
  const std::string text(1 + below(40), static_cast<char>('A' + below(26)));
  const int flags = O_RDWR | O_CREAT | (append ? O_APPEND : 0) | (below(4) == 0 ? O_TRUNC : 0);
  auto lock = changing(path);
  auto made =
      retried([&] { return folder().create(context(), *parent, name_of(path), 0644, flags); });
  lock = {};
  if (!made && failed_by_fault(made.error())) return;
  if (tree_.is_directory(path)) {
    ASSERT_FALSE(made) << path;
    return;
  }
  ASSERT_TRUE(made) << path << ": " << made.error().message;
  looked_up(made->first);
  ReferenceNode& file = tree_.create(path);
  note("write " + path + (append ? " at its end" : " at " + std::to_string(offset)));
  if ((flags & O_TRUNC) != 0) ReferenceTree::resize(file, 0);
  const auto written = folder().write(context(), made->second.handle, as_bytes(text), offset);
  ASSERT_TRUE(written) << written.error().message;
  ReferenceTree::write(file, append ? file.content.size() : offset, text);
  if (below(3) == 0) {
    const auto read_back = read_all(made->second.handle);
    if (read_back) {
      ASSERT_EQ(*read_back, file.content);
    } else {
      ASSERT_TRUE(has_faults()) << read_back.error().message;
    }
  }
  close(made->second.handle);
}

void FolderModel::read() {
  const std::string path = any_path();
  const auto parent = walk(parent_of(path));
  if (!parent) {
    ASSERT_TRUE(has_faults());
    return;
  }
  auto lock = world_.looking(parent_of(path).empty());
  const auto entry = folder().lookup(context(), *parent, name_of(path));
  lock = {};
  if (!entry && failed_by_fault(entry.error())) return;
  ASSERT_EQ(entry.has_value(), tree_.is_taken(path)) << path;
  if (tree_.is_symlink(path)) {
    const auto target = folder().readlink(context(), entry->attributes.inode);
    if (!target && failed_by_fault(target.error())) return;
    ASSERT_TRUE(target) << path << ": " << target.error().message;
    ASSERT_EQ(*target, tree_.at(path)->content) << path;
  }
  if (entry) looked_up(*entry);
  if (entry) check_attributes(path, *entry);
  if (!tree_.is_file(path)) return;
  note("read " + path);
  const auto opened =
      retried([&] { return folder().open(context(), entry->attributes.inode, O_RDONLY); });
  if (!opened && failed_by_fault(opened.error())) return;
  ASSERT_TRUE(opened) << opened.error().message;
  const auto text = read_all(opened->handle);
  folder().release(opened->handle);
  if (!text && failed_by_fault(text.error())) return;
  ASSERT_TRUE(text) << text.error().message;
  ASSERT_EQ(*text, tree_.at(path)->content) << path;
}

void FolderModel::truncate() {
  const std::string path = any_path();
  const auto inode = walk(path);
  if (!inode || !tree_.is_file(path)) return;
  const std::uint64_t size = below(60);
  note("truncate " + path);
  const auto cut = folder().setattr(context(), *inode, std::nullopt, {.size_bytes = size});
  if (!cut) {
    ASSERT_TRUE(failed_by_fault(cut.error())) << cut.error().message;
  }
  // The size is ours from the first moment; only its way to OSS may have failed, and is tried
  // again.
  ReferenceTree::resize(*tree_.at(path), size);
}

}  // namespace stsfs::fs
