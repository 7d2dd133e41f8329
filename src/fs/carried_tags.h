#pragma once

#include <string>
#include <string_view>

#include "stsfs/base/log.h"
#include "stsfs/base/result.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {

/// What a write that inherits nothing brings along of an object's tags, as PutOptions have them, by
/// the answer to a request for them. Where the credential may not read them they are lost, and the
/// log says so; of an object that is not there any more the write itself tells.
///
/// `what`: the key or the path, for the log.
inline Result<std::string> tags_to_carry(Result<std::string> told, std::string_view what) {
  if (told) return told;
  if (told.error().code == Errc::kDenied)
    log_warning("fs", "{} loses its tags: {}", printable(what), told.error().message);
  else if (told.error().code != Errc::kNotFound)
    return told;
  return "";
}

}  // namespace stsfs::fs
