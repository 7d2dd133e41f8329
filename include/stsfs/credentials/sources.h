#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stsfs/credentials/source.h"
#include "stsfs/credentials/token_store.h"
#include "stsfs/credentials/vending_client.h"

/// The sources of this version. Each is a `Source`, so that the renewer does not know which it has.
namespace stsfs::credentials {

/// A key that was handed over; `name` says to people where from. It cannot be renewed: when OSS
/// refuses it, that is the end.
std::unique_ptr<Source> static_source(Credential credential, std::string name = "static key");

/// How a source asks for an environment variable; `getenv`, or a table in a test.
using Environment = std::function<const char*(const char* name)>;

/// OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN (also OSSSESSIONTOKEN), or the
/// ALIBABA_CLOUD_ names; the first set that is there, whole. Read once: the environment of a
/// running process does not change from outside.
///
/// Errors: kCredential: nothing there, or half of it (the message names what is missing).
Result<std::unique_ptr<Source>> environment_source(const Environment& environment);

/// A JSON file, mode 0600, in any shape that a vending answer may have (AccessKeyId,
/// AccessKeySecret and, for temporary ones, SecurityToken and Expiration). Read anew at each fetch;
/// with `watch`, whoever replaces it has renewed the credential at once.
std::unique_ptr<Source> file_source(std::string path);

/// A program that prints the same JSON on its standard output. `command` as `split_command` gives
/// it; run as `run_command` says, for at most 10 s. What it prints without an Expiration is used
/// until OSS refuses it.
std::unique_ptr<Source> process_source(std::vector<std::string> command, const Clock& clock);

struct UriOptions {
  std::string url;
  /// Allows `http://` to any machine; to this one and to link-local addresses, where such services
  /// of clouds live, it is allowed anyway.
  bool insecure_http = false;
};
/// A credentials URI (ALIBABA_CLOUD_CREDENTIALS_URI): a plain GET whose answer has any of the
/// shapes in use. The URL itself may be the secret, so no message shows more of it than its host.
///
/// Errors: kInvalid: no URL, or one that a secret must not come from.
Result<std::unique_ptr<Source>> uri_source(http::Engine& engine, const Clock& clock,
                                           UriOptions options);

struct EcsOptions {
  std::string role;     ///< Empty: the service is asked which.
  std::string address;  ///< Scheme and host; empty: http://100.100.100.200, the one of every ECS.
  bool may_fall_back = true;  ///< To requests without a token (IMDS v1), where there is no v2.
  /// For one answer; on an instance it comes in a millisecond, elsewhere it never comes.
  std::chrono::milliseconds answer_timeout{1'000};
};
/// The RAM role of the ECS instance that this runs on.
std::unique_ptr<Source> ecs_source(http::Engine& engine, const Clock& clock, EcsOptions options);

/// What AssumeRole is asked for, by either of the two sources below.
struct RoleOptions {
  std::string role_arn;      ///< `acs:ram::<account>:role/<name>`
  std::string session_name;  ///< 2 to 64 of `a-z A-Z 0-9 . @ - _`
  std::string sts_endpoint;  ///< `https://sts.cn-hangzhou.aliyuncs.com`
  std::chrono::seconds duration{3'600};
};
/// A role of RAM that is assumed with the long-term key of a RAM user, which `key` gives.
///
/// Errors: kInvalid: the options make no sense.
Result<std::unique_ptr<Source>> assume_role_source(std::unique_ptr<Source> key,
                                                   http::Engine& engine, const Clock& clock,
                                                   RoleOptions options);

struct OidcOptions {
  RoleOptions role;
  std::string provider_arn;  ///< `acs:ram::<account>:oidc-provider/<name>`
  std::string token_file;    ///< Read anew at each fetch: whoever made it also renews it.
};
/// A role that is assumed with the token of an OpenID Connect provider, as RRSA gives one to each
/// pod of a Kubernetes cluster. Without any key.
Result<std::unique_ptr<Source>> oidc_source(http::Engine& engine, const Clock& clock,
                                            OidcOptions options);

/// How somebody who is not there logs in: at boot, or when the token was revoked.
struct UnattendedLogin {
  std::string username;
  /// Empty: nobody can log in but a person.
  std::function<Result<Secret>(Deadline deadline, Interrupt& interrupt)> password;
};

/// A vending server, with the login token that `store` has for it.
///
/// The token is read anew at each fetch, so that a new login heals a mount, and is exchanged for
/// its successor when half of its life is over. Processes of one user take turns at that. Where
/// there is no token, or the server does not know it any more, `login` is tried, and not again with
/// a password that the server has refused.
///
/// Lifetime: `client` and `store` are the source's own.
std::unique_ptr<Source> vending_source(std::unique_ptr<VendingClient> client, TokenStore store,
                                       const Clock& clock, UnattendedLogin login = {});

}  // namespace stsfs::credentials
