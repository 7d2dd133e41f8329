#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "access_key.h"
#include "config/config.h"
#include "metrics.h"
#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/sts/assume_role.h"

namespace stsfs::vend {

using StsClients = std::map<std::string, std::unique_ptr<sts::Client>>;  ///< By their endpoint.

/// Makes a person's session: the policy, the call, and what to do when it fails.
///
/// What is transient is tried again, with full jitter, until the time that the configuration gives
/// a credential is spent. A key that STS does not take is followed by the next one: that is how a
/// key is replaced without a gap.
///
/// Threads:  every call on any thread that may wait.
/// Lifetime: all that it is given outlives it.
class SessionMaker {
 public:
  SessionMaker(KeyRing& keys, Metrics& metrics, const Clock& clock, Interrupt& interrupt)
      : keys_(keys), metrics_(metrics), clock_(clock), interrupt_(interrupt) {}

  /// `session_name` stands in OSS's logs; empty: the user's.
  ///
  /// Errors: those of sts::Client; kInvalid when there is no client for the folder's endpoint.
  Result<sts::Session> make(const std::string& user, const FolderConfig& folder,
                            const StsClients& clients, std::chrono::seconds timeout,
                            const std::string& session_name = {});

 private:
  Result<sts::Session> try_keys(const sts::AssumeRoleRequest& request, sts::Client& client,
                                Deadline deadline);
  /// False when it is time to stop.
  bool pause(int attempt, const Error& error, Deadline deadline);

  KeyRing& keys_;
  Metrics& metrics_;
  const Clock& clock_;
  Interrupt& interrupt_;
};

}  // namespace stsfs::vend
