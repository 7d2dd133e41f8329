#pragma once

#include <functional>
#include <string>

#include "stsfs/base/result.h"
#include "stsfs/fs/file_system.h"
#include "stsfs/oss/object.h"

namespace stsfs::fs {

/// A change of attributes before it is made.
struct AttributeDraft {
  Attributes attributes;
  oss::UserMetadata user;  ///< What else is in the object's metadata.
  std::string storage_class;
  bool times_given = false;
};
/// Makes the change, or says why not.
using AttributeEdit = std::function<Result<void>(AttributeDraft&)>;

}  // namespace stsfs::fs
