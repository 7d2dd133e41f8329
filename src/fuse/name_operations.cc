// Names: who is called what, in which directory.
#include <linux/fs.h>

#include <string>

#include "convert.h"
#include "operations.h"

namespace stsfs::fuse {
namespace {

using fs::Context;
using fs::Entry;
using fs::InodeNumber;

const auto kAnswerEntry = [](Call& call, Entry entry) { call.answer_entry(entry); };
const auto kAnswerOk = [](Call& call) { std::move(call.reply()).ok(); };

void lookup(fuse_req_t request, fuse_ino_t parent, const char* name) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<Entry>(
      begin(request, "lookup", parent),
      [&fs = driver.file_system(), parent, name = std::string(name)](const Context& context) {
        return fs.lookup(context, InodeNumber{parent}, name);
      },
      kAnswerEntry);
}

void forget(fuse_req_t request, fuse_ino_t inode, std::uint64_t count) noexcept {
  driver_of(request).file_system().forget(InodeNumber{inode}, count);
  fuse_reply_none(request);
}

void forget_multi(fuse_req_t request, std::size_t count, fuse_forget_data* forgets) noexcept {
  fs::FileSystem& fs = driver_of(request).file_system();
  for (std::size_t i = 0; i < count; ++i)
    fs.forget(InodeNumber{forgets[i].ino}, forgets[i].nlookup);
  fuse_reply_none(request);
}

void mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<Entry>(
      begin(request, "mkdir", parent),
      [&fs = driver.file_system(), parent, name = std::string(name), mode](const Context& context) {
        return fs.mkdir(context, InodeNumber{parent}, name, mode);
      },
      kAnswerEntry);
}

void mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
           dev_t rdev) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<Entry>(
      begin(request, "mknod", parent),
      [&fs = driver.file_system(), parent, name = std::string(name), mode,
       rdev](const Context& context) {
        return fs.mknod(context, InodeNumber{parent}, name, mode, rdev);
      },
      kAnswerEntry);
}

void symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<Entry>(
      begin(request, "symlink", parent),
      [&fs = driver.file_system(), parent, name = std::string(name),
       target = std::string(target)](const Context& context) {
        return fs.symlink(context, InodeNumber{parent}, name, target);
      },
      kAnswerEntry);
}

void link(fuse_req_t request, fuse_ino_t inode, fuse_ino_t new_parent, const char* name) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<Entry>(
      begin(request, "link", inode),
      [&fs = driver.file_system(), inode, new_parent,
       name = std::string(name)](const Context& context) {
        return fs.link(context, InodeNumber{inode}, InodeNumber{new_parent}, name);
      },
      kAnswerEntry);
}

void unlink(fuse_req_t request, fuse_ino_t parent, const char* name) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<void>(
      begin(request, "unlink", parent),
      [&fs = driver.file_system(), parent, name = std::string(name)](const Context& context) {
        return fs.unlink(context, InodeNumber{parent}, name);
      },
      kAnswerOk);
}

void rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<void>(
      begin(request, "rmdir", parent),
      [&fs = driver.file_system(), parent, name = std::string(name)](const Context& context) {
        return fs.rmdir(context, InodeNumber{parent}, name);
      },
      kAnswerOk);
}

std::optional<fs::RenameMode> rename_mode(unsigned flags) {
  switch (flags) {
    case 0:
      return fs::RenameMode::kReplace;
    case RENAME_NOREPLACE:
      return fs::RenameMode::kNoReplace;
    case RENAME_EXCHANGE:
      return fs::RenameMode::kExchange;
    default:
      return std::nullopt;
  }
}

void rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
            const char* new_name, unsigned flags) noexcept {
  const auto mode = rename_mode(flags);
  if (!mode) {
    fuse_reply_err(request, EINVAL);
    return;
  }
  Driver& driver = driver_of(request);
  driver.carry_out<void>(
      begin_long(request, "rename", parent),
      [&fs = driver.file_system(), parent, name = std::string(name), new_parent,
       new_name = std::string(new_name), mode = *mode](const Context& context) -> Result<void> {
        auto done =
            fs.rename(context, InodeNumber{parent}, name, InodeNumber{new_parent}, new_name, mode);
        // renameat2(2): a filesystem that does not support a flag says EINVAL; mv(1) relies on it.
        if (!done && done.error().code == Errc::kNotSupported && mode != fs::RenameMode::kReplace)
          return stsfs::fail(Errc::kInvalid, done.error().message);
        return done;
      },
      kAnswerOk);
}

void readlink(fuse_req_t request, fuse_ino_t inode) noexcept {
  Driver& driver = driver_of(request);
  driver.carry_out<std::string>(
      begin(request, "readlink", inode),
      [&fs = driver.file_system(), inode](const Context& context) {
        return fs.readlink(context, InodeNumber{inode});
      },
      [](Call& call, std::string target) { std::move(call.reply()).link(target); });
}

}  // namespace

void add_name_operations(fuse_lowlevel_ops& operations) {
  operations.lookup = lookup;
  operations.forget = forget;
  operations.forget_multi = forget_multi;
  operations.mkdir = mkdir;
  operations.mknod = mknod;
  operations.symlink = symlink;
  operations.link = link;
  operations.unlink = unlink;
  operations.rmdir = rmdir;
  operations.rename = rename;
  operations.readlink = readlink;
}

}  // namespace stsfs::fuse
