#pragma once

#include <optional>
#include <string>

#include "mount_options.h"
#include "settings.h"
#include "stsfs/base/clock.h"
#include "stsfs/credentials/sources.h"

namespace stsfs::daemon {

/// Name of the credential that a unit of systemd hands over (`LoadCredential=stsfs.password:…`).
inline constexpr const char* kPasswordCredential = "stsfs.password";

/// The path of the password that systemd handed to this process, if it did.
std::optional<std::string> handed_over_password(const Environment& environment);

/// How a daemon logs in where nobody sits at it: with the password of `password_command`, or with
/// that which systemd handed over. Empty where there is neither.
///
/// Errors: kInvalid: a password, but no `vend_user`; a command that is none.
Result<credentials::UnattendedLogin> unattended_login(const MountOptions& options,
                                                      const Environment& environment,
                                                      const Clock& clock);

}  // namespace stsfs::daemon
