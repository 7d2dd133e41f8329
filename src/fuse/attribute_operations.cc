// Attributes of inodes and of the whole mount, extended ones included.
#include <string>
#include <string_view>

#include "convert.h"
#include "operations.h"
#include "raw_request.h"
#include "set_id.h"
#include "stsfs/base/text.h"

namespace stsfs::fuse {
namespace {

using fs::Context;
using fs::Entry;
using fs::InodeNumber;

void getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<Entry>(
      begin(request, "getattr", inode),
      [&fs = driver.file_system(), inode](const Context& context) {
        return fs.getattr(context, InodeNumber{inode});
      },
      [](Call& call, const Entry& entry) { call.answer_attributes(entry); });
}

void setattr(fuse_req_t request, fuse_ino_t inode, struct stat* wanted, int to_set,
             fuse_file_info* info) noexcept {
  Driver& driver = driver_of(request);
  std::optional<fs::HandleNumber> handle;
  if (info != nullptr) handle = handle_of(info);
  driver.carry_out<Entry>(
      begin(request, "setattr", inode),
      [&fs = driver.file_system(), inode, handle, wanted = to_change(*wanted, to_set),
       kill = current_kills_set_id()](const Context& context) -> Result<Entry> {
        auto change = with_set_id_cleared(fs, context, InodeNumber{inode}, wanted, kill);
        if (!change) return stsfs::fail(std::move(change.error()));
        return fs.setattr(context, InodeNumber{inode}, handle, *change);
      },
      [](Call& call, const Entry& entry) { call.answer_attributes(entry); });
}

void statfs(fuse_req_t request, fuse_ino_t inode) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<fs::Statistics>(
      begin(request, "statfs", inode),
      [&fs = driver.file_system()](const Context& context) { return fs.statfs(context); },
      [](Call& call, const fs::Statistics& statistics) {
        std::move(call.reply()).statistics(to_statvfs(statistics));
      });
}

// --- extended attributes ---

// The kernel and every `ls -l` ask for security.… and system.… attributes, the kernel before
// writes. No object ever has them: they are neither looked up nor stored.
bool is_never_stored(std::string_view name) { return !name.starts_with("user."); }

/// Told that there is none of an access list or a label, `ls -l` asks for those of the next file;
/// told that there are none on this mount, no more. Capabilities the kernel is to take for absent.
int why_absent(std::string_view name) {
  return name == "security.capability" ? ENODATA : EOPNOTSUPP;
}

/// How the kernel takes a value: its size when it asks with none, else the value if it fits.
void answer_value(Call& call, const std::string& value, std::size_t room) {
  if (room == 0) return std::move(call.reply()).xattr_size(value.size());
  if (value.size() > room) return std::move(call.reply()).error(ERANGE);
  std::move(call.reply()).bytes(as_bytes(value));
}

void getxattr(fuse_req_t request, fuse_ino_t inode, const char* name, std::size_t size) noexcept {
  if (is_never_stored(name)) {
    fuse_reply_err(request, why_absent(name));
    return;
  }
  Driver& driver = driver_of(request);
  driver.carry_out<std::string>(
      begin(request, "getxattr", inode),
      [&fs = driver.file_system(), inode, name = std::string(name)](const Context& context) {
        return fs.getxattr(context, InodeNumber{inode}, name);
      },
      [size](Call& call, const std::string& value) { answer_value(call, value, size); });
}

void listxattr(fuse_req_t request, fuse_ino_t inode, std::size_t size) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<std::string>(
      begin(request, "listxattr", inode),
      [&fs = driver.file_system(), inode](const Context& context) {
        return fs.listxattr(context, InodeNumber{inode});
      },
      [size](Call& call, const std::string& names) { answer_value(call, names, size); });
}

void setxattr(fuse_req_t request, fuse_ino_t inode, const char* name, const char* value,
              std::size_t size, int flags) noexcept {
  if (is_never_stored(name)) {
    fuse_reply_err(request, EOPNOTSUPP);
    return;
  }
  if (size > fs::kExtendedAttributeMax) {
    fuse_reply_err(request, E2BIG);  // ENOSPC is for what fits an object without others
    return;
  }
  Driver& driver = driver_of(request);
  driver.carry_out<void>(
      begin(request, "setxattr", inode),
      [&fs = driver.file_system(), inode, name = std::string(name),
       value = std::string(value, size), flags](const Context& context) {
        return fs.setxattr(context, InodeNumber{inode}, name, value, flags);
      },
      [](Call& call) { std::move(call.reply()).ok(); });
}

void removexattr(fuse_req_t request, fuse_ino_t inode, const char* name) noexcept {
  if (is_never_stored(name)) {
    fuse_reply_err(request, ENODATA);
    return;
  }
  Driver& driver = driver_of(request);
  driver.carry_out<void>(
      begin(request, "removexattr", inode),
      [&fs = driver.file_system(), inode, name = std::string(name)](const Context& context) {
        return fs.removexattr(context, InodeNumber{inode}, name);
      },
      [](Call& call) { std::move(call.reply()).ok(); });
}

}  // namespace

void add_attribute_operations(fuse_lowlevel_ops& operations) {
  operations.getattr = getattr;
  operations.setattr = setattr;
  operations.statfs = statfs;
  operations.getxattr = getxattr;
  operations.listxattr = listxattr;
  operations.setxattr = setxattr;
  operations.removexattr = removexattr;
}

}  // namespace stsfs::fuse
