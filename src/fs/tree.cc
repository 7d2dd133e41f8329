#include "tree.h"

#include <sys/stat.h>

#include <algorithm>

#include "key_space.h"

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

InodePointer Tree::add(InodeNumber parent, std::string_view name, const Attributes& attributes) {
  auto inode = std::make_shared<Inode>();
  inode->number = free_number(parent, name);
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
      (inode->content && !inode->removed && (inode->content->dirty() || inode->content->busy()));
  if (used || inode->number == InodeNumber::kRoot) return;
  if (inodes_.erase(raw(inode->number)) == 0) return;
  if (inode->content) released_contents_.push_back(std::move(inode->content));
  if (inode->removed) return;
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
    if (inode.opens == 0 && inode.children == 0 && !inode.removed && !inode.content)
      out.push_back(at->second);
  }
  if (at != names_.end()) idle_from_ = at->first;
  return out;
}

std::string Tree::path_of(const Inode& inode) const {
  std::string path;
  const Inode* at = &inode;
  while (at->number != InodeNumber::kRoot) {
    path = path.empty() ? at->name : at->name + "/" + path;
    const auto above = inodes_.find(raw(at->parent));
    if (above == inodes_.end()) break;
    at = above->second.get();
  }
  return path;
}

std::vector<InodePointer> Tree::children_of(InodeNumber parent) const {
  std::vector<InodePointer> out;
  for (auto at = names_.lower_bound(std::pair(raw(parent), std::string()));
       at != names_.end() && at->first.first == raw(parent); ++at)
    out.push_back(at->second);
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

}  // namespace stsfs::fs
