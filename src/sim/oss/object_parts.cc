#include "object_parts.h"

#include <algorithm>
#include <array>

#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::sim {
namespace {

constexpr std::size_t kUserMetadataMax = 8 * 1024;
constexpr std::size_t kKeyMax = 1023;
constexpr std::array<std::string_view, 6> kStoredHeaders{"content-type",        "cache-control",
                                                         "content-disposition", "content-encoding",
                                                         "content-language",    "expires"};
constexpr std::array<std::string_view, 4> kAcls{"default", "private", "public-read",
                                                "public-read-write"};
constexpr std::array<std::string_view, 3> kEncryptions{"AES256", "KMS", "SM4"};
constexpr std::size_t kTagsMax = 10;
// Bits a second. Source: OSS, "Single-connection bandwidth throttling".
constexpr std::uint64_t kTrafficLimitMin = 819'200;
constexpr std::uint64_t kTrafficLimitMax = 838'860'800;

/// Letters, digits and `-`: underscores are refused (EC 0011-00000004).
bool is_metadata_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::optional<Refusal> take_user_metadata(const Call& call, Object& object) {
  std::size_t size = 0;
  for (const auto& [name, value] : call.request.headers) {
    const std::string lower = to_lower(name);
    if (!lower.starts_with("x-oss-meta-")) continue;
    const std::string short_name = lower.substr(11);
    if (!is_metadata_name(short_name))
      return refuse(400, "InvalidArgument", "The name of user metadata has a bad character.",
                    "0011-00000004")
          .value();
    object.user[short_name] = std::string(trim(value));
    size += short_name.size() + value.size();
  }
  if (size > kUserMetadataMax)
    return refuse(400, "InvalidArgument", "The size of user metadata exceeds 8 KB.",
                  "0011-00000002")
        .value();
  return std::nullopt;
}

std::optional<Refusal> take_tags(const Call& call, Object& object) {
  const std::string_view tagging = call.header("x-oss-tagging");
  if (tagging.empty()) return std::nullopt;
  auto tags = read_tags(tagging);
  if (!tags) return refuse(400, "InvalidTag", "The tag is not valid.", "0010-00000219").value();
  object.tags = std::move(*tags);
  if (object.tags.size() > kTagsMax)
    return refuse(400, "BadRequest", "Object tags cannot be greater than 10").value();
  return authorize(call, "oss:PutObjectTagging", call.key);
}

std::optional<Refusal> not_implemented(const char* header) {
  return refuse(400, "NotImplemented",
                "A header you provided implies functionality that is not implemented.", "",
                {{"Header", header}})
      .value();
}

/// Nothing is encrypted: it is kept to be told.
std::optional<Refusal> take_encryption(const Call& call, Object& object) {
  constexpr const char* kMethod = "x-oss-server-side-encryption";
  constexpr const char* kKey = "x-oss-server-side-encryption-key-id";
  const std::string method(call.header(kMethod));
  constexpr const char* kData = "x-oss-server-side-data-encryption";
  const std::string key(call.header(kKey));
  const std::string data(call.header(kData));
  if (call.request.has_header(kMethod) &&
      std::find(kEncryptions.begin(), kEncryptions.end(), method) == kEncryptions.end())
    return refuse(400, "InvalidEncryptionAlgorithmError",
                  "The Encryption Method you specified is not valid.", "",
                  {{"ArgumentName", kMethod}, {"ArgumentValue", method}})
        .value();
  if (!key.empty() && method != "KMS")
    return invalid_argument(kKey, key, "A key id needs the encryption method KMS.").value();
  if (!data.empty() && (method != "KMS" || data != "SM4"))
    return invalid_argument(kData, data, "It is SM4, with the encryption method KMS.").value();
  if (!method.empty()) object.encryption.emplace_back(kMethod, method);
  if (!key.empty()) object.encryption.emplace_back(kKey, key);
  if (!data.empty()) object.encryption.emplace_back(kData, data);
  return std::nullopt;
}

}  // namespace

