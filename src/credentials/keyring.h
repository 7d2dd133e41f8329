#pragma once

#include <string>
#include <string_view>

#include "stsfs/base/result.h"
#include "stsfs/base/secret.h"

/// Secrets in the kernel's keyring of this user (`@u`, keyrings(7)): every process of the user
/// finds them, they are never on a disk, and go with a reboot.
///
/// Errors: kNotFound; kNotSupported where the kernel or a container does not let us.
namespace stsfs::credentials {

Result<Secret> read_key(const std::string& name);
/// Replaces what is there under the same name.
Result<void> write_key(const std::string& name, std::string_view secret);
/// False: there was none.
Result<bool> erase_key(const std::string& name);

}  // namespace stsfs::credentials
