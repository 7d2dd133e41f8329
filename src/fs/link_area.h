#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "removals.h"
#include "stsfs/base/await.h"
#include "stsfs/fs/file_system.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {

/// Where a file with several names (hard links) lies: `<prefix>.stsfs-links/<id>`, a plain object
/// with the file's bytes and attributes. Each of its names is an OSS Symlink object to it, so that
/// everybody reads the content under every name. Beside the content lies an empty object
/// `<id>.<token>` for each name, whose Symlink object carries the token: how many there are is the
/// link count.
///
/// A token is there before its name and goes with it or after it. Whatever is killed or meets
/// another client half-way leaves a token too many, never one too few: the content is deleted when
/// no token is left, and may be kept for nobody, but is never missing to somebody.
///
/// The area of a folder within this one (mounted with a longer prefix) is read, too.
///
/// Threads: every call on any thread; those that return a Result wait.
class LinkArea {
 public:
  static constexpr std::string_view kDirectoryName = ".stsfs-links";
  static constexpr const char* kTokenName = "stsfs-link";  ///< In the user metadata of a name.
  static constexpr std::size_t kIdSize = 24;
  /// A Symlink object that a listing shows with less is no name of a file.
  static constexpr std::uint64_t kTargetSizeMin = kDirectoryName.size() + 1 + kIdSize;

  LinkArea(oss::ObjectStore& store, Removals& removals, const std::string& prefix)
      : store_(store), removals_(removals), prefix_(prefix) {}

  /// A key for the content of this inode, whose number the next mount finds in it.
  std::string new_content_key(InodeNumber inode) const;
  bool is_content_key(std::string_view key) const;
  static std::optional<InodeNumber> inode_in(std::string_view content_key);

  struct Name {
    std::string content_key;
    std::string token;
    std::string etag;  ///< Of the name's own object.

    std::string token_key() const { return content_key + "." + token; }
  };
  /// Whether a Symlink object is one of several names of a file.
  std::optional<Name> name_in(const oss::Symlink& link) const;
  /// The one at the key. Nothing when something else is there, or nothing at all.
  Result<std::optional<Name>> name_at(const std::string& key, Interrupt* interrupt,
                                      Deadline deadline);

  /// Makes a token for a further name.
  Result<Name> begin_name(const std::string& content_key, Interrupt* interrupt, Deadline deadline);
  /// Puts the name at `key`; `forbid_overwrite`: kExists when something is there.
  Result<oss::Written> put_name(const Name& name, const std::string& key, bool forbid_overwrite,
                                Interrupt* interrupt, Deadline deadline);
  /// A name that is not there for sure: its token goes.
  void take_back(const Name& name);
  /// A name without a token does not count, and its content would go without it: it gets it again.
  void restore_token(const Name& name, const std::string& key, Interrupt* interrupt,
                     Deadline deadline);

  struct Census {
    bool has_content = false;
    std::set<std::string> tokens;
  };
  /// What there is of a file, less what was removed here.
  Result<Census> count(const std::string& content_key, Interrupt* interrupt, Deadline deadline);

  /// For Removals: with the last token goes the content, which is looked for at the last moment.
  Transfer goes_along(const std::string& key, Deadline deadline, Callback<std::string> done);

 private:
  oss::ObjectStore& store_;
  Removals& removals_;
  const std::string prefix_;
};

}  // namespace stsfs::fs