std::optional<Tags> read_tags(std::string_view tagging) {
  Tags tags;
  for (const std::string_view pair : split(tagging, '&')) {
    const auto equals = pair.find('=');
    const auto name = percent_decode(pair.substr(0, equals));
    const auto value =
        percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!name || !value || name->empty() || name->size() > 128 || value->size() > 256)
      return std::nullopt;
    tags.emplace_back(*name, *value);
  }
  return tags;
}

std::optional<Refusal> check_traffic_limit(const Call& call) {
  constexpr const char* kName = "x-oss-traffic-limit";
  if (!call.request.has_header(kName) && !call.has_query(kName)) return std::nullopt;
  const std::string given =
      call.has_query(kName) ? call.query(kName) : std::string(call.header(kName));
  const auto limit = parse_u64(given);
  if (limit && *limit >= kTrafficLimitMin && *limit <= kTrafficLimitMax) return std::nullopt;
  return invalid_argument(kName, given, "The traffic limit must be 819200 to 838860800.").value();
}

std::optional<Refusal> check_key(const std::string& key) {
  constexpr const char* kInvalid = "The specified object is not valid.";
  const auto bad = [&](const char* message, const char* ec) {
    return refuse(400, "InvalidObjectName", message, ec, {{"ObjectName", key.substr(0, 64)}})
        .value();
  };
  if (key.empty()) return bad(kInvalid, "0016-00000001");
  if (key.size() > kKeyMax)
    return bad("The Length of Object name must be less than 1024.", "0016-00000003");
  if (!is_valid_utf8(key)) return bad(kInvalid, "0016-00000004");
  if (key[0] == '/' || key[0] == '\\') return bad(kInvalid, "0016-00000005");
  if (key.find('\0') != std::string::npos) return bad(kInvalid, "");
  return std::nullopt;
}

std::optional<Refusal> check_write_headers(const Call& call) {
  for (const char* name : {"if-modified-since", "if-unmodified-since"})
    if (call.request.has_header(name)) return not_implemented(name);
  for (const char* name : {"if-match", "if-none-match"})
    if (call.request.has_header(name) && !call.switches.put_honours_if_match)
      return not_implemented(name);
  return std::nullopt;
}

std::optional<Refusal> check_write_conditions(const Call& call, const ObjectPointer& present) {
  const std::string_view match = call.header("if-match");
  const std::string_view none_match = call.header("if-none-match");
  const bool matches = match.empty() || (present && (match == "*" || match == present->etag));
  const bool differs =
      none_match.empty() || !present || (none_match != "*" && none_match != present->etag);
  if (matches && differs) return std::nullopt;
  return precondition_failed().value();
}

bool wants_forbid_overwrite(const Call& call) {
  return equals_ignoring_case(call.header("x-oss-forbid-overwrite"), "true");
}

Verdict<Object> attributes_of(const Call& call) {
  if (auto refusal = check_write_headers(call)) return tl::unexpected(*refusal);
  Object object;
  object.last_modified = call.now;
  object.storage_class = call.bucket->options().storage_class;
  for (const std::string_view name : kStoredHeaders)
    if (call.request.has_header(name)) object.headers.emplace_back(name, call.header(name));
  if (!call.request.has_header("content-type"))
    object.headers.emplace_back("content-type", "application/octet-stream");
  if (auto refusal = take_user_metadata(call, object)) return tl::unexpected(*refusal);
  if (auto refusal = take_tags(call, object)) return tl::unexpected(*refusal);
  if (auto refusal = take_encryption(call, object)) return tl::unexpected(*refusal);
  if (const std::string acl(call.header("x-oss-object-acl")); !acl.empty()) {
    if (std::find(kAcls.begin(), kAcls.end(), acl) == kAcls.end())
      return invalid_argument("x-oss-object-acl", acl, "no such object access control exists");
    if (call.switches.object_acl_needs_its_right)
      if (auto refusal = authorize(call, "oss:PutObjectAcl", call.key))
        return tl::unexpected(std::move(*refusal));
    object.acl = acl;
  }
  if (const std::string wanted(call.header("x-oss-storage-class")); !wanted.empty()) {
    if (!is_storage_class(wanted))
      return invalid_argument("x-oss-storage-class", wanted, "The storage class is not valid.");
    object.storage_class = wanted;
  }
  return object;
}

