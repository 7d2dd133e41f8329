#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace stsfs::fs {

/// What a folder must look like: a plain map of names, by their paths (`d/e/f`, the root is empty).
/// What each change requires of the tree is asked first; the changes themselves assume it.
class ReferenceTree {
 public:
  using Content = std::shared_ptr<std::string>;  ///< The names of one file share it.

  static std::string parent_of(const std::string& path);
  static std::string name_of(const std::string& path);

  bool is_file(const std::string& path) const { return files_.contains(path); }
  bool is_symlink(const std::string& path) const { return symlinks_.contains(path); }
  bool is_directory(const std::string& path) const { return directories_.contains(path); }
  bool is_taken(const std::string& path) const {
    return is_file(path) || is_symlink(path) || is_directory(path);
  }
  bool has_children(const std::string& path) const;
  /// Whether rename(2) does that, for something that is there.
  bool may_rename(const std::string& from, const std::string& to) const;

  std::string& content(const std::string& file) { return *files_.at(file); }
  const std::string& target(const std::string& symlink) const { return symlinks_.at(symlink); }
  std::uint64_t names_of_file(const std::string& path) const;
  std::set<std::string> children(const std::string& directory) const;
  const std::map<std::string, Content>& files() const { return files_; }
  const std::map<std::string, std::string>& symlinks() const { return symlinks_; }
  const std::set<std::string>& directories() const { return directories_; }

  /// The content of the file, which is empty when it was not there.
  std::string& create(const std::string& path);
  void write(const std::string& file, std::uint64_t offset, const std::string& text);
  void link(const std::string& file, const std::string& path) { files_[path] = files_.at(file); }
  void make_symlink(const std::string& path, const std::string& target) {
    symlinks_[path] = target;
  }
  void make_directory(const std::string& path) { directories_.insert(path); }
  /// Of any kind; nothing when there is none.
  void erase(const std::string& path);
  void rename(const std::string& from, const std::string& to);

 private:
  std::map<std::string, Content> files_;
  std::map<std::string, std::string> symlinks_;  // and their targets
  std::set<std::string> directories_{""};
};

}  // namespace stsfs::fs
