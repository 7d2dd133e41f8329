#include "model/reference_tree.h"

#include <algorithm>
#include <utility>

namespace stsfs::fs {
namespace {

constexpr mode_t kNewDirectory = S_IFDIR | 0755;

ReferenceTree::Node node_of(mode_t mode, std::string content = {}) {
  return std::make_shared<ReferenceNode>(
      ReferenceNode{.mode = mode, .atime = {}, .mtime = {}, .content = std::move(content)});
}

bool is_at_or_below(const std::string& path, const std::string& top) {
  return path == top || path.starts_with(top + "/");
}

}  // namespace

ReferenceTree::ReferenceTree() : nodes_{{"", node_of(kNewDirectory)}} {}

std::string ReferenceTree::parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string ReferenceTree::name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

bool ReferenceTree::has_children(const std::string& path) const {
  const std::string prefix = path + "/";
  const auto below = nodes_.lower_bound(prefix);
  return below != nodes_.end() && below->first.starts_with(prefix);
}

bool ReferenceTree::may_rename(const std::string& from, const std::string& to) const {
  if (from == to) return true;
  if (!is_directory(from)) return !is_directory(to);
  const bool into_itself = to.starts_with(from + "/");
  return !into_itself && (!is_taken(to) || (is_directory(to) && !has_children(to)));
}

bool ReferenceTree::may_exchange(const std::string& one, const std::string& other) const {
  return is_taken(one) && is_taken(other) && !one.starts_with(other + "/") &&
         !other.starts_with(one + "/");
}

std::uint64_t ReferenceTree::names_of(const Node& node) const {
  return static_cast<std::uint64_t>(std::count_if(
      nodes_.begin(), nodes_.end(), [&](const auto& named) { return named.second == node; }));
}

std::set<std::string> ReferenceTree::children(const std::string& directory) const {
  std::set<std::string> out;
  for (const auto& named : nodes_)
    if (!named.first.empty() && parent_of(named.first) == directory)
      out.insert(name_of(named.first));
  return out;
}

std::set<std::string> ReferenceTree::directories() const {
  std::set<std::string> out;
  for (const auto& named : nodes_)
    if (named.second->is_directory()) out.insert(named.first);
  return out;
}

void ReferenceTree::touch_parent_of(const std::string& path) { at(parent_of(path))->mtime = {}; }

void ReferenceTree::put(const std::string& path, Node node) {
  nodes_[path] = std::move(node);
  touch_parent_of(path);
}

ReferenceNode& ReferenceTree::create(const std::string& path) {
  if (!is_taken(path)) put(path, node_of(S_IFREG | 0644));
  return *at(path);
}

void ReferenceTree::make_symlink(const std::string& path, const std::string& target) {
  put(path, node_of(S_IFLNK | 0777, target));
}

void ReferenceTree::make_directory(const std::string& path) { put(path, node_of(kNewDirectory)); }

void ReferenceTree::erase(const std::string& path) {
  if (nodes_.erase(path) != 0) touch_parent_of(path);
}

void ReferenceTree::rename(const std::string& from, const std::string& to) {
  // Two names of one file: both stay.
  if (from == to || (is_taken(to) && at(from) == at(to))) return;
  touch_parent_of(from);
  touch_parent_of(to);
  nodes_.erase(to);
  std::map<std::string, Node> out;
  for (const auto& [path, node] : nodes_)
    out[is_at_or_below(path, from) ? to + path.substr(from.size()) : path] = node;
  nodes_ = std::move(out);
}

void ReferenceTree::exchange(const std::string& one, const std::string& other) {
  if (at(one) == at(other)) return;
  touch_parent_of(one);
  touch_parent_of(other);
  const auto moved = [&](const std::string& path) {
    if (is_at_or_below(path, one)) return other + path.substr(one.size());
    if (is_at_or_below(path, other)) return one + path.substr(other.size());
    return path;
  };
  std::map<std::string, Node> out;
  for (const auto& [path, node] : nodes_) out[moved(path)] = node;
  nodes_ = std::move(out);
}

void ReferenceTree::write(ReferenceNode& file, std::uint64_t offset, const std::string& text) {
  std::string& bytes = file.content;
  bytes.resize(std::max<std::size_t>(bytes.size(), offset + text.size()), '\0');
  bytes.replace(offset, text.size(), text);
  file.mtime = {};
}

void ReferenceTree::resize(ReferenceNode& file, std::uint64_t size) {
  file.content.resize(size, '\0');
  file.mtime = {};
}

}  // namespace stsfs::fs