std::optional<Refusal> check_overwrite(const BucketOptions& bucket, const ObjectPointer& present,
                                       bool forbid_overwrite) {
  if (!forbid_overwrite || !present || bucket.versioning != Versioning::kOff) return std::nullopt;
  return already_exists().value();
}

Verdict<Stored> store(Call& call, const std::string& key, const Object& object,
                      bool forbid_overwrite) {
  const BucketOptions bucket = call.bucket->options();
  return call.bucket->update(key, [&](const ObjectPointer& present) -> Verdict<Object> {
    if (auto refusal = check_overwrite(bucket, present, forbid_overwrite))
      return tl::unexpected(std::move(*refusal));
    if (auto refusal = check_write_conditions(call, present))
      return tl::unexpected(std::move(*refusal));
    return object;
  });
}

Verdict<ObjectPointer> find(const Call& call, const std::string& key) {
  const std::string version = call.query("versionId");
  ObjectPointer object = call.bucket->find(key, version);
  // A directory goes by its name with and without the slash.
  if (!object && version.empty() && call.bucket->options().hierarchical && !key.ends_with('/'))
    object = call.bucket->find(key + "/");
  if (!object && !version.empty())
    return refuse(404, "NoSuchVersion", "The specified version does not exist.", "",
                  {{"Key", key}, {"VersionId", version}});
  if (!object && call.switches.missing_key_needs_list_right)
    if (auto refusal = authorize_listing(call, key)) return tl::unexpected(std::move(*refusal));
  if (!object && call.bucket->is_deleted(key)) {
    auto refusal = no_such_key(key);
    refusal.value().headers.emplace_back("x-oss-delete-marker", "true");
    return refusal;
  }
  if (!object) return no_such_key(key);
  if (object->delete_marker) {
    auto refusal = refuse(405, "MethodNotAllowed",
                          "The specified method is not allowed against this resource.");
    refusal.value().headers.emplace_back("Allow", "DELETE");
    return refusal;
  }
  return object;
}

Verdict<Resolved> resolve(const Call& call, const std::string& key) {
  auto object = find(call, key);
  if (!object) return tl::unexpected(std::move(object.error()));
  if ((*object)->kind != ObjectKind::kSymlink) return Resolved{*object, nullptr};
  const auto target_key = percent_decode((*object)->symlink_target);
  // The service asks for the right to read the target here, not when the link is made.
  if (target_key)
    if (auto refusal = authorize(call, "oss:GetObject", *target_key))
      return tl::unexpected(std::move(*refusal));
  const ObjectPointer target = target_key ? call.bucket->find(*target_key) : nullptr;
  if (!target)
    return refuse(404, "SymlinkTargetNotExist", "The symlink target object does not exist.",
                  "0026-00000012");
  if (target->kind == ObjectKind::kSymlink)
    return refuse(400, "InvalidTargetType", "The symlink's target object type is not valid.");
  return Resolved{target, *object};
}

std::optional<Refusal> check_readable(const Call& call, const Object& object) {
  if (object.storage_class.find("Archive") == std::string::npos) return std::nullopt;
  const bool restored = object.restore.ready_at && *object.restore.ready_at <= call.now &&
                        (!object.restore.expires || call.now < *object.restore.expires);
  if (restored) return std::nullopt;
  return refuse(403, "InvalidObjectState", "The operation is not valid for the object's state",
                "0016-00000404")
      .value();
}

