// Open directories.
#include <linux/fuse.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "convert.h"
#include "operations.h"

namespace stsfs::fuse {
namespace {

using fs::Context;
using fs::HandleNumber;
using fs::InodeNumber;

void opendir(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<HandleNumber>(
      begin(request, "opendir", inode),
      [&fs = driver.file_system(), inode](const Context& context) {
        return fs.opendir(context, InodeNumber{inode});
      },
      [](Call& call, HandleNumber handle) {
        fuse_file_info info{};
        info.fh = static_cast<std::uint64_t>(handle);
        if (!std::move(call.reply()).open(info)) call.driver().file_system().releasedir(handle);
      });
}

/// For names that go out without their inode number; readers take 0 for an entry that was removed.
/// Source: libfuse, FUSE_UNKNOWN_INO.
constexpr std::uint64_t kUnknownInode = 0xffffffff;

/// Where an entry of readdirplus has its d_ino.
constexpr std::size_t kInodeAt = offsetof(fuse_direntplus, dirent) + offsetof(fuse_dirent, ino);

/// Entries packed as the kernel takes them, into the room it offered.
class Page {
 public:
  Page(fuse_req_t request, std::size_t room) : request_(request), buffer_(room) {}

  bool add(const fs::DirectoryEntry& entry) {
    name_.assign(entry.name);
    const struct stat stat = to_stat(entry.attributes);
    return take(fuse_add_direntry(request_, end(), room(), name_.c_str(), &stat,
                                  static_cast<off_t>(entry.next_cookie)));
  }

  bool add(const fs::DirectoryEntry& entry, const fs::Entry& full) {
    name_.assign(entry.name);
    fuse_entry_param param = to_entry_param(full);
    const bool is_dot = name_ == "." || name_ == "..";
    const bool counted = !is_dot && full.attributes.inode != fs::InodeNumber{0};
    if (!counted) param.ino = 0;  // to the kernel: just the name, and no lookup
    if (param.attr.st_ino == 0) param.attr.st_ino = ino_t{kUnknownInode};
    char* const place = end();
    if (!take(fuse_add_direntry_plus(request_, place, room(), name_.c_str(), &param,
                                     static_cast<off_t>(entry.next_cookie))))
      return false;
    // libfuse takes it from the attributes.
    const auto shown = static_cast<std::uint64_t>(entry.attributes.inode);
    std::memcpy(place + kInodeAt, shown == 0 ? &kUnknownInode : &shown, sizeof shown);
    if (counted) looked_up_.push_back(full.attributes.inode);
    return true;
  }

  std::span<const std::byte> bytes() const {
    return std::as_bytes(std::span(buffer_.data(), used_));
  }

  /// What nobody will get: the lookups that were counted for it go back.
  void take_back(fs::FileSystem& fs) {
    for (const InodeNumber inode : looked_up_) fs.forget(inode, 1);
    looked_up_.clear();
  }

 private:
  char* end() { return buffer_.data() + used_; }
  std::size_t room() const { return buffer_.size() - used_; }
  bool take(std::size_t size) {
    if (size > room()) return false;
    used_ += size;
    return true;
  }

  fuse_req_t request_;
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::string name_;
  std::vector<InodeNumber> looked_up_;
};

/// How much of a page an answer may be, whatever the caller offers.
constexpr std::size_t kPageSizeMax = std::size_t{1} << 20;

void answer_page(Call& call, Page page) {
  if (!std::move(call.reply()).bytes(page.bytes())) page.take_back(call.driver().file_system());
}

Result<Page> fill(fs::FileSystem& fs, const Context& context, HandleNumber handle, Page page,
                  std::uint64_t cookie) {
  auto done = fs.readdir(context, handle, cookie,
                         [&page](const fs::DirectoryEntry& entry) { return page.add(entry); });
  if (!done) return stsfs::fail(std::move(done.error()));
  return page;
}

Result<Page> fill_plus(fs::FileSystem& fs, const Context& context, HandleNumber handle, Page page,
                       std::uint64_t cookie) {
  auto done = fs.readdir_plus(context, handle, cookie,
                              [&page](const fs::DirectoryEntry& entry, const fs::Entry& full) {
                                return page.add(entry, full);
                              });
  if (done) return page;
  page.take_back(fs);
  return stsfs::fail(std::move(done.error()));
}

void readdir(fuse_req_t request, fuse_ino_t inode, std::size_t size, off_t offset,
             fuse_file_info* info) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<Page>(
      begin(request, "readdir", inode),
      [&fs = driver.file_system(), request, handle = handle_of(info),
       room = std::min(size, kPageSizeMax),
       cookie = static_cast<std::uint64_t>(offset)](const Context& context) {
        return fill(fs, context, handle, Page(request, room), cookie);
      },
      answer_page);
}

void readdirplus(fuse_req_t request, fuse_ino_t inode, std::size_t size, off_t offset,
                 fuse_file_info* info) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<Page>(
      begin(request, "readdirplus", inode),
      [&fs = driver.file_system(), request, handle = handle_of(info),
       room = std::min(size, kPageSizeMax),
       cookie = static_cast<std::uint64_t>(offset)](const Context& context) {
        return fill_plus(fs, context, handle, Page(request, room), cookie);
      },
      answer_page);
}

void releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) noexcept {
  driver_of(request).file_system().releasedir(handle_of(info));
  fuse_reply_err(request, 0);
}

}  // namespace

void add_directory_operations(fuse_lowlevel_ops& operations) {
  operations.opendir = opendir;
  operations.readdir = readdir;
  operations.readdirplus = readdirplus;
  operations.releasedir = releasedir;
}

}  // namespace stsfs::fuse
