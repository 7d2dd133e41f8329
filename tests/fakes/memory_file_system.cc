#include "fakes/memory_file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <utility>

namespace stsfs::fs {
namespace {

using std::chrono::milliseconds;

WallTime now() { return system_clock().wall(); }
bool is_directory(mode_t mode) { return S_ISDIR(mode); }

std::span<const std::byte> slice(const std::string& bytes, ByteRange range) {
  if (range.offset >= bytes.size()) return {};
  const std::size_t length = std::min<std::uint64_t>(range.length, bytes.size() - range.offset);
  return std::as_bytes(std::span(bytes)).subspan(range.offset, length);
}

}  // namespace

MemoryFileSystem::MemoryFileSystem() {
  MutexLock lock(mutex_);
  Node& root = nodes_[InodeNumber::kRoot];
  root.attributes = {.inode = InodeNumber::kRoot,
                     .mode = S_IFDIR | 0777,
                     .link_count = 2,
                     .atime = now(),
                     .mtime = now(),
                     .ctime = now()};
}

// --- switches and sights ---

void MemoryFileSystem::fail_next(Errc code) {
  MutexLock lock(mutex_);
  fail_next_ = code;
}

void MemoryFileSystem::hold_reads() {
  MutexLock lock(mutex_);
  hold_reads_ = true;
}

void MemoryFileSystem::release_reads() {
  std::vector<std::uint64_t> numbers;
  {
    MutexLock lock(mutex_);
    hold_reads_ = false;
    for (const auto& [number, held] : held_) numbers.push_back(number);
  }
  for (const std::uint64_t number : numbers) end_held(number);
}

std::size_t MemoryFileSystem::reads_held() const {
  MutexLock lock(mutex_);
  return held_.size();
}

void MemoryFileSystem::await_reads_held(std::size_t count) {
  MutexLock lock(mutex_);
  while (held_.size() < count) changed_.wait(mutex_);
}

void MemoryFileSystem::hold_writers() {
  MutexLock lock(mutex_);
  hold_writers_ = true;
}

void MemoryFileSystem::release_writers() {
  std::vector<Callback<void>> held;
  {
    MutexLock lock(mutex_);
    hold_writers_ = false;
    held.swap(writers_held_);
  }
  for (auto& done : held) done({});
}

void MemoryFileSystem::await_writers_held(std::size_t count) {
  MutexLock lock(mutex_);
  while (writers_held_.size() < count) changed_.wait(mutex_);
}

void MemoryFileSystem::hold_lookups() {
  MutexLock lock(mutex_);
  hold_lookups_ = true;
}

void MemoryFileSystem::release_lookups() {
  MutexLock lock(mutex_);
  hold_lookups_ = false;
  changed_.notify_all();
}

bool MemoryFileSystem::await_lookups_held(std::size_t count, milliseconds most) {
  const auto until = std::chrono::steady_clock::now() + most;
  MutexLock lock(mutex_);
  while (lookups_held_ < count)
    if (changed_.wait_until(mutex_, until) == std::cv_status::timeout) return false;
  return true;
}

void MemoryFileSystem::await_handles_released() {
  MutexLock lock(mutex_);
  while (!handles_.empty()) changed_.wait(mutex_);
}

std::uint64_t MemoryFileSystem::lookups_of(InodeNumber inode) const {
  MutexLock lock(mutex_);
  const auto found = nodes_.find(inode);
  return found == nodes_.end() ? 0 : found->second.lookups;
}

std::vector<bool> MemoryFileSystem::held_at_close() const {
  MutexLock lock(mutex_);
  return held_at_close_;
}

Caller MemoryFileSystem::last_caller() const {
  MutexLock lock(mutex_);
  return last_caller_;
}

InodeNumber MemoryFileSystem::inode_named(const std::string& name) const {
  MutexLock lock(mutex_);
  return nodes_.at(InodeNumber::kRoot).children.at(name);
}

void MemoryFileSystem::replace_contents(const std::string& name, const std::string& bytes) {
  MutexLock lock(mutex_);
  Node& node = nodes_.at(nodes_.at(InodeNumber::kRoot).children.at(name));
  node.bytes = bytes;
  node.attributes.size_bytes = bytes.size();
}

// --- the tree ---

Result<void> MemoryFileSystem::enter(const Context& context) {
  if (waits_always && context.wait == Wait::kNever) return fail(Errc::kWouldWait, "told to");
  last_caller_ = context.caller;
  const Errc code = std::exchange(fail_next_, Errc::kWouldWait);
  if (code != Errc::kWouldWait) return fail(code, "told to fail");
  return {};
}

Entry MemoryFileSystem::entry_of(const Node& node) {
  return {.attributes = node.attributes,
          .entry_timeout = milliseconds(30'000),
          .attribute_timeout = milliseconds(30'000)};
}

Result<MemoryFileSystem::Node*> MemoryFileSystem::directory(InodeNumber inode) {
  const auto found = nodes_.find(inode);
  if (found == nodes_.end()) return fail(Errc::kStale, "no such inode");
  if (!is_directory(found->second.attributes.mode)) return fail(Errc::kNotDirectory, "a file");
  return &found->second;
}

Result<MemoryFileSystem::Node*> MemoryFileSystem::child(InodeNumber parent, std::string_view name) {
  auto node = directory(parent);
  if (!node) return node;
  const auto found = (*node)->children.find(name);
  if (found == (*node)->children.end()) return fail(Errc::kNotFound, std::string(name));
  return &nodes_.at(found->second);
}

Result<MemoryFileSystem::Node*> MemoryFileSystem::of(HandleNumber handle) {
  const auto found = handles_.find(handle);
  if (found == handles_.end()) return fail(Errc::kBadHandle, "no such handle");
  return &nodes_.at(found->second);
}

HandleNumber MemoryFileSystem::new_handle(InodeNumber inode) {
  const auto handle = HandleNumber{next_++};
  handles_[handle] = inode;
  return handle;
}

Result<Entry> MemoryFileSystem::make(const Context& context, InodeNumber parent,
                                     std::string_view name, mode_t mode, std::string bytes) {
  if (auto ready = enter(context); !ready) return fail(std::move(ready.error()));
  auto node = directory(parent);
  if (!node) return fail(std::move(node.error()));
  if ((*node)->children.count(std::string(name)) != 0)
    return fail(Errc::kExists, std::string(name));
  const auto inode = InodeNumber{next_++};
  (*node)->children[std::string(name)] = inode;
  Node& made = nodes_[inode];
  made.attributes = {.inode = inode,
                     .mode = mode,
                     .link_count = is_directory(mode) ? 2U : 1U,
                     .uid = context.caller.uid,
                     .gid = context.caller.gid,
                     .size_bytes = bytes.size(),
                     .atime = now(),
                     .mtime = now(),
                     .ctime = now()};
  made.bytes = std::move(bytes);
  made.lookups = 1;
  return entry_of(made);
}

Result<Entry> MemoryFileSystem::lookup(const Context& context, InodeNumber parent,
                                       std::string_view name) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return fail(std::move(ready.error()));
  if (hold_lookups_ && context.wait != Wait::kNever) {
    ++lookups_held_;
    changed_.notify_all();
    while (hold_lookups_) changed_.wait(mutex_);
    --lookups_held_;
  }
  auto node = child(parent, name);
  if (!node) return fail(std::move(node.error()));
  ++(*node)->lookups;
  return entry_of(**node);
}

void MemoryFileSystem::forget(InodeNumber inode, std::uint64_t count) {
  MutexLock lock(mutex_);
  const auto found = nodes_.find(inode);
  if (found != nodes_.end()) found->second.lookups -= count;
}

Result<Entry> MemoryFileSystem::mkdir(const Context& context, InodeNumber parent,
                                      std::string_view name, mode_t mode) {
  MutexLock lock(mutex_);
  return make(context, parent, name, S_IFDIR | mode, {});
}

Result<Entry> MemoryFileSystem::mknod(const Context& context, InodeNumber parent,
                                      std::string_view name, mode_t mode, dev_t) {
  MutexLock lock(mutex_);
  return make(context, parent, name, mode, {});
}

Result<Entry> MemoryFileSystem::symlink(const Context& context, InodeNumber parent,
                                        std::string_view name, std::string_view target) {
  MutexLock lock(mutex_);
  return make(context, parent, name, S_IFLNK | 0777, std::string(target));
}

Result<Entry> MemoryFileSystem::link(const Context&, InodeNumber, InodeNumber, std::string_view) {
  return fail(Errc::kNotPermitted, "no hard links");
}

Result<void> MemoryFileSystem::unlink(const Context& context, InodeNumber parent,
                                      std::string_view name) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return ready;
  auto node = child(parent, name);
  if (!node) return fail(std::move(node.error()));
  nodes_.at(parent).children.erase(std::string(name));
  return {};
}

Result<void> MemoryFileSystem::rmdir(const Context& context, InodeNumber parent,
                                     std::string_view name) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return ready;
  auto node = child(parent, name);
  if (!node) return fail(std::move(node.error()));
  if (!is_directory((*node)->attributes.mode)) return fail(Errc::kNotDirectory, "a file");
  if (!(*node)->children.empty()) return fail(Errc::kNotEmpty, "not empty");
  nodes_.at(parent).children.erase(std::string(name));
  return {};
}

Result<void> MemoryFileSystem::rename(const Context& context, InodeNumber parent,
                                      std::string_view name, InodeNumber new_parent,
                                      std::string_view new_name, RenameMode mode) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return ready;
  if (mode == RenameMode::kExchange) return fail(Errc::kNotSupported, "exchange");
  auto node = child(parent, name);
  if (!node) return fail(std::move(node.error()));
  if (mode == RenameMode::kNoReplace && child(new_parent, new_name))
    return fail(Errc::kExists, std::string(new_name));
  nodes_.at(parent).children.erase(std::string(name));
  nodes_.at(new_parent).children[std::string(new_name)] = (*node)->attributes.inode;
  return {};
}

