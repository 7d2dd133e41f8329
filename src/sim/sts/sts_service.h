#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "identity/access.h"

namespace stsfs::sim {

struct StsOptions {
  std::string region = "cn-hangzhou";
  /// DurationSeconds down to 1 s, for tests of renewal. Off: 900 s .. the role's maximum, as the
  /// service has it.
  bool allow_short_tokens = false;
  std::chrono::seconds duration_default{3'600};
  /// A session that assumes a role gets at most this (the service's limit is unconfirmed).
  std::chrono::seconds duration_max_chained{3'600};
  std::chrono::minutes timestamp_window{15};
  std::size_t nonces_max = 100'000;  ///< Remembered; above it the oldest are forgotten.
};

struct StsAnswer {
  int status = 200;
  std::string content_type;
  std::string body;  ///< Holds the new secret: never logged.
  std::string request_id;
  std::string code;           ///< Empty when it succeeded; for counters and logs.
  std::string action;         ///< As asked, bounded; for counters and logs.
  std::string access_key_id;  ///< The caller's, empty for unsigned calls.
};

/// STS over HTTP: AssumeRole, AssumeRoleWithOIDC, GetCallerIdentity; RPC (HMAC-SHA1) and ACS3.
///
/// Threads:  `handle` may be called at once on any thread.
/// Source:   STS API reference; what the official SDKs send.
class StsService {
 public:
  StsService(std::shared_ptr<const Directory> directory, std::shared_ptr<SessionTable> sessions,
             StsOptions options);
  ~StsService();
  StsService(const StsService&) = delete;
  StsService& operator=(const StsService&) = delete;

  StsAnswer handle(const WireRequest& request, std::string_view body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stsfs::sim
