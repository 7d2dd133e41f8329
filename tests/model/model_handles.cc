// What is done through descriptors that stay open while other things are done, to the names of
// their files, too.

#include "model/folder_model.h"

#include <fcntl.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

constexpr std::size_t kOpenMax = 4;

bool may_read(int flags) { return (flags & O_ACCMODE) != O_WRONLY; }
bool may_write(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

}  // namespace

int FolderModel::any_open_flags() {
  constexpr int kAccess[] = {O_RDONLY, O_RDWR, O_RDWR, O_WRONLY};
  int out = kAccess[below(std::size(kAccess))];
  if (may_write(out) && below(3) == 0) out |= O_APPEND;
  if (may_write(out) && below(3) == 0) out |= O_TRUNC;
  return out;
}

void FolderModel::open_file() {
  if (open_.size() >= kOpenMax) return close_file();
  const std::string path = any_path();
  const auto parent = walk(parent_of(path));
  if (!parent || tree_.is_symlink(path) || tree_.is_directory(path)) return;
  const bool creates = !tree_.is_taken(path);
  const int flags = any_open_flags();
  Result<Opened> opened;
  InodeNumber inode{};
  if (creates) {
    const auto lock = changing(path);
    auto made = retried(
        [&] { return folder().create(context(), *parent, name_of(path), 0644, flags | O_CREAT); });
    if (made) looked_up(made->first);
    if (made) inode = made->first.attributes.inode;
    opened = made ? Result<Opened>(made->second) : fail(made.error());
  } else {
    const auto there = walk(path);
    if (!there) {
      ASSERT_TRUE(has_faults()) << path;
      return;
    }
    inode = *there;
    opened = retried([&] { return folder().open(context(), inode, flags); });
  }
  note((creates ? "create " : "open ") + path + ((flags & O_TRUNC) != 0 ? ", cut" : ""));
  if (!opened && failed_by_fault(opened.error())) return;
  ASSERT_TRUE(opened) << path << ": " << opened.error().message;
  ReferenceNode& file = tree_.create(path);
  if ((flags & O_TRUNC) != 0) ReferenceTree::resize(file, 0);
  open_.push_back({opened->handle, inode, tree_.at(path), flags, path});
}

FolderModel::OpenFile* FolderModel::any_open() {
  return open_.empty() ? nullptr : &open_[below(open_.size())];
}

void FolderModel::write_open() {
  const OpenFile* const file = any_open();
  if (file == nullptr || !may_write(file->flags)) return;
  const bool appends = (file->flags & O_APPEND) != 0;
  const std::uint64_t offset = below(60);
  const std::string text(1 + below(20), static_cast<char>('A' + below(26)));
  note("write on to " + file->path + (appends ? " at its end" : " at " + std::to_string(offset)));
  const auto written = folder().write(context(), file->handle, as_bytes(text), offset);
  ASSERT_TRUE(written) << file->path << ": " << written.error().message;
  ReferenceTree::write(*file->node, appends ? file->node->content.size() : offset, text);
}

void FolderModel::read_open() {
  const OpenFile* const file = any_open();
  if (file == nullptr) return;
  note("read on from " + file->path);
  const auto entry = folder().getattr(context(), file->inode);
  if (!entry && failed_by_fault(entry.error())) return;
  ASSERT_TRUE(entry) << file->path << ": " << entry.error().message;
  check_attributes_of(file->node, file->path, *entry);
  if (!may_read(file->flags)) return;
  const auto text = read_all(file->handle);
  if (!text && failed_by_fault(text.error())) return;
  ASSERT_TRUE(text) << file->path << ": " << text.error().message;
  ASSERT_EQ(*text, file->node->content) << file->path;
}

void FolderModel::truncate_open() {
  const OpenFile* const file = any_open();
  if (file == nullptr || !may_write(file->flags)) return;
  const std::uint64_t size = below(60);
  note("cut " + file->path + " to " + std::to_string(size) + " through its descriptor");
  const auto cut = folder().setattr(context(), file->inode, file->handle, {.size_bytes = size});
  ASSERT_TRUE(cut) << file->path << ": " << cut.error().message;
  ReferenceTree::resize(*file->node, size);
  check_attributes_of(file->node, file->path, *cut);
}