Result<std::string> MemoryFileSystem::readlink(const Context& context, InodeNumber inode) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return fail(std::move(ready.error()));
  return nodes_.at(inode).bytes;
}

// --- attributes ---

Result<Entry> MemoryFileSystem::getattr(const Context& context, InodeNumber inode) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return fail(std::move(ready.error()));
  return entry_of(nodes_.at(inode));
}

Result<Entry> MemoryFileSystem::setattr(const Context& context, InodeNumber inode,
                                        std::optional<HandleNumber>,
                                        const AttributeChange& change) {
  const auto time = [](const std::variant<Now, WallTime>& wanted) {
    return std::holds_alternative<Now>(wanted) ? now() : std::get<WallTime>(wanted);
  };
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return fail(std::move(ready.error()));
  Node& node = nodes_.at(inode);
  Attributes& attributes = node.attributes;
  if (change.mode) attributes.mode = (attributes.mode & S_IFMT) | *change.mode;
  if (change.uid) attributes.uid = *change.uid;
  if (change.gid) attributes.gid = *change.gid;
  if (change.size_bytes) node.bytes.resize(*change.size_bytes);
  if (change.size_bytes) attributes.size_bytes = *change.size_bytes;
  if (change.atime) attributes.atime = time(*change.atime);
  if (change.mtime) attributes.mtime = time(*change.mtime);
  return entry_of(node);
}

