// The ceiling of FUSE: a filesystem that does nothing but pass on to a directory. What stsfs loses
// against it, it loses by itself; what both lose against that directory is the price of the
// kernel's way to user space.
//
// usage: passthrough DIRECTORY MOUNT_POINT
//
// In the foreground, until it is unmounted. libfuse's own threads answer; the kernel keeps pages
// and names; an inode is a descriptor opened with O_PATH, and its number is its address.

#define FUSE_USE_VERSION 314

#include <dirent.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr double kKept = 60;  // seconds; nobody else changes the directory

struct Inode {
  explicit Inode(int descriptor) : fd(descriptor) {}
  ~Inode() { close(fd); }
  Inode(const Inode&) = delete;
  Inode& operator=(const Inode&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(fd); }

  const int fd;               // O_PATH
  std::uint64_t lookups = 0;  // under the mutex of the table
};

using Identity = std::pair<dev_t, ino_t>;

// What the kernel knows. One instance, since libfuse calls plain functions.
std::mutex table_mutex;
std::map<Identity, std::unique_ptr<Inode>> table;
Inode* root = nullptr;

Inode& inode_of(fuse_ino_t number) {
  return number == FUSE_ROOT_ID ? *root : *reinterpret_cast<Inode*>(number);
}

/// The entry of `name`, counted as one more lookup; 0 or an errno.
int look_up(fuse_ino_t parent, const char* name, fuse_entry_param& entry) {
  entry = {};
  entry.attr_timeout = entry.entry_timeout = kKept;
  const int fd = openat(inode_of(parent).fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  auto fresh = std::make_unique<Inode>(fd);
  if (fstatat(fd, "", &entry.attr, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) return errno;
  const std::lock_guard lock(table_mutex);
  std::unique_ptr<Inode>& place = table[{entry.attr.st_dev, entry.attr.st_ino}];
  if (!place) place = std::move(fresh);
  ++place->lookups;
  entry.ino = reinterpret_cast<fuse_ino_t>(place.get());
  return 0;
}

void forget(fuse_ino_t number, std::uint64_t count) {
  if (number == FUSE_ROOT_ID) return;
  Inode& inode = inode_of(number);
  struct stat attributes {};
  fstatat(inode.fd, "", &attributes, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
  const std::lock_guard lock(table_mutex);
  inode.lookups -= count;
  if (inode.lookups == 0) table.erase({attributes.st_dev, attributes.st_ino});
}

void answer_entry(fuse_req_t request, fuse_ino_t parent, const char* name) {
  fuse_entry_param entry;
  if (const int error = look_up(parent, name, entry); error != 0)
    fuse_reply_err(request, error);
  else
    fuse_reply_entry(request, &entry);
}

/// For what gives -1 and errno.
void answer(fuse_req_t request, int result) { fuse_reply_err(request, result < 0 ? errno : 0); }

// --- names ---

void op_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  fuse_entry_param entry;
  const int error = look_up(parent, name, entry);
  if (error != 0 && error != ENOENT) {
    fuse_reply_err(request, error);
    return;
  }
  fuse_reply_entry(request,
                   &entry);  // of number 0: there is none, and the kernel may remember that
}

void op_forget(fuse_req_t request, fuse_ino_t number, std::uint64_t count) {
  forget(number, count);
  fuse_reply_none(request);
}

void op_forget_multi(fuse_req_t request, std::size_t count, fuse_forget_data* forgets) {
  for (std::size_t i = 0; i < count; ++i) forget(forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(request);
}

void op_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  if (mkdirat(inode_of(parent).fd, name, mode) != 0)
    answer(request, -1);
  else
    answer_entry(request, parent, name);
}

void op_symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
  if (symlinkat(target, inode_of(parent).fd, name) != 0)
    answer(request, -1);
  else
    answer_entry(request, parent, name);
}

void op_readlink(fuse_req_t request, fuse_ino_t number) {
  char target[PATH_MAX + 1];
  const ssize_t size = readlinkat(inode_of(number).fd, "", target, PATH_MAX);
  if (size < 0) {
    answer(request, -1);
    return;
  }
  target[size] = '\0';
  fuse_reply_readlink(request, target);
}

void op_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  answer(request, unlinkat(inode_of(parent).fd, name, 0));
}

void op_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
  answer(request, unlinkat(inode_of(parent).fd, name, AT_REMOVEDIR));
}

void op_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned flags) {
  answer(request, renameat2(inode_of(parent).fd, name, inode_of(new_parent).fd, new_name, flags));
}

