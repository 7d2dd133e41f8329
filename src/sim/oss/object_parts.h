#pragma once

#include <optional>
#include <string>

#include "identity/refusals.h"
#include "operation.h"

/// What several operations on objects share: checking what a request says of an object, storing it,
/// telling it.
namespace stsfs::sim {

/// Headers, user metadata, class, ACL and tags of an object to be, as the request says; checked.
Verdict<Object> attributes_of(const Call& call);
/// x-oss-traffic-limit, in header or query.
std::optional<Refusal> check_traffic_limit(const Call& call);
/// 1 to 1,023 bytes of UTF-8, not beginning with `/` or `\`.
std::optional<Refusal> check_key(const std::string& key);
/// Conditions on a write: the service knows none (400 NotImplemented), unless the switch says so.
/// `attributes_of` has checked the headers.
std::optional<Refusal> check_write_headers(const Call& call);
/// Those that the switch lets through, against what stands there. 412; nullopt when all hold.
std::optional<Refusal> check_write_conditions(const Call& call, const ObjectPointer& present);
bool wants_forbid_overwrite(const Call& call);
/// Refuses when something stands there and may not be overwritten. Versioned buckets keep the old
/// version, and so never refuse.
std::optional<Refusal> check_overwrite(const BucketOptions& bucket, const ObjectPointer& present,
                                       bool forbid_overwrite);
/// Puts the object in, honouring x-oss-forbid-overwrite and conditions.
Verdict<Stored> store(Call& call, const std::string& key, const Object& object,
                      bool forbid_overwrite);

/// The version that the request names (`versionId`), or the current one.
Verdict<ObjectPointer> find(const Call& call, const std::string& key);
/// The same behind a symbolic link, as GET and HEAD see it; `link` is the link itself, else null.
struct Resolved {
  ObjectPointer object;
  ObjectPointer link;
};
Verdict<Resolved> resolve(const Call& call, const std::string& key);
/// InvalidObjectState when it lies in an archive.
std::optional<Refusal> check_readable(const Call& call, const Object& object);

/// If-Match and its kin, with `prefix` "" or "x-oss-copy-source-". 412 or 304; nullopt when all
/// hold.
std::optional<Refusal> check_conditions(const Call& call, const Object& object,
                                        const std::string& prefix);

/// The headers that GET and HEAD give of an object.
sign::Pairs headers_of(const Call& call, const Object& object, const Object& stored_in);
std::string restore_header(const Object& object, WallTime now);
/// What a write says beside its own: version and encryption.
void add_stored(sign::Pairs& headers, const Stored& stored);
/// `x-oss-tagging`: `a=1&b=2`, percent-encoded; nullopt when it is not that.
std::optional<Tags> read_tags(std::string_view tagging);
std::string etag_of_md5(const std::string& md5_base64);
std::string new_opaque_etag();

/// How keys are written in an answer.
class Names {
 public:
  explicit Names(const Call& call) : Names(call, call.query("encoding-type") == "url") {}
  Names(const Call& call, bool encoded)
      : encoded_(encoded), plus_(call.switches.list_space_as_plus) {}
  bool encoded() const { return encoded_; }
  std::string operator()(const std::string& name) const;

 private:
  const bool encoded_;
  const bool plus_;
};
/// The size that listings and GetObjectMeta tell: of a symbolic link that of its target's name.
std::uint64_t size_of(const Object& object);

/// "Content-MD5" against what came.
std::optional<Refusal> check_md5(const Call& call, const std::string& md5_base64);

}  // namespace stsfs::sim
