#include "tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <tuple>

#include "naming/key_space.h"

namespace stsfs::fs {
namespace {

/// So many later nothing is under way any more.
constexpr std::size_t kRetiredMax = 100'000;

std::uint64_t raw(InodeNumber number) { return static_cast<std::uint64_t>(number); }

}  // namespace

Tree::Tree() {
  MutexLock lock(mutex);
  auto root = std::make_shared<Inode>();
  root->attributes.mode = S_IFDIR | 0755;
  root->lookups = 1;  // never goes
  inodes_.emplace(raw(InodeNumber::kRoot), std::move(root));
}

InodePointer Tree::find(InodeNumber number) const {
  const auto found = inodes_.find(raw(number));
  return found == inodes_.end() ? nullptr : found->second;
}

InodePointer Tree::child(InodeNumber parent, std::string_view name) const {
  const auto found = names_.find(std::pair(raw(parent), std::string(name)));
  return found == names_.end() ? nullptr : found->second;
}

InodeNumber Tree::free_number(InodeNumber parent, std::string_view name) const {
  // FNV-1a, then mixed (splitmix64): near names must not have near numbers. 63 bits, for those who
  // print it signed.
  std::uint64_t hash = 0xcbf29ce484222325U ^ raw(parent);
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  for (;;) {
    hash += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = hash;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    mixed = (mixed ^ (mixed >> 31)) >> 1;
    if (mixed > raw(InodeNumber::kRoot) && !inodes_.contains(mixed) && !retired_.contains(mixed))
      return static_cast<InodeNumber>(mixed);
  }
}

InodePointer Tree::add(InodeNumber parent, std::string_view name, const Attributes& attributes,
                       std::optional<InodeNumber> wanted) {
  auto inode = std::make_shared<Inode>();
  const bool is_free = wanted && raw(*wanted) > raw(InodeNumber::kRoot) &&
                       !inodes_.contains(raw(*wanted)) && !retired_.contains(raw(*wanted));
  inode->number = is_free ? *wanted : free_number(parent, name);
  inode->parent = parent;
  inode->name = name;
  inode->attributes = attributes;
  inode->attributes.inode = inode->number;
  inodes_.emplace(raw(inode->number), inode);
  names_[{raw(parent), inode->name}] = inode;
  if (const InodePointer above = find(parent)) ++above->children;
  return inode;
}

void Tree::remove(const InodePointer& inode) {
  if (inode->removed) return;
  drop_other_names(inode);
  inode->removed = true;
  if (retired_.size() >= kRetiredMax) retired_.clear();
  retired_.insert(raw(inode->number));
  const auto found = names_.find(std::pair(raw(inode->parent), inode->name));
  if (found != names_.end() && found->second == inode) names_.erase(found);
  const InodePointer above = find(inode->parent);
  if (above) {
    --above->children;
    release(above);
  }
  release(inode);
}

bool Tree::is_named(const Inode& inode, InodeNumber parent, std::string_view name) const {
  const auto found = names_.find(std::pair(raw(parent), std::string(name)));
  return found != names_.end() && found->second.get() == &inode;
}

void Tree::add_name(const InodePointer& inode, InodeNumber parent, std::string_view name) {
  if (is_named(*inode, parent, name)) return;
  const bool first_is_lost = !inode->removed && !is_named(*inode, inode->parent, inode->name);
  const InodePointer old_parent = first_is_lost ? find(inode->parent) : nullptr;
  names_[{raw(parent), std::string(name)}] = inode;
  if (const InodePointer above = find(parent)) ++above->children;
  if (inode->removed || first_is_lost) {
    inode->removed = false;
    inode->parent = parent;
    inode->name = name;
  } else {
    inode->other_names.emplace_back(parent, name);
  }
  if (!old_parent) return;
  --old_parent->children;
  release(old_parent);
}

void Tree::remove_name(const InodePointer& inode, InodeNumber parent, std::string_view name) {
  if (inode->removed) return;
  auto& others = inode->other_names;
  const bool is_first = inode->parent == parent && inode->name == name;
  const bool has_more = !inode->content_key.empty() && inode->attributes.link_count > 1;
  // Of a file that another client took away the name goes, too, that OSS never had.
  const bool fresh_is_alone = is_first && inode->fresh && inode->content_key.empty();
  if (fresh_is_alone || (is_first && others.empty() && !has_more)) {
    remove(inode);
    return;
  }
  if (is_named(*inode, parent, name)) names_.erase(std::pair(raw(parent), std::string(name)));
  if (is_first && others.empty()) return;  // until a lookup finds another
  if (is_first) {
    std::tie(inode->parent, inode->name) = others.back();
    others.pop_back();
  } else if (std::erase(others, std::pair(parent, std::string(name))) == 0) {
    return;
  }
  if (const InodePointer above = find(parent)) {
    --above->children;
    release(above);
  }
}

void Tree::move_name(const InodePointer& inode, InodeNumber parent, std::string_view name,
                     InodeNumber new_parent, std::string_view new_name) {
  if (inode->other_names.empty()) {
    move(inode, new_parent, new_name);
    return;
  }
  add_name(inode, new_parent, new_name);
  remove_name(inode, parent, name);
}

std::vector<std::pair<InodeNumber, std::string>> Tree::names_of(const Inode& inode) const {
  std::vector<std::pair<InodeNumber, std::string>> out;
  if (is_named(inode, inode.parent, inode.name)) out.emplace_back(inode.parent, inode.name);
  for (const auto& [parent, name] : inode.other_names)
    if (is_named(inode, parent, name)) out.emplace_back(parent, name);
  return out;
}

bool Tree::is_fresh(const Inode& inode, InodeNumber parent, std::string_view name) const {
  return inode.fresh && inode.fresh->parent == parent && inode.fresh->name == name;
}

std::uint32_t Tree::count_names(const Inode& inode, const std::set<std::string>& tokens) {
  const bool counts_fresh = inode.fresh && tokens.contains(inode.fresh->token);
  const std::size_t count = tokens.size() - (counts_fresh ? 1 : 0);
  return std::max<std::uint32_t>(1, static_cast<std::uint32_t>(count));
}

bool Tree::is_only_here(const Inode& inode, InodeNumber parent, std::string_view name) const {
  return (inode.content && inode.content->dirty()) || is_fresh(inode, parent, name);
}

void Tree::set_content_key(const InodePointer& inode, const std::string& content_key) {
  inode->content_key = content_key;
  if (!content_key.empty()) shared_[content_key] = inode;
}

InodePointer Tree::by_content_key(const std::string& content_key) const {
  const auto found = shared_.find(content_key);
  const InodePointer inode = found == shared_.end() ? nullptr : found->second.lock();
  return inode && find(inode->number) == inode ? inode : nullptr;
}

void Tree::drop_other_names(const InodePointer& inode) {
  for (const auto& [parent, name] : std::exchange(inode->other_names, {})) {
    if (is_named(*inode, parent, name)) names_.erase(std::pair(raw(parent), name));
    if (const InodePointer above = find(parent)) {
      --above->children;
      release(above);
    }
  }
}

void Tree::move(const InodePointer& inode, InodeNumber parent, std::string_view name) {
  const auto found = names_.find(std::pair(raw(inode->parent), inode->name));
  if (found != names_.end() && found->second == inode) names_.erase(found);
  const InodePointer old_parent = find(inode->parent);
  if (old_parent) --old_parent->children;
  inode->parent = parent;
  inode->name = name;
  names_[{raw(parent), inode->name}] = inode;
  if (const InodePointer above = find(parent)) ++above->children;
  if (old_parent) release(old_parent);
}

void Tree::release(const InodePointer& inode) {
  const bool used =
      inode->lookups > 0 || inode->opens > 0 || inode->children > 0 ||
      (inode->fresh && !inode->removed) ||
      (inode->content && !inode->removed && (inode->content->dirty() || inode->content->busy()));
  if (used || inode->number == InodeNumber::kRoot) return;
  if (inodes_.erase(raw(inode->number)) == 0) return;
  if (!inode->content_key.empty()) shared_.erase(inode->content_key);
  if (inode->content) released_contents_.push_back(std::move(inode->content));
  if (inode->removed) return;
  drop_other_names(inode);
  const auto found = names_.find(std::pair(raw(inode->parent), inode->name));
  if (found != names_.end() && found->second == inode) names_.erase(found);
  if (const InodePointer above = find(inode->parent)) {
    --above->children;
    release(above);
  }
}

/// The oldest first: who came last is most likely to be used.
std::vector<InodePointer> Tree::idle(std::size_t count) {
  std::vector<InodePointer> out;
  auto at = names_.upper_bound(idle_from_);
  const std::size_t looks = std::min(4 * count, names_.size());
  for (std::size_t looked_at = 0; looked_at < looks && out.size() < count; ++looked_at, ++at) {
    if (at == names_.end()) at = names_.begin();
    const Inode& inode = *at->second;
    if (inode.opens == 0 && inode.children == 0 && !inode.removed && !inode.content && !inode.fresh)
      out.push_back(at->second);
  }
  if (at != names_.end()) idle_from_ = at->first;
  return out;
}

std::string Tree::path_of(const Inode& inode) const {
  std::string path;
  const Inode* at = &inode;
  while (at->number != InodeNumber::kRoot) {
    path.insert(0, path.empty() ? at->name : at->name + "/");
    const auto above = inodes_.find(raw(at->parent));
    if (above == inodes_.end()) break;
    at = above->second.get();
  }
  return path;
}

std::string Tree::path_of(InodeNumber parent, std::string_view name) const {
  const InodePointer above = find(parent);
  return above ? join_path(path_of(*above), name) : std::string(name);
}

SteadyTime Tree::path_since(const Inode& inode) const {
  SteadyTime out{};
  const Inode* at = &inode;
  while (at->number != InodeNumber::kRoot) {
    out = std::max(out, at->moved);
    const auto above = inodes_.find(raw(at->parent));
    if (above == inodes_.end()) break;
    at = above->second.get();
  }
  return out;
}

std::vector<std::pair<std::string, InodePointer>> Tree::children_of(InodeNumber parent) const {
  std::vector<std::pair<std::string, InodePointer>> out;
  for (auto at = names_.lower_bound(std::pair(raw(parent), std::string()));
       at != names_.end() && at->first.first == raw(parent); ++at)
    out.emplace_back(at->first.second, at->second);
  return out;
}

std::vector<InodePointer> Tree::all() const {
  std::vector<InodePointer> out;
  out.reserve(inodes_.size());
  for (const auto& [number, inode] : inodes_) out.push_back(inode);
  return out;
}

bool Tree::is_below(const Inode& inode, InodeNumber ancestor) const {
  const Inode* at = &inode;
  while (at->number != ancestor) {
    if (at->number == InodeNumber::kRoot) return false;
    const auto above = inodes_.find(raw(at->parent));
    if (above == inodes_.end()) return false;
    at = above->second.get();
  }
  return true;
}

std::string key_of(const Tree& tree, const KeySpace& keys, const Inode& inode) {
  if (!inode.content_key.empty()) return inode.content_key;
  const std::string whole = tree.path_of(inode);
  const auto key =
      is_directory(inode.attributes.mode) ? keys.directory_key(whole) : keys.file_key(whole);
  return key.value_or("");
}

}  // namespace stsfs::fs
