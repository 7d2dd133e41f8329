#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "content/file_content.h"
#include "naming/key_space.h"
#include "naming/posix_metadata.h"
#include "stsfs/base/mutex.h"
#include "stsfs/fs/file_system.h"
#include "stsfs/oss/object.h"

namespace stsfs::fs {

/// A name of a file that OSS does not have yet (FreshLinks).
struct FreshName {
  InodeNumber parent = InodeNumber::kRoot;
  std::string name;
  std::string key;
  std::string token;  ///< That counts it in the LinkArea while it is being made.
  /// Versions of the file that may have been copied to the key: an answer was lost.
  struct Moved {
    std::string etag;
    std::string write_id;  ///< "" when it has none of ours.
  };
  std::vector<Moved> moved;
};

/// What is known of one file or directory. Guarded by the tree's mutex.
struct Inode {
  InodeNumber number = InodeNumber::kRoot;
  InodeNumber parent = InodeNumber::kRoot;
  std::string name;
  Attributes attributes;     ///< The size is the content's while there is one.
  bool times_given = false;  ///< A time of access or modification was set, after the last write.
  bool in_store = false;     ///< The object exists (for a directory: its marker).
  std::string etag;          ///< Of the version in OSS.
  std::shared_ptr<const OwnVersion> own_version;  ///< The last that we made; may be null.
  std::string storage_class;
  oss::ObjectHeaders headers;  ///< As stored, for carrying along what is not ours.
  std::string link_target;
  bool tagged = false;      ///< The object has tags, which a rewrite has to carry along.
  std::string symlink_key;  ///< Of an OSS Symlink object: the key that it leads to.
  SteadyTime confirmed{};   ///< When OSS last said so.
  /// Of a directory: how many its object has, which no mount puts there and none shows.
  std::uint64_t bytes_of_marker = 0;
  /// Of a directory: when we last changed its entries, which OSS may not know yet.
  std::optional<WallTime> entries_changed;
  SteadyTime touched{};  ///< When we last changed it there: what follows closely is merged.
  /// Of a directory: when we last gave it another name. What was asked for before may be of what
  /// had that name then.
  SteadyTime moved{};
  std::string pages_etag;  ///< The version whose pages the kernel may hold.
  std::uint64_t lookups = 0;
  int opens = 0;
  int writers = 0;                      ///< Of those, handles that may write.
  int paged_opens = 0;                  ///< Handles that read through the kernel's pages,
  const void* paged_content = nullptr;  ///< all of them this content.
  /// As the kernel has it: told, or seen by itself in what it writes.
  std::optional<std::uint64_t> kernel_size;
  int children = 0;
  bool removed = false;  ///< Without a name, but still open.
  /// Removed because another client replaced the file: the name leads to an inode of its own, as
  /// after a rename(2) over it. Who still comes by this one is to look the name up.
  bool replaced = false;
  /// Of a file with several names: where its content lies. Else empty; it lies under its name.
  std::string content_key;
  /// Those of the several names that are known here, but for the first: `parent` and `name`.
  std::vector<std::pair<InodeNumber, std::string>> other_names;
  /// When OSS last said so of all names that are known of such a file: one may have gone to another
  /// file while we heard of others.
  SteadyTime names_confirmed{};
  std::optional<FreshName> fresh;  ///< Also one of them.
  int replacing = 0;               ///< See Replacing.
  std::string held_key;            ///< Of the object that is not deleted before the last close.
  std::shared_ptr<FileContent> content;
};
using InodePointer = std::shared_ptr<Inode>;

/// Inodes by number and by (parent, name). A rename changes one inode; what lies below follows,
/// because paths are formed from the chain of parents.
///
/// Threads: the caller holds `mutex` for every call and for every look at an Inode. Below it
/// only a FileContent's own mutex may be taken, and no transfer starts or goes while it is held.
class Tree {
 public:
  Tree();

  Mutex mutex;

