#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "stsfs/base/clock.h"

namespace stsfs::fs {

/// A file, a symbolic link or a directory: what its names share.
struct ReferenceNode {
  mode_t mode = S_IFREG | 0644;  ///< With the type bits.
  uid_t uid = 0;
  gid_t gid = 0;
  /// What somebody gave, as long as nothing has changed it.
  std::optional<WallTime> atime, mtime;
  std::map<std::string, std::string> extended{};  ///< Attributes, `user.` and all.
  std::string content{};                          ///< Of a link its target.

  bool is_file() const { return S_ISREG(mode); }
  bool is_symlink() const { return S_ISLNK(mode); }
  bool is_directory() const { return S_ISDIR(mode); }
};

/// What a folder must look like: a plain map of names, by their paths (`d/e/f`, the root is empty).
/// What each change requires of the tree is asked first; the changes themselves assume it.
class ReferenceTree {
 public:
  using Node = std::shared_ptr<ReferenceNode>;  ///< The names of one file share it.

  static std::string parent_of(const std::string& path);
  static std::string name_of(const std::string& path);

  ReferenceTree();

  bool is_taken(const std::string& path) const { return nodes_.contains(path); }
  bool is_file(const std::string& path) const { return is_taken(path) && at(path)->is_file(); }
  bool is_symlink(const std::string& path) const {
    return is_taken(path) && at(path)->is_symlink();
  }
  bool is_directory(const std::string& path) const {
    return is_taken(path) && at(path)->is_directory();
  }
  bool has_children(const std::string& path) const;
  /// Whether rename(2) does that, for something that is there.
  bool may_rename(const std::string& from, const std::string& to) const;

  /// Whether RENAME_EXCHANGE does that.
  bool may_exchange(const std::string& one, const std::string& other) const;

  const Node& at(const std::string& path) const { return nodes_.at(path); }
  const std::map<std::string, Node>& nodes() const { return nodes_; }
  std::uint64_t names_of(const Node& node) const;
  std::set<std::string> children(const std::string& directory) const;
  std::set<std::string> directories() const;

  /// The file, which is empty when it was not there.
  ReferenceNode& create(const std::string& path);
  void link(const std::string& file, const std::string& path) { put(path, at(file)); }
  void make_symlink(const std::string& path, const std::string& target);
  void make_directory(const std::string& path);
  /// Of any kind; nothing when there is none.
  void erase(const std::string& path);
  void rename(const std::string& from, const std::string& to);
  void exchange(const std::string& one, const std::string& other);

  /// Of a file.
  static void write(ReferenceNode& file, std::uint64_t offset, const std::string& text);
  static void resize(ReferenceNode& file, std::uint64_t size);

 private:
  void put(const std::string& path, Node node);
  /// Something has changed in the directory that it is in.
  void touch_parent_of(const std::string& path);

  std::map<std::string, Node> nodes_;
};

}  // namespace stsfs::fs
