#pragma once

#include <functional>
#include <memory>
#include <string>

#include "stsfs/credentials/source.h"
#include "stsfs/credentials/token_store.h"
#include "stsfs/credentials/vending_client.h"

/// The sources of this version. Each is a `Source`, so that the renewer does not know which it has.
namespace stsfs::credentials {

/// A key that was handed over. It cannot be renewed: when OSS refuses it, that is the end.
std::unique_ptr<Source> static_source(Credential credential);

/// How a source asks for an environment variable; `getenv`, or a table in a test.
using Environment = std::function<const char*(const char* name)>;

/// OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN (also OSSSESSIONTOKEN), or the
/// ALIBABA_CLOUD_ names; the first set that is there, whole. Read once: the environment of a
/// running process does not change from outside.
///
/// Errors: kCredential: nothing there, or half of it (the message names what is missing).
Result<std::unique_ptr<Source>> environment_source(const Environment& environment);

/// A JSON file, mode 0600, in any shape that a vending answer may have (AccessKeyId,
/// AccessKeySecret and, for temporary ones, SecurityToken and Expiration). Read anew at each fetch,
/// so that whoever replaces it renews the credential.
std::unique_ptr<Source> file_source(std::string path);

/// A vending server, with the login token that `store` has for it.
///
/// The token is read anew at each fetch, so that a new login heals a mount, and is exchanged for
/// its successor when half of its life is over. Processes of one user take turns at that.
///
/// Lifetime: `client` and `store` are the source's own.
std::unique_ptr<Source> vending_source(std::unique_ptr<VendingClient> client, TokenStore store,
                                       const Clock& clock);

}  // namespace stsfs::credentials