/// As copy_file_range(2); where that is not supported the kernel reads and writes.
void FolderModel::copy_open() {
  const OpenFile* const from = any_open();
  const OpenFile* const to = any_open();
  if (from == nullptr || !may_read(from->flags)) return;
  if (!may_write(to->flags) || (to->flags & O_APPEND) != 0) return;
  const ByteRange range{below(60), 1 + below(60)};
  const std::uint64_t offset = below(60);
  note("copy " + from->path + " from " + std::to_string(range.offset) + ", " +
       std::to_string(range.length) + " bytes, to " + to->path + " at " + std::to_string(offset));
  const auto copied = folder().copy_range(context(), from->handle, range, to->handle, offset);
  if (!copied && copied.error().code == Errc::kNotSupported) return;
  if (!copied && failed_by_fault(copied.error())) return;
  ASSERT_TRUE(copied) << from->path << " -> " << to->path << ": " << copied.error().message;
  const std::string& all = from->node->content;
  const std::string bytes = range.offset < all.size() ? all.substr(range.offset, range.length) : "";
  ASSERT_EQ(*copied, bytes.size()) << from->path << " -> " << to->path;
  if (!bytes.empty()) ReferenceTree::write(*to->node, offset, bytes);
}

void FolderModel::allocate_open() {
  constexpr Allocation kKinds[] = {Allocation::kReserve, Allocation::kExtend, Allocation::kPunch,
                                   Allocation::kZero};
  const OpenFile* const file = any_open();
  if (file == nullptr || !may_write(file->flags)) return;
  const Allocation kind = kKinds[below(std::size(kKinds))];
  const ByteRange range{below(60), 1 + below(30)};
  note("allocate " + file->path + " at " + std::to_string(range.offset) + ", " +
       std::to_string(range.length) + " bytes, kind " + std::to_string(static_cast<int>(kind)));
  const auto done = folder().allocate(context(), file->handle, range, kind);
  ASSERT_TRUE(done) << file->path << ": " << done.error().message;
  std::string& bytes = file->node->content;
  const std::uint64_t size = kind == Allocation::kExtend || kind == Allocation::kZero
                                 ? std::max<std::uint64_t>(bytes.size(), range.end())
                                 : bytes.size();
  ReferenceTree::resize(*file->node, size);
  if (kind != Allocation::kPunch && kind != Allocation::kZero) return;
  for (std::uint64_t at = range.offset; at < std::min(range.end(), size); ++at) bytes[at] = '\0';
}

void FolderModel::sync_open() {
  const OpenFile* const file = any_open();
  if (file == nullptr) return;
  note("fsync " + file->path);
  const auto synced = wait([&](Callback<void> done) {
    folder().fsync(context(), file->handle, below(2) == 0, std::move(done));
  });
  if (!synced) {
    ASSERT_TRUE(failed_by_fault(synced.error())) << file->path << ": " << synced.error().message;
  }
}

void FolderModel::close_file() {
  if (open_.empty()) return;
  const auto at = open_.begin() + static_cast<std::ptrdiff_t>(below(open_.size()));
  const OpenFile file = *at;
  open_.erase(at);
  note("close " + file.path);
  close(file.handle);
}

void FolderModel::close_all() {
  read_to_the_end();
  while (!open_.empty() && !::testing::Test::HasFatalFailure()) close_file();
}

void FolderModel::close(HandleNumber handle) {
  const auto flushed = wait([&](Callback<void> done) {
    folder().flush(
        context(), handle, [](pid_t) { return false; }, std::move(done));
  });
  if (!flushed) {
    ASSERT_TRUE(failed_by_fault(flushed.error())) << flushed.error().message;
  }
  folder().release(handle);
}

}  // namespace stsfs::fs