std::optional<Refusal> check_conditions(const Call& call, const Object& object,
                                        const std::string& prefix) {
  const auto same = [&](std::string_view wanted) {
    for (const std::string_view one : split(wanted, ',')) {
      const std::string_view etag = trim(one);
      if (etag == "*" || etag == object.etag || "\"" + std::string(etag) + "\"" == object.etag)
        return true;
    }
    return false;
  };
  const auto unchanged = [] { return refuse(304, "NotModified", "Not Modified").value(); };
  const std::string match(call.header(prefix + "if-match"));
  const std::string none_match(call.header(prefix + "if-none-match"));
  if (!match.empty() && !same(match)) return precondition_failed().value();
  if (!none_match.empty() && same(none_match)) return unchanged();
  const auto unmodified = parse_http_date(call.header(prefix + "if-unmodified-since"));
  if (unmodified && match.empty() && object.last_modified > *unmodified)
    return precondition_failed().value();
  const auto modified = parse_http_date(call.header(prefix + "if-modified-since"));
  if (modified && none_match.empty() && object.last_modified <= *modified) return unchanged();
  return std::nullopt;
}

std::string restore_header(const Object& object, WallTime now) {
  if (!object.restore.ready_at) return "";
  if (*object.restore.ready_at > now) return "ongoing-request=\"true\"";
  return "ongoing-request=\"false\", expiry-date=\"" +
         format_http_date(object.restore.expires.value_or(now)) + "\"";
}

sign::Pairs headers_of(const Call& call, const Object& object, const Object& stored_in) {
  sign::Pairs out = stored_in.headers;
  out.emplace_back("ETag", object.etag);
  out.emplace_back("Last-Modified",
                   format_http_date(std::max(object.last_modified, stored_in.last_modified)));
  out.emplace_back("x-oss-object-type", name_of(stored_in.kind));
  out.emplace_back("x-oss-storage-class", object.storage_class);
  if (object.has_crc64)
    out.emplace_back("x-oss-hash-crc64ecma", std::to_string(object.content.crc64()));
  if (!object.content_md5.empty()) out.emplace_back("Content-MD5", object.content_md5);
  if (object.kind == ObjectKind::kAppendable)
    out.emplace_back("x-oss-next-append-position", std::to_string(object.content.size()));
  if (const std::string restore = restore_header(object, call.now); !restore.empty())
    out.emplace_back("x-oss-restore", restore);
  out.insert(out.end(), object.encryption.begin(), object.encryption.end());
  if (!stored_in.tags.empty())
    out.emplace_back("x-oss-tagging-count", std::to_string(stored_in.tags.size()));
  if (call.bucket->options().versioning != Versioning::kOff)
    out.emplace_back("x-oss-version-id", stored_in.version_id);
  for (const auto& [name, value] : stored_in.user) out.emplace_back("x-oss-meta-" + name, value);
  return out;
}

void add_stored(sign::Pairs& headers, const Stored& stored) {
  const sign::Pairs& encryption = stored.object->encryption;
  headers.insert(headers.end(), encryption.begin(), encryption.end());
  if (stored.versioned) headers.emplace_back("x-oss-version-id", stored.object->version_id);
}

std::string Names::operator()(const std::string& name) const {
  if (!encoded_) return name;
  std::string out = percent_encode(name);
  if (plus_)
    for (auto at = out.find("%20"); at != std::string::npos; at = out.find("%20", at))
      out.replace(at, 3, "+");
  return out;
}

std::uint64_t size_of(const Object& object) {
  return object.kind == ObjectKind::kSymlink ? object.symlink_target.size() : object.content.size();
}

std::string etag_of_md5(const std::string& md5_base64) {
  return "\"" + hex_upper(base64_decode(md5_base64).value_or(std::vector<std::byte>())) + "\"";
}

std::string new_opaque_etag() {
  std::string out = random_hex(16);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; });
  return "\"" + out + "\"";
}

std::optional<Refusal> check_md5(const Call& call, const std::string& md5_base64) {
  const std::string_view wanted = call.header("content-md5");
  if (wanted.empty() || wanted == md5_base64) return std::nullopt;
  const auto bytes = base64_decode(wanted);
  const bool is_digest = bytes && bytes->size() == 16;
  const char* message = is_digest ? "The Content-MD5 you specified did not match what we received."
                                  : "The Content-MD5 you specified is not valid.";
  return refuse(400, "InvalidDigest", message, is_digest ? "0017-00000503" : "0017-00000502",
                {{"Content-MD5", std::string(wanted)}})
      .value();
}

}  // namespace stsfs::sim
