#include "model/reference_tree.h"

#include <algorithm>

namespace stsfs::fs {
namespace {

const std::string& path_of(const std::string& path) { return path; }
template <class Value>
const std::string& path_of(const std::pair<const std::string, Value>& entry) {
  return entry.first;
}

template <class Names>
bool has_below(const Names& names, const std::string& directory) {
  const std::string prefix = directory + "/";
  const auto at = names.lower_bound(prefix);
  return at != names.end() && path_of(*at).starts_with(prefix);
}

template <class Names>
void add_children(const Names& names, const std::string& directory, std::set<std::string>& out) {
  for (const auto& entry : names) {
    const std::string& path = path_of(entry);
    if (!path.empty() && ReferenceTree::parent_of(path) == directory)
      out.insert(ReferenceTree::name_of(path));
  }
}

}  // namespace

std::string ReferenceTree::parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string ReferenceTree::name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

bool ReferenceTree::has_children(const std::string& path) const {
  return has_below(files_, path) || has_below(symlinks_, path) || has_below(directories_, path);
}

bool ReferenceTree::may_rename(const std::string& from, const std::string& to) const {
  if (from == to) return true;
  if (!is_directory(from)) return !is_directory(to);
  const bool into_itself = to.starts_with(from + "/");
  return !into_itself && !is_file(to) && !is_symlink(to) && !has_children(to);
}

std::uint64_t ReferenceTree::names_of_file(const std::string& path) const {
  const Content& content = files_.at(path);
  return static_cast<std::uint64_t>(std::count_if(
      files_.begin(), files_.end(), [&](const auto& file) { return file.second == content; }));
}

std::set<std::string> ReferenceTree::children(const std::string& directory) const {
  std::set<std::string> out;
  add_children(files_, directory, out);
  add_children(symlinks_, directory, out);
  add_children(directories_, directory, out);
  return out;
}

std::string& ReferenceTree::create(const std::string& path) {
  Content& content = files_[path];
  if (content == nullptr) content = std::make_shared<std::string>();
  return *content;
}

void ReferenceTree::write(const std::string& file, std::uint64_t offset, const std::string& text) {
  std::string& bytes = content(file);
  bytes.resize(std::max<std::size_t>(bytes.size(), offset + text.size()), '\0');
  bytes.replace(offset, text.size(), text);
}

void ReferenceTree::erase(const std::string& path) {
  files_.erase(path);
  symlinks_.erase(path);
  directories_.erase(path);
}

void ReferenceTree::rename(const std::string& from, const std::string& to) {
  if (from == to) return;
  // Two names of one file: both stay.
  if (is_file(from) && is_file(to) && files_.at(from) == files_.at(to)) return;
  erase(to);
  const auto moved = [&](const std::string& path) {
    return path == from || path.starts_with(from + "/") ? to + path.substr(from.size()) : path;
  };
  ReferenceTree out;
  for (const auto& [path, content] : files_) out.files_[moved(path)] = content;
  for (const auto& [path, target] : symlinks_) out.symlinks_[moved(path)] = target;
  for (const std::string& path : directories_) out.directories_.insert(moved(path));
  *this = std::move(out);
}

}  // namespace stsfs::fs