  InodePointer find(InodeNumber number) const STSFS_REQUIRES(mutex);
  InodePointer child(InodeNumber parent, std::string_view name) const STSFS_REQUIRES(mutex);
  /// Its number follows from the parent's and the name, so that it is the same after it was
  /// forgotten, and in the next mount; a rename keeps it.
  ///
  /// `wanted`: it has this number instead, unless another has it.
  InodePointer add(InodeNumber parent, std::string_view name, const Attributes& attributes,
                   std::optional<InodeNumber> wanted = std::nullopt) STSFS_REQUIRES(mutex);
  /// Takes the name away; the inode goes with its last use.
  void remove(const InodePointer& inode) STSFS_REQUIRES(mutex);
  void move(const InodePointer& inode, InodeNumber parent, std::string_view name)
      STSFS_REQUIRES(mutex);
  /// For a file with several names.
  void add_name(const InodePointer& inode, InodeNumber parent, std::string_view name)
      STSFS_REQUIRES(mutex);
  /// Takes one of them away. While the link count says that there are more the inode goes on, also
  /// when none of those is known.
  void remove_name(const InodePointer& inode, InodeNumber parent, std::string_view name)
      STSFS_REQUIRES(mutex);
  void move_name(const InodePointer& inode, InodeNumber parent, std::string_view name,
                 InodeNumber new_parent, std::string_view new_name) STSFS_REQUIRES(mutex);
  /// All of its names that are known. None when it was removed, or has names that only OSS knows.
  std::vector<std::pair<InodeNumber, std::string>> names_of(const Inode& inode) const
      STSFS_REQUIRES(mutex);
  bool is_named(const Inode& inode, InodeNumber parent, std::string_view name) const
      STSFS_REQUIRES(mutex);
  /// Whether OSS does not have the name yet.
  bool is_fresh(const Inode& inode, InodeNumber parent, std::string_view name) const
      STSFS_REQUIRES(mutex);
  /// How many names OSS has of a file with several, of which these are all tokens: one that is
  /// being made may have its own already.
  static std::uint32_t count_names(const Inode& inode, const std::set<std::string>& tokens);
  /// Whether only this mount knows what the name leads to: OSS would have nothing, or something
  /// older.
  bool is_only_here(const Inode& inode, InodeNumber parent, std::string_view name) const
      STSFS_REQUIRES(mutex);
  void set_content_key(const InodePointer& inode, const std::string& content_key)
      STSFS_REQUIRES(mutex);
  InodePointer by_content_key(const std::string& content_key) const STSFS_REQUIRES(mutex);
  /// Erases it when nobody uses it any more.
  void release(const InodePointer& inode) STSFS_REQUIRES(mutex);

  /// The contents of erased inodes: to be destroyed once the mutex is free, since they may have to
  /// call a timer off.
  std::vector<std::shared_ptr<FileContent>> take_released_contents() STSFS_REQUIRES(mutex) {
    return std::exchange(released_contents_, {});
  }

  std::size_t size() const STSFS_REQUIRES(mutex) { return inodes_.size(); }
  /// Inodes that only the kernel still knows and that could go, at most `count`, others at each
  /// call.
  std::vector<InodePointer> idle(std::size_t count) STSFS_REQUIRES(mutex);

  /// "" for the root.
  std::string path_of(const Inode& inode) const STSFS_REQUIRES(mutex);
  std::string path_of(InodeNumber parent, std::string_view name) const STSFS_REQUIRES(mutex);
  /// From when on it has been what it is now.
  SteadyTime path_since(const Inode& inode) const STSFS_REQUIRES(mutex);
  /// The names in a directory that are known, and what they lead to.
  std::vector<std::pair<std::string, InodePointer>> children_of(InodeNumber parent) const
      STSFS_REQUIRES(mutex);
  std::vector<InodePointer> all() const STSFS_REQUIRES(mutex);
  /// True when `inode` is `ancestor` or lies below it.
  bool is_below(const Inode& inode, InodeNumber ancestor) const STSFS_REQUIRES(mutex);

 private:
  void drop_other_names(const InodePointer& inode) STSFS_REQUIRES(mutex);
  InodeNumber free_number(InodeNumber parent, std::string_view name) const STSFS_REQUIRES(mutex);

  std::unordered_map<std::uint64_t, InodePointer> inodes_ STSFS_GUARDED_BY(mutex);
  std::map<std::pair<std::uint64_t, std::string>, InodePointer, std::less<>> names_
      STSFS_GUARDED_BY(mutex);
  std::vector<std::shared_ptr<FileContent>> released_contents_ STSFS_GUARDED_BY(mutex);
  std::unordered_map<std::string, std::weak_ptr<Inode>> shared_ STSFS_GUARDED_BY(mutex);
  /// Of the inodes that were removed: what is still under way for one must not meet another.
  std::unordered_set<std::uint64_t> retired_ STSFS_GUARDED_BY(mutex);
  std::pair<std::uint64_t, std::string> idle_from_ STSFS_GUARDED_BY(mutex);  // `idle` goes on here
};

/// Where its object lies; "" for what no key can be.
std::string key_of(const Tree& tree, const KeySpace& keys, const Inode& inode)
    STSFS_REQUIRES(tree.mutex);

}  // namespace stsfs::fs
