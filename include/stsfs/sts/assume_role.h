#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/secret.h"
#include "stsfs/http/engine.h"

/// Alibaba Cloud's Security Token Service, as a vending server uses it.
namespace stsfs::sts {

/// The long-term key of the RAM user that may assume the role.
struct AccessKey {
  std::string id;
  Secret secret;
};

enum class SignatureKind {
  kAcs3,  ///< ACS3-HMAC-SHA256 over headers.
  kRpc,   ///< Version 1.0, HMAC-SHA1 over parameters: for what does not know ACS3.
};

struct StsOptions {
  /// `https://sts.cn-hangzhou.aliyuncs.com`: scheme and host, no path.
  std::string endpoint;
  SignatureKind signature = SignatureKind::kAcs3;

  Result<void> validate() const;
};

struct AssumeRoleRequest {
  std::string role_arn;      ///< `acs:ram::<account>:role/<name>`
  std::string session_name;  ///< 2 to 64 of `a-z A-Z 0-9 . @ - _`; stands in OSS's logs.
  std::chrono::seconds duration{3'600};
  std::string policy;       ///< JSON, at most 2,048 bytes; empty: all that the role may.
  std::string external_id;  ///< Empty: none.
};

/// What STS handed out.
struct Session {
  std::string access_key_id;
  Secret access_key_secret;
  Secret security_token;
  WallTime expiration;
  std::string arn;         ///< `acs:ram::<account>:role/<name>/<session>`
  std::string request_id;  ///< For the audit log and for Alibaba's support.
};

/// Calls AssumeRole, once: who retries is for the layer above to say.
///
/// Threads: every call on any thread that may wait; several at once.
/// Errors:  kDenied (no permission, unknown role), kCredential (our key is unknown, disabled or
///          does not sign well), kInvalid (a parameter; a policy that is too long), kClockSkew,
///          kThrottled and kUnavailable (try again; `retry_after` where STS says), kTimedOut,
///          kProtocol. The message has STS's code, its request id and the remedy.
/// Source:  STS API, AssumeRole.
class Client {
 public:
  static Result<std::unique_ptr<Client>> create(http::Engine& engine, const Clock& clock,
                                                const StsOptions& options);

  Result<Session> assume_role(const AccessKey& key, const AssumeRoleRequest& request,
                              Deadline deadline, Interrupt& interrupt);

 private:
  Client(http::Engine& engine, const Clock& clock, StsOptions options)
      : engine_(engine), clock_(clock), options_(std::move(options)) {}

  http::Engine& engine_;
  const Clock& clock_;
  const StsOptions options_;
};

}  // namespace stsfs::sts
