#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "identity/access.h"
#include "identity/verify_parse.h"
#include "sts_answer.h"
#include "sts_service.h"
#include "stsfs/base/mutex.h"

namespace stsfs::sim {

inline constexpr std::size_t kStsBodyMax = 10 * 1024 * 1024;  // STS, "Request structure"
inline constexpr std::size_t kStsUrlMax = 64 * 1024;  // the service: 4 KB; OIDC tokens need more
inline constexpr std::size_t kStsParametersMax = 100;

/// A call with its parameters from wherever they stood.
struct StsCall {
  const WireRequest& request;
  std::string_view body;
  std::optional<Acs3Authorization> acs3;  ///< Else RPC.
  sign::Pairs parameters;                 ///< Query and form body.
  StsFormat format = StsFormat::kJson;
  std::string action;

  /// The parameter; nullptr when it was not sent.
  const std::string* find(std::string_view name) const;
  /// The parameter, or `Missing<Name>`.
  StsResult<std::string> need(std::string_view name) const;
};

/// The format first, so that what is wrong afterwards is said in it.
StsFormat format_of(const WireRequest& request, std::string_view body);
StsResult<StsCall> parse_sts_call(const WireRequest& request, std::string_view body);

/// The nonces of the last while. Bounded: when full, the oldest go first.
///
/// Threads: any.
class NonceTable {
 public:
  NonceTable(std::chrono::nanoseconds lifetime, std::size_t nonces_max)
      : lifetime_(lifetime), nonces_max_(nonces_max) {}
  /// False when it was used before.
  bool use(const std::string& nonce, WallTime now) STSFS_EXCLUDES(mutex_);

 private:
  const std::chrono::nanoseconds lifetime_;
  const std::size_t nonces_max_;
  Mutex mutex_;
  std::unordered_set<std::string> used_ STSFS_GUARDED_BY(mutex_);
  std::deque<std::pair<WallTime, std::string>> oldest_first_ STSFS_GUARDED_BY(mutex_);
};

/// Timestamp window → key → token → signature → nonce.
///
/// The nonce comes last: a request that nobody signed must not fill the table.
StsResult<Principal> authenticate(const StsCall& call, const Directory& directory,
                                  const SessionTable& sessions, NonceTable& nonces,
                                  const StsOptions& options);

}  // namespace stsfs::sim
