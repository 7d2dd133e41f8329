#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "content/file_content.h"
#include "pending/removals.h"
#include "present.h"
#include "stsfs/oss/object_store.h"
#include "tree.h"

namespace stsfs::fs {

/// A file that goes to another name, as it is while its content is held.
struct FileRename {
  InodePointer inode;
  InodePointer target;  ///< Null: the new name is free.
  RenameMode mode = RenameMode::kReplace;
  std::string old_key, new_key, new_path;
  bool is_symlink_object = false;
  std::string link_target;  ///< Of a symbolic link.
  std::shared_ptr<FileContent> content;
  std::shared_ptr<FileContent> replaced;  ///< Of the target, where that goes with its name.
  std::string content_key;                ///< Of a file with several names.
  bool in_store = false;
  std::string etag, target_etag;
  std::uint64_t target_size = 0;
  std::string target_link_etag;  ///< Where the target is one of several names: of the link it is.
  std::uint64_t size = 0;
  bool tagged = false;
  oss::CopyOptions copy;
  std::optional<std::uint64_t> attributes;  ///< Changed ones, which the copy takes along.
};

/// What is under the new name until then.
struct Replaced {
  std::string known;  ///< The ETag of the content.
  Present present;    ///< Of what is at the key: not the same where that leads to the content.
  bool is_one_of_several = false;  ///< Names: it leads to the content.
};

/// And once it is there.
struct Renamed {
  std::optional<oss::ObjectMeta> known;  ///< Of the object that it is now.
  std::vector<Removal> left;             ///< What is still under its old name.
};

}  // namespace stsfs::fs
