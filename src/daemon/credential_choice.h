#pragma once

#include <memory>

#include "mount_options.h"
#include "settings.h"
#include "stsfs/base/await.h"
#include "stsfs/credentials/source.h"
#include "stsfs/http/engine.h"

namespace stsfs::daemon {

/// Where credentials come from when nobody said (`credentials=auto`): the vending server, if the
/// source is one or `vend=` is set; else whichever of `credentials_file`, `credentials_process` and
/// `credentials_uri` is set; else the first that the environment tells of, in the order of the
/// official SDKs: a key, an OIDC token, a credentials URI; else ECS metadata.
CredentialKind choose_credentials(const MountOptions& options, const Environment& environment);

/// What the environment says where the options do not: ALIBABA_CLOUD_CREDENTIALS_URI,
/// ALIBABA_CLOUD_ROLE_ARN and the other names of the official SDKs.
MountOptions with_environment(MountOptions options, const Environment& environment);

/// kInvalid when the kind of source lacks what it cannot do without, and the environment cannot
/// have either.
Result<void> check_credentials(const MountOptions& options);

/// The source that `options` ask for. `state_directory` is where login tokens are kept.
///
/// Errors: kInvalid: an option is missing, with its name; kCredential: the environment holds no
///         key, or half of one.
Result<std::unique_ptr<credentials::Source>> make_source(const MountOptions& options,
                                                         const std::string& state_directory,
                                                         const Environment& environment,
                                                         http::Engine& engine, const Clock& clock);

}  // namespace stsfs::daemon
