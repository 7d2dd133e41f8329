#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "stsfs/oss/object.h"

namespace stsfs::cache {

/// What of `meta` is kept as one value of the database; the rest (ETag, times) are columns.
std::string encode_meta(const oss::ObjectMeta& meta);
/// nullopt for anything that `encode_meta` did not make.
std::optional<oss::ObjectMeta> decode_meta(std::string_view bytes);

}  // namespace stsfs::cache