// --- attributes ---

void op_getattr(fuse_req_t request, fuse_ino_t number, fuse_file_info*) {
  struct stat attributes {};
  if (fstatat(inode_of(number).fd, "", &attributes, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0)
    answer(request, -1);
  else
    fuse_reply_attr(request, &attributes, kKept);
}

timespec time_to_set(int to_set, int now, int given, const timespec& value) {
  if ((to_set & now) != 0) return {0, UTIME_NOW};
  return (to_set & given) != 0 ? value : timespec{0, UTIME_OMIT};
}

int set_attributes(const Inode& inode, const struct stat& wanted, int to_set) {
  const std::string path = inode.path();
  if ((to_set & FUSE_SET_ATTR_MODE) != 0 && chmod(path.c_str(), wanted.st_mode) != 0) return -1;
  if ((to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) != 0) {
    const uid_t uid = (to_set & FUSE_SET_ATTR_UID) != 0 ? wanted.st_uid : static_cast<uid_t>(-1);
    const gid_t gid = (to_set & FUSE_SET_ATTR_GID) != 0 ? wanted.st_gid : static_cast<gid_t>(-1);
    if (fchownat(inode.fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) return -1;
  }
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0 && truncate(path.c_str(), wanted.st_size) != 0) return -1;
  const timespec times[2] = {
      time_to_set(to_set, FUSE_SET_ATTR_ATIME_NOW, FUSE_SET_ATTR_ATIME, wanted.st_atim),
      time_to_set(to_set, FUSE_SET_ATTR_MTIME_NOW, FUSE_SET_ATTR_MTIME, wanted.st_mtim)};
  if (times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT) return 0;
  return utimensat(AT_FDCWD, path.c_str(), times, 0);
}

void op_setattr(fuse_req_t request, fuse_ino_t number, struct stat* wanted, int to_set,
                fuse_file_info* info) {
  if (set_attributes(inode_of(number), *wanted, to_set) != 0)
    answer(request, -1);
  else
    op_getattr(request, number, info);
}

// --- files ---

void op_create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* info) {
  const int fd = openat(inode_of(parent).fd, name, (info->flags | O_CREAT) & ~O_NOFOLLOW, mode);
  fuse_entry_param entry;
  const int error = fd < 0 ? errno : look_up(parent, name, entry);
  if (error != 0) {
    if (fd >= 0) close(fd);
    fuse_reply_err(request, error);
    return;
  }
  info->fh = static_cast<std::uint64_t>(fd);
  info->keep_cache = 1;
  fuse_reply_create(request, &entry, info);
}

void op_open(fuse_req_t request, fuse_ino_t number, fuse_file_info* info) {
  const int fd = open(inode_of(number).path().c_str(), info->flags & ~O_NOFOLLOW);
  if (fd < 0) {
    answer(request, -1);
    return;
  }
  info->fh = static_cast<std::uint64_t>(fd);
  info->keep_cache = 1;
  fuse_reply_open(request, info);
}

/// FUSE_BUFVEC_INIT is C.
fuse_bufvec range_of(const fuse_file_info& info, std::size_t size, off_t offset) {
  fuse_bufvec out{};
  out.count = 1;
  out.buf[0].size = size;
  out.buf[0].flags = static_cast<fuse_buf_flags>(FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK);
  out.buf[0].fd = static_cast<int>(info.fh);
  out.buf[0].pos = offset;
  return out;
}

void op_read(fuse_req_t request, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) {
  fuse_bufvec from = range_of(*info, size, offset);
  fuse_reply_data(request, &from, FUSE_BUF_SPLICE_MOVE);
}

void op_write_buf(fuse_req_t request, fuse_ino_t, fuse_bufvec* from, off_t offset,
                  fuse_file_info* info) {
  fuse_bufvec to = range_of(*info, fuse_buf_size(from), offset);
  const ssize_t written = fuse_buf_copy(&to, from, static_cast<fuse_buf_copy_flags>(0));
  if (written < 0)
    fuse_reply_err(request, static_cast<int>(-written));
  else
    fuse_reply_write(request, static_cast<std::size_t>(written));
}

void op_copy_file_range(fuse_req_t request, fuse_ino_t, off_t from, fuse_file_info* from_info,
                        fuse_ino_t, off_t to, fuse_file_info* to_info, std::size_t size,
                        int flags) {
  const ssize_t copied =
      copy_file_range(static_cast<int>(from_info->fh), &from, static_cast<int>(to_info->fh), &to,
                      size, static_cast<unsigned>(flags));
  if (copied < 0)
    answer(request, -1);
  else
    fuse_reply_write(request, static_cast<std::size_t>(copied));
}

