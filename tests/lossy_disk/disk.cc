#include "disk.h"

#include <algorithm>

namespace lossy_disk {
namespace {

void put(std::string& into, std::uint64_t offset, std::string_view bytes) {
  if (into.size() < offset + bytes.size()) into.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), into.begin() + static_cast<std::ptrdiff_t>(offset));
}

void redo(std::string& into, const Node::Change& change) {
  if (change.bytes.empty())
    into.resize(change.size_after);
  else
    put(into, change.offset, change.bytes);
}

void redo(Node::Names& into, const Node::Naming& naming) {
  for (const auto& [name, node] : naming.names) {
    if (node)
      into.insert_or_assign(name, node);
    else
      into.erase(name);
  }
}

}  // namespace

NodePointer Disk::find(std::string_view path) const {
  NodePointer at = root_;
  while (at && !path.empty()) {
    const auto slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
    if (name.empty()) continue;
    const auto found = at->names.find(name);
    at = found == at->names.end() ? nullptr : found->second;
  }
  return at;
}

std::pair<NodePointer, std::string> Disk::split(std::string_view path) const {
  const auto slash = path.rfind('/');
  return {find(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

void Disk::write(Node& file, std::uint64_t offset, std::string bytes) {
  if (bytes.empty()) return;
  put(file.bytes, offset, bytes);
  file.changes.push_back({offset, std::move(bytes), file.bytes.size()});
}

void Disk::truncate(Node& file, std::uint64_t size) {
  file.bytes.resize(size);
  file.changes.push_back({0, {}, size});
}

void Disk::name(Node& directory, std::vector<std::pair<std::string, NodePointer>> names) {
  directory.namings.push_back({++namings_, std::move(names)});
  redo(directory.names, directory.namings.back());
}

void Disk::sync(Node& node) {
  for (const Node::Change& change : node.changes) redo(node.durable_bytes, change);
  node.changes.clear();
  node.watched = false;
  if (names_in_order_)
    settle_all_names(*root_, namings_);
  else
    settle_names(node, namings_);
}

void Disk::settle_names(Node& directory, std::uint64_t until) {
  auto& all = directory.namings;
  const auto rest = std::find_if(all.begin(), all.end(),
                                 [&](const auto& naming) { return naming.number > until; });
  for (auto naming = all.begin(); naming != rest; ++naming) redo(directory.durable_names, *naming);
  all.erase(all.begin(), rest);
}

void Disk::settle_all_names(Node& directory, std::uint64_t until) {
  settle_names(directory, until);
  for (const auto& [name, node] : directory.names) settle_all_names(*node, until);
}

void Disk::watch_below(const Node& directory) {
  for (const auto& [name, node] : directory.names) {
    node->watched = !node->changes.empty();
    watch_below(*node);
  }
}

std::vector<std::string> Disk::unsynced() const {
  std::vector<std::string> out;
  add_unsynced(*root_, "", out);
  return out;
}

void Disk::add_unsynced(const Node& directory, const std::string& path,
                        std::vector<std::string>& out) {
  for (const auto& [name, node] : directory.names) {
    if (name.ends_with("-shm")) continue;
    const std::string below = path + "/" + name;
    const auto durable = directory.durable_names.find(name);
    const bool named = durable != directory.durable_names.end() && durable->second == node;
    if (!named || node->watched) out.push_back(below);
    add_unsynced(*node, below, out);
  }
}

void Disk::lose(const Loss& loss) {
  random_.seed(loss.seed);
  std::uniform_int_distribution<std::uint64_t> number(0, namings_);
  lose_below(*root_, loss, number(random_));
}

/// Any mixture of units, and any of the sizes that the file had.
void Disk::lose_bytes(Node& file, const Loss& loss) {
  std::uniform_int_distribution<int> percent(0, 99);
  std::vector<std::uint64_t> sizes{file.durable_bytes.size()};
  for (const Node::Change& change : file.changes) {
    sizes.push_back(change.size_after);
    if (change.bytes.empty() && percent(random_) < loss.survival_percent)
      file.durable_bytes.resize(change.size_after);
    for (std::uint64_t at = 0; at < change.bytes.size();) {
      const std::uint64_t left = loss.unit_bytes - (change.offset + at) % loss.unit_bytes;
      const std::string_view unit = std::string_view(change.bytes).substr(at, left);
      if (percent(random_) < loss.survival_percent)
        put(file.durable_bytes, change.offset + at, unit);
      at += unit.size();
    }
  }
  std::uniform_int_distribution<std::size_t> which(0, sizes.size() - 1);
  if (!file.changes.empty()) file.durable_bytes.resize(sizes[which(random_)]);
  file.changes.clear();
  file.bytes = file.durable_bytes;
}

void Disk::lose_below(Node& directory, const Loss& loss, std::uint64_t in_order_until) {
  std::uniform_int_distribution<std::uint64_t> number(0, namings_);
  settle_names(directory, loss.names_in_order ? in_order_until : number(random_));
  directory.namings.clear();
  directory.names = directory.durable_names;
  lose_bytes(directory, loss);
  for (const auto& [name, node] : directory.names) lose_below(*node, loss, in_order_until);
}

}  // namespace lossy_disk
