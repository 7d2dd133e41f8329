#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "removals.h"
#include "stsfs/base/await.h"
#include "stsfs/oss/object_store.h"
#include "stsfs/staging/upload.h"

namespace stsfs::fs {

/// Where a file with several names (hard links) lies: `<prefix>.stsfs-links/<id>`, a plain object
/// with the file's bytes and attributes. Each of its names is an OSS Symlink object to it, so that
/// everybody reads the content under every name, and a name is renamed, also with a whole tree, as
/// any object is. Beside the content lies an empty object `<id>.<token>` for each name, whose
/// Symlink object carries the token: how many there are is the link count.
///
/// What is killed or meets another client half-way leaves a token too many, never one too few: the
/// content goes when no token is left, and is otherwise kept for nobody, never missing to somebody.
///
/// Threads: every call on any thread that may wait.
class LinkArea {
 public:
  static constexpr const char* kDirectoryName = ".stsfs-links";
  static constexpr const char* kTokenName = "stsfs-link";  ///< In the user metadata of a name.

  LinkArea(oss::ObjectStore& store, Removals& removals, const std::string& prefix)
      : store_(store), removals_(removals), area_(prefix + kDirectoryName + "/") {}

  bool contains(std::string_view key) const { return key.starts_with(area_); }
  std::string new_content_key() const;

  struct Name {
    std::string content_key;
    std::string token;
    std::string etag;  ///< Of the name's own object.
  };
  /// Whether a Symlink object is one of several names of a file.
  std::optional<Name> name_in(const oss::Symlink& link) const;
  Result<Name> name_at(const std::string& key, Interrupt* interrupt, Deadline deadline);

  /// Makes `key` a name of the content; `forbid_overwrite`: kExists when something is there.
  Result<void> add_name(const std::string& content_key, const std::string& key,
                        bool forbid_overwrite, Interrupt* interrupt, Deadline deadline);
  Result<std::uint32_t> count(const std::string& content_key, Interrupt* interrupt,
                              Deadline deadline);
  /// The name is gone, or about to be: its token goes, and with the last one the content, whose
  /// version is `etag`. Returns how many names are left.
  Result<std::uint32_t> drop(const Name& name, const std::string& etag, Interrupt* interrupt,
                             Deadline deadline);

 private:
  oss::ObjectStore& store_;
  Removals& removals_;
  const std::string area_;
};

}  // namespace stsfs::fs