void op_flush(fuse_req_t request, fuse_ino_t, fuse_file_info*) { fuse_reply_err(request, 0); }

void op_fsync(fuse_req_t request, fuse_ino_t, int, fuse_file_info* info) {
  answer(request, fsync(static_cast<int>(info->fh)));
}

void op_release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  answer(request, close(static_cast<int>(info->fh)));
}

// --- directories ---

DIR* stream_of(const fuse_file_info* info) { return reinterpret_cast<DIR*>(info->fh); }

void op_opendir(fuse_req_t request, fuse_ino_t number, fuse_file_info* info) {
  const int fd = openat(inode_of(number).fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = fd < 0 ? nullptr : fdopendir(fd);
  if (stream == nullptr) {
    answer(request, -1);
    if (fd >= 0) close(fd);
    return;
  }
  info->fh = reinterpret_cast<std::uint64_t>(stream);
  info->cache_readdir = info->keep_cache = 1;
  fuse_reply_open(request, info);
}

/// As many entries as fit into `size` bytes, each with its attributes and counted as a lookup.
void op_readdirplus(fuse_req_t request, fuse_ino_t number, std::size_t size, off_t offset,
                    fuse_file_info* info) {
  DIR* stream = stream_of(info);
  seekdir(stream, offset);
  std::vector<char> out(size);
  std::size_t used = 0;
  while (const dirent* found = readdir(stream)) {
    const std::string name = found->d_name;
    fuse_entry_param entry{};
    entry.attr.st_ino = found->d_ino;
    entry.attr.st_mode = static_cast<mode_t>(found->d_type) << 12;
    const bool is_itself = name == "." || name == "..";
    if (!is_itself && look_up(number, name.c_str(), entry) != 0) continue;
    const std::size_t wanted = fuse_add_direntry_plus(request, out.data() + used, size - used,
                                                      name.c_str(), &entry, found->d_off);
    if (wanted > size - used) {
      if (!is_itself) forget(entry.ino, 1);
      break;
    }
    used += wanted;
  }
  fuse_reply_buf(request, out.data(), used);
}

void op_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  answer(request, closedir(stream_of(info)));
}

fuse_lowlevel_ops operations() {
  fuse_lowlevel_ops out{};
  out.lookup = op_lookup;
  out.forget = op_forget;
  out.forget_multi = op_forget_multi;
  out.mkdir = op_mkdir;
  out.symlink = op_symlink;
  out.readlink = op_readlink;
  out.unlink = op_unlink;
  out.rmdir = op_rmdir;
  out.rename = op_rename;
  out.getattr = op_getattr;
  out.setattr = op_setattr;
  out.create = op_create;
  out.open = op_open;
  out.read = op_read;
  out.write_buf = op_write_buf;
  out.copy_file_range = op_copy_file_range;
  out.flush = op_flush;
  out.fsync = op_fsync;
  out.release = op_release;
  out.opendir = op_opendir;
  out.readdirplus = op_readdirplus;
  out.releasedir = op_releasedir;
  return out;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: %s DIRECTORY MOUNT_POINT\n", arguments[0]);
    return 2;
  }
  const int fd = open(arguments[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    std::fprintf(stderr, "%s: %s\n", arguments[1], std::strerror(errno));
    return 1;
  }
  Inode top(fd);
  root = &top;
  umask(0);

  fuse_args options = FUSE_ARGS_INIT(0, nullptr);
  fuse_opt_add_arg(&options, arguments[0]);
  fuse_opt_add_arg(&options, "-ofsname=passthrough,default_permissions");
  const fuse_lowlevel_ops table_of_operations = operations();
  fuse_session* session =
      fuse_session_new(&options, &table_of_operations, sizeof table_of_operations, nullptr);
  fuse_opt_free_args(&options);
  if (session == nullptr) return 1;
  int result = 1;
  if (fuse_set_signal_handlers(session) == 0 && fuse_session_mount(session, arguments[2]) == 0) {
    fuse_loop_config* loop = fuse_loop_cfg_create();
    result = fuse_session_loop_mt(session, loop) == 0 ? 0 : 1;
    fuse_loop_cfg_destroy(loop);
    fuse_session_unmount(session);
  }
  fuse_remove_signal_handlers(session);
  fuse_session_destroy(session);
  table.clear();
  return result;
}
