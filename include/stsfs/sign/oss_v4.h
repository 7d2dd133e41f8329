#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/sign/digest.h"
#include "stsfs/sign/request.h"

/// OSS signature version 4 (OSS4-HMAC-SHA256). Pure functions, for signing and for verifying.
/// Source: OSS API, "Include signatures in the Authorization header (V4)"; vectors in tests/sign.
namespace stsfs::sign::v4 {

inline constexpr std::string_view kAlgorithm = "OSS4-HMAC-SHA256";
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

/// Where and when a signature holds.
struct Scope {
  std::string_view day;     ///< `20260102`
  std::string_view region;  ///< `cn-hangzhou`, without `oss-`
  std::string_view product = "oss";
  std::string to_string() const;  ///< `20260102/cn-hangzhou/oss/aliyun_v4_request`
};

/// How a query parameter with an empty value is written: clients use the bare name, ali-oss
/// sometimes `name=` for all but sub-resources (`?uploads&prefix=`).
enum class EmptyValue { kBareName, kWithEquals, kSubresourceBare };

std::string canonical_request(const CanonicalInput& input,
                              const std::vector<std::string>& additional_headers,
                              EmptyValue empty = EmptyValue::kBareName);
/// `date` is the value of `x-oss-date`.
std::string string_to_sign(std::string_view date, const Scope& scope,
                           std::string_view canonical_request);
/// The derived key (kSigning); the same for a whole day.
Sha256 signing_key(std::string_view access_key_secret, const Scope& scope);
/// Lower hex.
std::string signature(const Sha256& signing_key, std::string_view string_to_sign);

/// What `sign_header` needs beside the request.
struct Options {
  std::string_view region;
  std::string_view product = "oss";
  std::vector<std::string> additional_headers = {};
};

/// The value of `Authorization`. `input.headers` must already hold `x-oss-date`,
/// `x-oss-content-sha256` and, for temporary credentials, `x-oss-security-token`.
std::string authorization(const CanonicalInput& input, const KeyPair& key, WallTime now,
                          const Options& options);

/// The query of a presigned URL: `input.query` plus the `x-oss-*` parameters and the signature,
/// decoded. `security_token` empty for long-term keys.
Pairs presigned_query(const CanonicalInput& input, const KeyPair& key,
                      std::string_view security_token, WallTime now, std::chrono::seconds expires,
                      const Options& options);

/// Remembers the derived signing key of the last (secret, day, region, product), which saves three
/// HMACs and more of each request (6 µs to under 1 µs).
///
/// Threads: any; a reader never waits for a writer longer than a pointer copy.
class SigningKeyCache {
 public:
  Sha256 get(std::string_view access_key_secret, const Scope& scope);

 private:
  struct Entry;
  Mutex mutex_;
  std::shared_ptr<const Entry> last_ STSFS_GUARDED_BY(mutex_);
};

/// The same as above with the key from `cache`.
std::string authorization(const CanonicalInput& input, const KeyPair& key, WallTime now,
                          const Options& options, SigningKeyCache& cache);

}  // namespace stsfs::sign::v4
