#pragma once

#include <optional>

#include "mount_options.h"
#include "mount_source.h"
#include "stsfs/credentials/credential.h"
#include "stsfs/oss/oss_store.h"

namespace stsfs::daemon {

/// Where the folder is: a bucket source says it itself, a vending server in its answer (`granted`);
/// options fill in what that lacks. kProtocol when nobody says.
Result<credentials::Folder> place_of(const MountSource& source, const MountOptions& options,
                                     const std::optional<credentials::Folder>& granted);

/// How its store is spoken to.
oss::OssStoreOptions store_options(const MountOptions& options, const credentials::Folder& place);

}  // namespace stsfs::daemon
