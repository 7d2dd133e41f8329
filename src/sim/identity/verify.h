#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "access.h"
#include "ram/ram_directory.h"
#include "sts_sessions.h"
#include "stsfs/base/mutex.h"
#include "stsfs/sign/digest.h"
#include "verify_parse.h"

namespace stsfs::sim {

/// OSS, "Include signatures in the Authorization header": 15 minutes either way.
inline constexpr std::chrono::minutes kSkewMax{15};
inline constexpr int kUrlExpiresMax = 604'800;  // seconds: 7 days

/// A key that may sign, with whose it is.
struct KnownKey {
  Principal principal;
  std::string_view secret;  ///< Lives as long as `principal` and the directory do.
};

/// Derived signing keys by (key id, scope), which saves four HMACs of each request. Nothing about
/// any request is kept. Bounded; emptied when full.
class DerivedKeys {
 public:
  template <class Derive>
  sign::Sha256 get(const std::string& name, Derive&& derive) STSFS_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (const auto found = keys_.find(name); found != keys_.end()) return found->second;
    }
    const sign::Sha256 key = derive();
    MutexLock lock(mutex_);
    if (keys_.size() >= kKeysMax) keys_.clear();
    keys_.emplace(name, key);
    return key;
  }

 private:
  static constexpr std::size_t kKeysMax = 8'192;
  Mutex mutex_;
  std::unordered_map<std::string, sign::Sha256> keys_ STSFS_GUARDED_BY(mutex_);
};

/// Checks signatures. Order: form → key → token → date and scope → signature.
///
/// Threads: every call may be made at once on any thread.
/// Source:  OSS, "Include signatures in the Authorization header" (V1, V4), "Add signatures to a
///          URL", the EC pages 0002-*; AWS, Signature Version 4.
class SignatureVerifier {
 public:
  SignatureVerifier(const Directory& directory, const SessionTable& sessions)
      : directory_(directory), sessions_(sessions) {}

  Verdict<Verified> verify(const WireRequest& request, std::span<const Target> candidates,
                           const AccessOptions& options);

 private:
  Verdict<Verified> oss_v4_header(const WireRequest& request, std::span<const Target> candidates,
                                  const AccessOptions& options);
  Verdict<Verified> oss_v4_url(const WireRequest& request, std::span<const Target> candidates,
                               const AccessOptions& options);
  Verdict<Verified> oss_v1_header(const WireRequest& request, std::span<const Target> candidates,
                                  const AccessOptions& options);
  Verdict<Verified> oss_v1_url(const WireRequest& request, std::span<const Target> candidates,
                               const AccessOptions& options);
  Verdict<Verified> aws_v4_header(const WireRequest& request, const AccessOptions& options);
  Verdict<Verified> aws_v4_url(const WireRequest& request, const AccessOptions& options);

  struct V4Claim;
  Verdict<Verified> match_v4(const WireRequest& request, std::span<const Target> candidates,
                             const V4Claim& claim, KnownKey key);

  const Directory& directory_;
  const SessionTable& sessions_;
  DerivedKeys derived_;
};

/// Key → token → expiry. `token` is empty when none was sent.
Verdict<KnownKey> find_key(const Directory& directory, const SessionTable& sessions,
                           std::string_view access_key_id, std::string_view token, WallTime now,
                           const AccessOptions& options);

// --- refusals that several forms share (verify_refusals.cc) ---

Refusal malformed(std::string_view name, std::string_view value, std::string message,
                  std::string ec = {});
Refusal too_skewed(WallTime request_time, WallTime now);
Refusal date_missing();
Refusal url_expired(std::string_view expires, WallTime now);
Refusal signature_mismatch(std::string_view access_key_id, std::string_view provided,
                           std::string_view string_to_sign, std::string_view canonical_request);

/// nullopt when within kSkewMax of each other.
std::optional<Refusal> check_skew(WallTime request_time, WallTime now);

}  // namespace stsfs::sim