Result<Statistics> MemoryFileSystem::statfs(const Context& context) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return fail(std::move(ready.error()));
  return Statistics{.total_bytes = 1 << 30, .free_bytes = 1 << 29, .files = nodes_.size()};
}

Result<std::string> MemoryFileSystem::getxattr(const Context& context, InodeNumber inode,
                                               std::string_view name) {
  ++xattr_questions_;
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return fail(std::move(ready.error()));
  const auto& xattrs = nodes_.at(inode).xattrs;
  const auto found = xattrs.find(name);
  if (found == xattrs.end()) return fail(Errc::kNoAttribute, std::string(name));
  return found->second;
}

Result<std::string> MemoryFileSystem::listxattr(const Context& context, InodeNumber inode) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return fail(std::move(ready.error()));
  std::string names;
  for (const auto& [name, value] : nodes_.at(inode).xattrs) names += name + '\0';
  return names;
}

Result<void> MemoryFileSystem::setxattr(const Context& context, InodeNumber inode,
                                        std::string_view name, std::string_view value, int flags) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return ready;
  auto& xattrs = nodes_.at(inode).xattrs;
  const bool there = xattrs.count(std::string(name)) != 0;
  if (there && (flags & XATTR_CREATE) != 0) return fail(Errc::kExists, "attribute");
  if (!there && (flags & XATTR_REPLACE) != 0) return fail(Errc::kNoAttribute, "attribute");
  xattrs[std::string(name)] = std::string(value);
  return {};
}

