#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "stsfs/base/clock.h"
#include "stsfs/sign/request.h"
#include "switches.h"

/// Who sent a request, and whether they may do what it asks. `Access` joins the two halves: the
/// signature verifier and the RAM policies; `StsService` (sts_service.h) hands out the sessions
/// that both know.
namespace stsfs::sim {

struct User;     // ram_directory.h
struct Session;  // sts_sessions.h
class Directory;
class SessionTable;

/// A request as it came over the wire: what signatures cover and policies ask about.
struct WireRequest {
  std::string method;          ///< Upper case.
  std::string path;            ///< Still percent-encoded, with the leading `/`, without the query.
  sign::Pairs query;           ///< Decoded (a `+` is a space), in the order sent.
  sign::Pairs headers;         ///< Names in any case, values as sent.
  std::string host;            ///< The `Host` header, with its port if it had one.
  bool secure = false;         ///< Came over TLS.
  std::string remote_address;  ///< Numeric, without a port.
  WallTime now{};              ///< The server's time, its offset applied.

  /// The first header of that name; empty when there is none. Views into this request.
  std::string_view header(std::string_view lower_name) const;
  bool has_header(std::string_view lower_name) const;
  /// The first query parameter of that name (case matters); nullptr when there is none.
  const std::string* parameter(std::string_view name) const;
};

/// One reading of which object a request means. Both empty: the service. The key is decoded.
struct Target {
  std::string bucket;
  std::string key;
};

/// Why a request is answered with an error, in the words of the service.
struct Refusal {
  int status = 403;
  std::string code;
  std::string message;
  std::string ec;            ///< `0002-00000040`; empty where OSS documents none.
  sign::Pairs extra = {};    ///< More XML elements after HostId, in order; values not yet escaped.
  sign::Pairs headers = {};  ///< More headers, as x-oss-delete-marker.
};

template <class T>
using Verdict = tl::expected<T, Refusal>;

/// Who is asking.
struct Principal {
  enum class Kind { kAnonymous, kAccount, kUser, kRoleSession };
  Kind kind = Kind::kAnonymous;
  std::string account_id;            ///< Empty for anonymous.
  std::string access_key_id;         ///< Empty for anonymous.
  std::string arn;                   ///< `acs:ram::123456789012:user/vending`; empty for anonymous.
  std::shared_ptr<const User> user;  ///< For kUser.
  std::shared_ptr<const Session> session;  ///< For kRoleSession.
};

enum class SignatureKind { kNone, kOssV1, kOssV4, kAwsV4 };

/// How the body of an AWS request is protected; `AwsPayload` (verify_payload.h) checks it.
struct PayloadTerms {
  enum class Kind { kPlain, kHashed, kChunksSigned, kChunksUnsigned };
  Kind kind = Kind::kPlain;
  bool trailer = false;        ///< Chunked with trailing headers (a checksum).
  std::string sha256_hex;      ///< kHashed: what the body must hash to.
  std::string seed_signature;  ///< kChunksSigned: the rest is what chunk signatures are made of.
  std::string date;
  std::string scope;
  std::vector<std::byte> signing_key;
};

struct Verified {
  Principal principal;
  std::size_t candidate = 0;  ///< Which reading of the request the signature is for.
  SignatureKind signature = SignatureKind::kNone;
  bool presigned = false;  ///< The signature stood in the URL.
  PayloadTerms payload = {};
};

enum class CannedAcl { kDefault, kPrivate, kPublicRead, kPublicReadWrite };

/// One thing that a request wants to do. A copy asks twice, a DeleteMultiple once a key.
struct AccessQuestion {
  std::string_view action;  ///< `oss:GetObject`
  std::string_view bucket;  ///< Empty for the service (`oss:ListBuckets`).
  std::string_view key;     ///< Empty for bucket-level actions.
  /// What the operation knows beside the request: `oss:Prefix` and `oss:Delimiter` of a listing (an
  /// absent one as ""), `oss:ExistingObjectTag/k`, `oss:RequestObjectTag/k`. Buckets have no
  /// tags here, and so no `oss:BucketTag/k`. `acs:*` values are taken from the request itself.
  std::vector<std::pair<std::string, std::string>> conditions = {};
  CannedAcl bucket_acl = CannedAcl::kPrivate;
  CannedAcl object_acl = CannedAcl::kDefault;  ///< kDefault also when there is no object yet.
  std::string_view bucket_owner = {};          ///< Account id; empty: the document's first account.
};

struct Denial {
  std::uint64_t number = 0;  ///< Counts from 1 and never repeats.
  WallTime time{};
  std::string principal;  ///< The arn, or `anonymous`.
  std::string access_key_id;
  std::string action;
  std::string resource;
  std::string reason;  ///< Which step of the evaluation said no, for people.
};

struct AccessOptions {
  std::string region = "cn-hangzhou";  ///< What V4 scopes must name.
  Switches switches = {};
};

/// Threads:  every call may be made at once on any thread.
/// Lifetime: directory and sessions are shared with the STS service.
class Access {
 public:
  Access(std::shared_ptr<const Directory> directory, std::shared_ptr<SessionTable> sessions,
         AccessOptions options);
  ~Access();
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

  /// Checks the signature against each reading of the request in turn; a request without any
  /// signature is anonymous and takes the first. Nothing is remembered of earlier signatures.
  /// `candidates` must not be empty.
  Verdict<Verified> verify(const WireRequest& request, std::span<const Target> candidates) const;

  /// nullopt when it may. Each refusal is also kept in the denial log.
  std::optional<Refusal> authorize(const Principal& principal, const WireRequest& request,
                                   const AccessQuestion& question) const;

  /// From now on the key (a session's or a user's) is refused with InvalidAccessKeyId. False when
  /// there is no such key.
  bool revoke(std::string_view access_key_id);

  /// Replaces (empty text: removes) the bucket's policy; a message for people when it is not one.
  std::optional<std::string> set_bucket_policy(std::string_view bucket, std::string_view json);
  /// The text as it was set; empty when the bucket has none.
  std::string bucket_policy(std::string_view bucket) const;

  AccessOptions options() const;
  void set_options(AccessOptions options);

  /// The last refusals of `authorize`, oldest first, bounded (kDenialsMax).
  std::vector<Denial> denials() const;
  static constexpr std::size_t kDenialsMax = 1'000;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stsfs::sim
