#pragma once

#include <memory>
#include <string>

#include "office/access_key.h"
#include "office/office.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/file_watch.h"
#include "stsfs/base/result.h"

namespace stsfs::vend {

/// All that a configuration names, read and checked.
struct Loaded {
  std::shared_ptr<const Settings> settings;
  AccessKeys keys;
  FileStamp keys_stamp{};  ///< Of their file, before it was read.
};

/// Errors: kInvalid with file and line; those of the files.
Result<Loaded> load_settings(const std::string& file, const Clock& clock);
/// Only the keys, from where the configuration says.
Result<AccessKeys> load_keys(const Config& config);

}  // namespace stsfs::vend