Result<void> MemoryFileSystem::removexattr(const Context& context, InodeNumber inode,
                                           std::string_view name) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return ready;
  if (nodes_.at(inode).xattrs.erase(std::string(name)) == 0)
    return fail(Errc::kNoAttribute, std::string(name));
  return {};
}

// --- files ---

Result<Opened> MemoryFileSystem::open(const Context& context, InodeNumber inode, int flags) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return fail(std::move(ready.error()));
  Node& node = nodes_.at(inode);
  if (flags & O_TRUNC) {
    node.bytes.clear();
    node.attributes.size_bytes = 0;
  }
  return Opened{.handle = new_handle(inode), .keep_cache = true, .direct_io = direct_io};
}

Result<std::pair<Entry, Opened>> MemoryFileSystem::create(const Context& context,
                                                          InodeNumber parent, std::string_view name,
                                                          mode_t mode, int) {
  MutexLock lock(mutex_);
  auto entry = make(context, parent, name, mode, {});
  if (!entry) return fail(std::move(entry.error()));
  return std::pair(*entry, Opened{.handle = new_handle(entry->attributes.inode)});
}

void MemoryFileSystem::end_held(std::uint64_t number) {
  HeldRead held;
  std::string copy;
  {
    MutexLock lock(mutex_);
    auto node = held_.extract(number);
    if (node.empty()) return;
    held = std::move(node.mapped());
    changed_.notify_all();
    if (auto file = of(held.handle)) {  // else the reader was interrupted and has closed it
      const auto bytes = slice((*file)->bytes, held.range);
      copy.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  }
  held.done(std::as_bytes(std::span(copy)));
}

void MemoryFileSystem::read(const Context& context, HandleNumber handle, ByteRange range,
                            Callback<std::span<const std::byte>> done) {
  std::string copy;
  std::uint64_t number = 0;
  {
    MutexLock lock(mutex_);
    if (auto ready = enter(context); !ready) return done(fail(std::move(ready.error())));
    auto node = of(handle);
    if (!node) return done(fail(std::move(node.error())));
    if (hold_reads_) {
      number = next_++;
      held_[number] = {handle, range, std::move(done)};
      changed_.notify_all();
    } else {
      const auto bytes = slice((*node)->bytes, range);
      copy.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  }
  if (number == 0) done(std::as_bytes(std::span(copy)));
}

Result<std::size_t> MemoryFileSystem::write(const Context& context, HandleNumber handle,
                                            std::span<const std::byte> bytes,
                                            std::uint64_t offset) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return fail(std::move(ready.error()));
  auto node = of(handle);
  if (!node) return fail(std::move(node.error()));
  std::string& contents = (*node)->bytes;
  if (contents.size() < offset + bytes.size()) contents.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(),
            reinterpret_cast<std::byte*>(contents.data()) + static_cast<std::ptrdiff_t>(offset));
  (*node)->attributes.size_bytes = contents.size();
  (*node)->attributes.mtime = now();
  return bytes.size();
}

Result<void> MemoryFileSystem::write_back(const Context& context, HandleNumber handle,
                                          std::span<const std::byte> bytes, std::uint64_t offset) {
  auto written = write(context, handle, bytes, offset);
  if (!written) return fail(std::move(written.error()));
  return {};
}

void MemoryFileSystem::pace(Callback<void> done) {
  {
    MutexLock lock(mutex_);
    if (hold_writers_) {
      writers_held_.push_back(std::move(done));
      changed_.notify_all();
      return;
    }
  }
  done({});
}

