// A disk for a test of what survives a loss of power: what was not synced is lost in part, whenever
// the test says so. It lies in this program's memory, and is mounted where the test wants it.
//
// usage: lossy_disk MOUNT_POINT
//
// Commands come on stdin, one a line, and each is answered by a line on stdout:
//
//   cut CALLS SEED UNIT_BYTES SURVIVAL_PERCENT NAMES_IN_ORDER
//             the power goes at the CALLS-th call from now on that changes or syncs something, and
//             takes the process that made the call along; 0: at once, and nobody with it
//   watch     what was changed until now is what `unsynced` is about
//   unsynced  the paths of what of that was not synced since
//   restart   unmounts; when the power was gone, what was lost is lost; mounts again
//   end
//
// From the cut to `restart` every call fails with EIO.

#define FUSE_USE_VERSION 31

#include <fuse.h>
#include <linux/falloc.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>

#include "disk.h"

namespace lossy_disk {
namespace {

// One of each, since libfuse calls plain functions; all under the mutex.
std::mutex mutex;
Disk disk;
std::optional<Loss> loss;  // of the cut that is to come, or has come
long calls_left = -1;
bool power_is_gone = false;

struct OpenNode {
  NodePointer node;
};

Node* opened(const fuse_file_info* info) {
  return info != nullptr && info->fh != 0 ? reinterpret_cast<OpenNode*>(info->fh)->node.get()
                                          : nullptr;
}

/// Of what is open the path may be gone.
NodePointer node_of(const char* path, const fuse_file_info* info) {
  if (opened(info) != nullptr) return reinterpret_cast<OpenNode*>(info->fh)->node;
  return path != nullptr ? disk.find(path) : nullptr;
}

/// The call that is about to change something is the last when its number has come.
bool power_holds() {
  if (!power_is_gone && calls_left > 0 && --calls_left == 0) {
    power_is_gone = true;
    if (const pid_t caller = fuse_get_context()->pid; caller > 1) kill(caller, SIGKILL);
  }
  return !power_is_gone;
}

template <class Work>
int look(Work work) noexcept {
  const std::lock_guard lock(mutex);
  return power_is_gone ? -EIO : work();
}

template <class Work>
int change(Work work) noexcept {
  const std::lock_guard lock(mutex);
  return power_holds() ? work() : -EIO;
}

// --- what is there ---

int op_getattr(const char* path, struct stat* out, fuse_file_info* info) {
  return look([&] {
    const NodePointer node = node_of(path, info);
    if (!node) return -ENOENT;
    *out = {};
    out->st_mode = node->mode;
    out->st_nlink = 1;
    out->st_size = static_cast<off_t>(node->bytes.size());
    out->st_blocks = static_cast<blkcnt_t>((node->bytes.size() + 511) / 512);
    return 0;
  });
}

int op_readdir(const char* path, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info* info,
               fuse_readdir_flags) {
  return look([&] {
    const NodePointer node = node_of(path, info);
    if (!node) return -ENOENT;
    for (const auto& [name, below] : node->names)
      fill(buffer, name.c_str(), nullptr, 0, static_cast<fuse_fill_dir_flags>(0));
    return 0;
  });
}

int op_statfs(const char*, struct statvfs* out) {
  *out = {};
  out->f_bsize = out->f_frsize = 4096;
  out->f_blocks = out->f_bfree = out->f_bavail = 1 << 20;
  out->f_namemax = 255;
  return 0;
}

// --- names ---

int make(const char* path, mode_t mode, fuse_file_info* info) {
  return change([&] {
    const auto [parent, name] = disk.split(path);
    if (!parent) return -ENOENT;
    const auto node = std::make_shared<Node>(mode);
    disk.name(*parent, {{name, node}});
    if (info != nullptr) info->fh = reinterpret_cast<std::uint64_t>(new OpenNode{node});
    return 0;
  });
}

int op_create(const char* path, mode_t mode, fuse_file_info* info) {
  return make(path, S_IFREG | mode, info);
}

int op_mkdir(const char* path, mode_t mode) { return make(path, S_IFDIR | mode, nullptr); }

int op_remove(const char* path) {
  return change([&] {
    const auto [parent, name] = disk.split(path);
    if (!parent || !parent->names.contains(name)) return -ENOENT;
    if (!parent->names.at(name)->names.empty()) return -ENOTEMPTY;
    disk.name(*parent, {{name, nullptr}});
    return 0;
  });
}

int op_rename(const char* from, const char* to, unsigned flags) {
  return change([&] {
    const auto [parent, old_name] = disk.split(from);
    const auto [target, new_name] = disk.split(to);
    if (flags != 0) return -EINVAL;
    if (parent != target) return -EXDEV;  // nobody here needs it
    disk.name(*parent, {{new_name, parent->names.at(old_name)}, {old_name, nullptr}});
    return 0;
  });
}

int op_chmod(const char* path, mode_t mode, fuse_file_info* info) {
  return change([&] {
    node_of(path, info)->mode = mode;  // at once: nobody's promises hang on it
    return 0;
  });
}

int op_chown(const char*, uid_t, gid_t, fuse_file_info*) { return 0; }
int op_utimens(const char*, const timespec*, fuse_file_info*) { return 0; }

// --- bytes ---

int op_open(const char* path, fuse_file_info* info) {
  return look([&] {
    const NodePointer node = disk.find(path);
    if (!node) return -ENOENT;
    info->fh = reinterpret_cast<std::uint64_t>(new OpenNode{node});
    return 0;
  });
}

int op_release(const char*, fuse_file_info* info) {
  const std::lock_guard lock(mutex);
  delete reinterpret_cast<OpenNode*>(info->fh);
  return 0;
}

int op_read(const char*, char* buffer, std::size_t size, off_t offset, fuse_file_info* info) {
  return look([&] {
    const std::string& bytes = opened(info)->bytes;
    const auto from = std::min(static_cast<std::size_t>(offset), bytes.size());
    const std::size_t length = std::min(size, bytes.size() - from);
    std::memcpy(buffer, bytes.data() + from, length);
    return static_cast<int>(length);
  });
}

int op_write(const char*, const char* bytes, std::size_t size, off_t offset, fuse_file_info* info) {
  return change([&] {
    disk.write(*opened(info), static_cast<std::uint64_t>(offset), std::string(bytes, size));
    return static_cast<int>(size);
  });
}

int op_truncate(const char* path, off_t size, fuse_file_info* info) {
  return change([&] {
    const NodePointer node = node_of(path, info);
    if (!node) return -ENOENT;
    disk.truncate(*node, static_cast<std::uint64_t>(size));
    return 0;
  });
}

int op_fallocate(const char*, int mode, off_t offset, off_t length, fuse_file_info* info) {
  return change([&] {
    if (mode == FALLOC_FL_KEEP_SIZE) return 0;
    if (mode != (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) return -EOPNOTSUPP;
    Node& file = *opened(info);
    const auto from = std::min(static_cast<std::size_t>(offset), file.bytes.size());
    const auto count = std::min(static_cast<std::size_t>(length), file.bytes.size() - from);
    disk.write(file, from, std::string(count, '\0'));
    return 0;
  });
}

int op_fsync(const char* path, int, fuse_file_info* info) {
  return change([&] {
    const NodePointer node = node_of(path, info);
    if (!node) return -ENOENT;
    disk.sync(*node);
    return 0;
  });
}

void* op_init(fuse_conn_info*, fuse_config* config) {
  config->hard_remove = 1;  // what is unlinked while open goes by its handle
  config->nullpath_ok = 1;
  return nullptr;
}

fuse_operations operations() {
  fuse_operations out{};
  out.init = op_init;
  out.getattr = op_getattr;
  out.opendir = op_open;
  out.readdir = op_readdir;
  out.releasedir = op_release;
  out.statfs = op_statfs;
  out.create = op_create;
  out.mkdir = op_mkdir;
  out.unlink = out.rmdir = op_remove;
  out.rename = op_rename;
  out.chmod = op_chmod;
  out.chown = op_chown;
  out.utimens = op_utimens;
  out.open = op_open;
  out.release = op_release;
  out.read = op_read;
  out.write = op_write;
  out.truncate = op_truncate;
  out.fallocate = op_fallocate;
  out.fsync = out.fsyncdir = op_fsync;
  return out;
}

/// The disk where programs find it. Ends when it is unmounted.
class Mount {
 public:
  explicit Mount(std::string where) : where_(std::move(where)) {
    std::string program = "lossy_disk", flag = "-o",
                options = "fsname=lossy_disk,default_permissions";
    char* arguments[] = {program.data(), flag.data(), options.data()};
    fuse_args args = FUSE_ARGS_INIT(3, arguments);
    const fuse_operations all = operations();
    fuse_ = fuse_new(&args, &all, sizeof(all), nullptr);
    fuse_opt_free_args(&args);
    mounted_ = fuse_ != nullptr && fuse_mount(fuse_, where_.c_str()) == 0;
    if (mounted_) loop_ = std::thread([this] { fuse_loop(fuse_); });
  }
  ~Mount() {
    // Whoever has something open on it is dead, or in its last breath.
    if (mounted_) umount2(where_.c_str(), MNT_DETACH);
    if (loop_.joinable()) loop_.join();
    if (mounted_) fuse_unmount(fuse_);
    if (fuse_ != nullptr) fuse_destroy(fuse_);
  }
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;

  bool mounted() const { return mounted_; }

 private:
  const std::string where_;
  fuse* fuse_ = nullptr;
  bool mounted_ = false;
  std::thread loop_;
};

void order_cut(std::istringstream& words) {
  const std::lock_guard lock(mutex);
  loss.emplace();
  words >> calls_left >> loss->seed >> loss->unit_bytes >> loss->survival_percent >>
      loss->names_in_order;
  disk.keep_names_in_order(loss->names_in_order);
  if (calls_left == 0) power_is_gone = true;
}

void power_comes_back() {
  const std::lock_guard lock(mutex);
  if (power_is_gone && loss) disk.lose(*loss);
  loss.reset();
  power_is_gone = false;
  calls_left = -1;
}

int serve(const std::string& where) {
  auto mount = std::make_unique<Mount>(where);
  std::cout << (mount->mounted() ? "mounted" : "failed") << std::endl;
  std::string line;
  while (mount->mounted() && std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "end") break;
    if (command == "cut") {
      order_cut(words);
      std::cout << "ordered" << std::endl;
    } else if (command == "watch") {
      const std::lock_guard lock(mutex);
      disk.watch();
      std::cout << "watching" << std::endl;
    } else if (command == "unsynced") {
      const std::lock_guard lock(mutex);
      for (const std::string& path : disk.unsynced()) std::cout << path << ' ';
      std::cout << std::endl;
    } else if (command == "restart") {
      mount.reset();
      power_comes_back();
      mount = std::make_unique<Mount>(where);
      std::cout << (mount->mounted() ? "mounted" : "failed") << std::endl;
    } else {
      std::cout << "unknown" << std::endl;
    }
  }
  return mount->mounted() ? 0 : 1;
}

}  // namespace
}  // namespace lossy_disk

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: lossy_disk MOUNT_POINT\n";
    return 2;
  }
  return lossy_disk::serve(arguments[1]);
}
