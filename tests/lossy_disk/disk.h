#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace lossy_disk {

/// How much of what was not synced a loss of power takes along.
struct Loss {
  std::uint64_t seed = 0;
  std::uint64_t unit_bytes = 512;  ///< What is written whole or not at all, at any time.
  int survival_percent = 50;       ///< Of each unit, on its own: so what was written last may be
                                   ///< there while what was written first is not.
  /// Names as ext4 keeps them: any fsync brings them all, and a cut takes the last ones. Otherwise
  /// as POSIX has it: fsync of the directory brings them, and each directory loses on its own.
  bool names_in_order = false;
};

/// A file or directory: what programs see, and what would be there after a loss of power.
struct Node {
  explicit Node(mode_t given) : mode(given) {}

  /// What was done to the bytes of a file since it was last synced.
  struct Change {
    std::uint64_t offset = 0;
    std::string bytes;  // written there; when empty the file was cut or grew to `size_after`
    std::uint64_t size_after = 0;
  };
  /// What was done to the names of a directory; a rename changes two of them at once.
  struct Naming {
    std::uint64_t number = 0;  // over all directories, in order
    std::vector<std::pair<std::string, std::shared_ptr<Node>>> names;  // null: gone
  };
  using Names = std::map<std::string, std::shared_ptr<Node>, std::less<>>;

  mode_t mode;
  std::string bytes, durable_bytes;
  std::vector<Change> changes;
  bool watched = false;  // it was changed before `watch`, and not synced since
  Names names, durable_names;
  std::vector<Naming> namings;
};
using NodePointer = std::shared_ptr<Node>;

/// A disk in memory that knows what was synced.
///
/// Threads: none of its own; the caller has a lock.
class Disk {
 public:
  Disk() : root_(std::make_shared<Node>(S_IFDIR | 0700)) {}

  const NodePointer& root() const { return root_; }
  /// Null when there is none.
  NodePointer find(std::string_view path) const;
  /// The directory that `path` lies in, and its last component.
  std::pair<NodePointer, std::string> split(std::string_view path) const;

  void write(Node& file, std::uint64_t offset, std::string bytes);
  void truncate(Node& file, std::uint64_t size);
  void name(Node& directory, std::vector<std::pair<std::string, NodePointer>> names);  // null: gone
  void sync(Node& node);
  void keep_names_in_order(bool in_order) { names_in_order_ = in_order; }

  /// From now on `unsynced` tells of what was changed until now.
  void watch() { watch_below(*root_); }
  /// What of that a loss of power might take along: paths of files that were not synced since. The
  /// index of a SQLite log, which is made anew after one, does not count.
  std::vector<std::string> unsynced() const;
  /// The disk as it is found when the power is back.
  void lose(const Loss& loss);

 private:
  static void watch_below(const Node& directory);
  static void add_unsynced(const Node& directory, const std::string& path,
                           std::vector<std::string>& out);
  void settle_names(Node& directory, std::uint64_t until);
  void settle_all_names(Node& directory, std::uint64_t until);
  void lose_bytes(Node& file, const Loss& loss);
  void lose_below(Node& directory, const Loss& loss, std::uint64_t in_order_until);

  NodePointer root_;
  std::uint64_t namings_ = 0;
  bool names_in_order_ = false;
  std::mt19937_64 random_;
};

}  // namespace lossy_disk