Result<std::uint64_t> MemoryFileSystem::copy_range(const Context& context, HandleNumber from,
                                                   ByteRange range, HandleNumber to,
                                                   std::uint64_t to_offset) {
  std::string bytes;
  {
    MutexLock lock(mutex_);
    auto node = of(from);
    if (!node) return fail(std::move(node.error()));
    if (range.offset < (*node)->bytes.size())
      bytes = (*node)->bytes.substr(range.offset, range.length);
  }
  auto written = write(context, to, std::as_bytes(std::span(bytes)), to_offset);
  if (!written) return fail(std::move(written.error()));
  return *written;
}

Result<void> MemoryFileSystem::allocate(const Context& context, HandleNumber handle,
                                        ByteRange range, Allocation kind) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return ready;
  auto node = of(handle);
  if (!node) return fail(std::move(node.error()));
  std::string& bytes = (*node)->bytes;
  if (kind == Allocation::kReserve) return {};
  if (kind != Allocation::kPunch && bytes.size() < range.end()) bytes.resize(range.end());
  if (kind != Allocation::kExtend)
    for (std::uint64_t i = range.offset; i < range.end() && i < bytes.size(); ++i) bytes[i] = 0;
  (*node)->attributes.size_bytes = bytes.size();
  return {};
}

Result<std::optional<std::uint64_t>> MemoryFileSystem::seek(const Context&, HandleNumber handle,
                                                            std::uint64_t offset, SeekTo what) {
  MutexLock lock(mutex_);
  auto node = of(handle);
  if (!node) return fail(std::move(node.error()));
  const std::uint64_t size = (*node)->bytes.size();
  if (offset >= size) return std::nullopt;
  return what == SeekTo::kData ? offset : size;  // no holes here
}

void MemoryFileSystem::flush(const Context& context, HandleNumber, const HoldsForWriting& holds,
                             Callback<void> done) {
  const bool held = holds(context.caller.pid);
  Result<void> ready;
  {
    MutexLock lock(mutex_);
    held_at_close_.push_back(held);
    ready = enter(context);
  }
  done(std::move(ready));
}

void MemoryFileSystem::fsync(const Context& context, HandleNumber, bool, Callback<void> done) {
  fsyncdir(context, std::move(done));
}

void MemoryFileSystem::fsyncdir(const Context& context, Callback<void> done) {
  Result<void> ready;
  {
    MutexLock lock(mutex_);
    ready = enter(context);
  }
  done(std::move(ready));
}

void MemoryFileSystem::release(HandleNumber handle) {
  MutexLock lock(mutex_);
  handles_.erase(handle);
  changed_.notify_all();
}

// --- directories ---

Result<HandleNumber> MemoryFileSystem::opendir(const Context& context, InodeNumber inode) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return fail(std::move(ready.error()));
  return new_handle(inode);
}

std::vector<std::pair<std::string, InodeNumber>> MemoryFileSystem::listing(HandleNumber handle) {
  const InodeNumber inode = handles_.at(handle);
  std::vector<std::pair<std::string, InodeNumber>> out{{".", inode}, {"..", inode}};
  for (const auto& [name, number] : nodes_.at(inode).children) out.emplace_back(name, number);
  return out;
}

Result<void> MemoryFileSystem::readdir(const Context& context, HandleNumber handle,
                                       std::uint64_t cookie, const DirectorySink& sink) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return ready;
  const auto entries = listing(handle);
  for (std::size_t i = cookie; i < entries.size(); ++i)
    if (!sink({entries[i].first, i + 1, nodes_.at(entries[i].second).attributes})) break;
  return {};
}

Result<void> MemoryFileSystem::readdir_plus(
    const Context& context, HandleNumber handle, std::uint64_t cookie,
    const std::function<bool(const DirectoryEntry&, const Entry&)>& sink) {
  MutexLock lock(mutex_);
  if (auto ready = enter(context); !ready) return ready;
  const auto entries = listing(handle);
  for (std::size_t i = cookie; i < entries.size(); ++i) {
    Node& node = nodes_.at(entries[i].second);
    if (!sink({entries[i].first, i + 1, node.attributes}, entry_of(node))) break;
    if (i >= 2) ++node.lookups;
  }
  return {};
}

void MemoryFileSystem::releasedir(HandleNumber handle) { release(handle); }

}  // namespace stsfs::fs
