#include <algorithm>

#include "object_parts.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "xml.h"

namespace stsfs::sim {
namespace {

constexpr std::uint64_t kKeysMax = 1000;
constexpr std::uint64_t kKeysDefault = 100;

void add_owner(XmlElement element, const Cloud& cloud) {
  XmlElement owner = element.add("Owner");
  owner.add("ID", cloud.owner());
  owner.add("DisplayName", cloud.owner());
}

/// The token of a listing that goes on after `last`: base64 of a protobuf field 1 with `=` as `-`,
/// as OSS's look.
std::string token_after(const std::string& last) {
  std::string bytes = "\n";
  std::size_t size = last.size();
  for (; size >= 0x80; size >>= 7) bytes += static_cast<char>((size & 0x7F) | 0x80);
  bytes += static_cast<char>(size);
  std::string out = base64_encode(as_bytes(bytes + last));
  std::replace(out.begin(), out.end(), '=', '-');
  return out;
}

std::optional<std::string> name_in_token(std::string token) {
  std::replace(token.begin(), token.end(), '-', '=');
  const auto bytes = base64_decode(token);
  if (!bytes || bytes->size() < 2 || (*bytes)[0] != std::byte{'\n'}) return std::nullopt;
  std::size_t at = 1;
  while (at < bytes->size() && ((*bytes)[at] & std::byte{0x80}) != std::byte{0}) ++at;
  if (at + 1 > bytes->size()) return std::nullopt;
  return std::string(as_text(*bytes).substr(at + 1));
}

Verdict<ListOptions> list_options(const Call& call) {
  ListOptions options;
  options.prefix = call.query("prefix");
  options.delimiter = call.query("delimiter");
  const std::string max = call.query("max-keys");
  const auto number = max.empty() ? kKeysDefault : parse_u64(max).value_or(0);
  if (number < 1 || number > kKeysMax)
    return invalid_argument("max-keys", max,
                            "Argument max-keys must be an integer between 1 and 1000.",
                            call.has_query("versions") ? "0012-00000102" : "0015-00000402");
  options.keys_max = number;
  for (const char* name : {"prefix", "marker", "start-after", "delimiter"})
    if (call.query(name).size() > 1023)
      return invalid_argument(name, call.query(name).substr(0, 64),
                              "It is longer than 1023 bytes.");
  if (const std::string encoding = call.query("encoding-type");
      !encoding.empty() && encoding != "url")
    return invalid_argument("encoding-type", encoding,
                            "Invalid Encoding Method specified in Request.");
  return options;
}

void add_objects(const Call& call, XmlElement root, const Listing& listing, const Names& names,
                 bool with_owner) {
  for (const auto& [key, object] : listing.objects) {
    XmlElement element = root.add("Contents");
    element.add("Key", names(key));
    element.add("LastModified", format_iso8601_millis(object->last_modified));
    element.add("ETag", object->etag);
    element.add("Type", name_of(object->kind));
    element.add("Size", std::to_string(size_of(*object)));
    element.add("StorageClass", object->storage_class);
    if (const std::string restore = restore_header(*object, call.now); !restore.empty())
      element.add("RestoreInfo", restore);
    if (with_owner) add_owner(element, call.cloud);
  }
  for (const std::string& prefix : listing.common_prefixes)
    root.add("CommonPrefixes").add("Prefix", names(prefix));
}

void add_version_entry(const Call& call, XmlElement root, const VersionEntry& entry,
                       const Names& names) {
  const Object& object = *entry.object;
  XmlElement element = root.add(object.delete_marker ? "DeleteMarker" : "Version");
  element.add("Key", names(entry.key));
  element.add("VersionId", object.version_id);
  element.add("IsLatest", entry.latest ? "true" : "false");
  element.add("LastModified", format_iso8601_millis(object.last_modified));
  if (!object.delete_marker) {
    element.add("ETag", object.etag);
    element.add("Type", stsfs::sim::name_of(object.kind));
    element.add("Size", std::to_string(size_of(object)));
    element.add("StorageClass", object.storage_class);
  }
  add_owner(element, call.cloud);
}

Answer xml_answer(const XmlDocument& document) {
  Answer answer;
  answer.text = document.to_string();
  return answer;
}

const char* name_of(Versioning versioning) {
  return versioning == Versioning::kEnabled ? "Enabled" : "Suspended";
}

}  // namespace

Verdict<Answer> list_buckets(Call& call) {
  XmlDocument out("ListAllMyBucketsResult");
  add_owner(out.root(), call.cloud);
  XmlElement list = out.root().add("Buckets");
  for (const auto& [name, bucket] : call.cloud.buckets()) {
    XmlElement element = list.add("Bucket");
    element.add("Name", name);
    element.add("Location", "oss-" + call.cloud.region());
    element.add("Region", call.cloud.region());
    element.add("CreationDate", format_iso8601_millis(bucket->created()));
    element.add("StorageClass", bucket->options().storage_class);
  }
  return xml_answer(out);
}

Verdict<Answer> get_bucket_info(Call& call) {
  const BucketOptions& options = call.bucket->options();
  XmlDocument out("BucketInfo");
  XmlElement bucket = out.root().add("Bucket");
  bucket.add("Name", options.name);
  bucket.add("CreationDate", format_iso8601_millis(call.bucket->created()));
  bucket.add("Location", "oss-" + call.cloud.region());
  bucket.add("ExtranetEndpoint", "oss-" + call.cloud.region() + ".aliyuncs.com");
  bucket.add("IntranetEndpoint", "oss-" + call.cloud.region() + "-internal.aliyuncs.com");
  bucket.add("StorageClass", options.storage_class);
  bucket.add("DataRedundancyType", "LRS");
  bucket.add("AccessControlList").add("Grant", options.acl);
  add_owner(bucket, call.cloud);
  if (options.versioning != Versioning::kOff) bucket.add("Versioning", name_of(options.versioning));
  if (options.hierarchical) bucket.add("HierarchicalNamespace", "Enabled");
  bucket.add("TransferAcceleration", "Disabled");
  bucket.add("CrossRegionReplication", "Disabled");
  return xml_answer(out);
}

Verdict<Answer> get_bucket_location(Call& call) {
  Answer answer;
  answer.text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint>oss-" +
                call.cloud.region() + "</LocationConstraint>";
  return answer;
}

Verdict<Answer> get_bucket_stat(Call& call) {
  const BucketTotals totals = call.bucket->totals();
  XmlDocument out("BucketStat");
  out.root().add("Storage", std::to_string(totals.bytes));
  out.root().add("ObjectCount", std::to_string(totals.objects));
  out.root().add("MultipartUploadCount", std::to_string(totals.uploads));
  return xml_answer(out);
}

Verdict<Answer> get_bucket_acl(Call& call) {
  XmlDocument out("AccessControlPolicy");
  add_owner(out.root(), call.cloud);
  out.root().add("AccessControlList").add("Grant", call.bucket->options().acl);
  return xml_answer(out);
}

Verdict<Answer> get_bucket_versioning(Call& call) {
  XmlDocument out("VersioningConfiguration");
  const Versioning versioning = call.bucket->options().versioning;
  if (versioning != Versioning::kOff) out.root().add("Status", name_of(versioning));
  return xml_answer(out);
}

Verdict<Answer> list_objects(Call& call) {
  auto options = list_options(call);
  if (!options) return tl::unexpected(std::move(options.error()));
  options->after = call.query("marker");
  options->after_common_prefix = true;
  const Listing listing = call.bucket->list(*options);
  const Names names(call);
  XmlDocument out("ListBucketResult");
  XmlElement root = out.root();
  root.add("Name", call.bucket_name);
  root.add("Prefix", names(options->prefix));
  root.add("Marker", names(options->after));
  root.add("MaxKeys", std::to_string(options->keys_max));
  root.add("Delimiter", names(options->delimiter));
  if (names.encoded()) root.add("EncodingType", "url");
  root.add("IsTruncated", listing.truncated ? "true" : "false");
  if (listing.truncated) root.add("NextMarker", names(listing.last));
  add_objects(call, root, listing, names, true);
  return xml_answer(out);
}

Verdict<Answer> list_objects_v2(Call& call) {
  auto options = list_options(call);
  if (!options) return tl::unexpected(std::move(options.error()));
  if (const std::string type = call.query("list-type"); type != "2")
    return invalid_argument("list-type", type, "The list type must be 2.");
  const std::string owner = call.query("fetch-owner");
  if (!owner.empty() && owner != "true" && owner != "false")
    return invalid_argument("fetch-owner", owner, "It must be true or false.");
  const std::string token = call.query("continuation-token");
  if (call.has_query("continuation-token")) {
    const auto name = name_in_token(token);
    if (!name)
      return invalid_argument("continuation-token", token, "The continuation token is not valid.");
    options->after = *name;
    options->after_common_prefix = true;
  } else {
    options->after = call.query("start-after");
  }
  const Listing listing = call.bucket->list(*options);
  const Names names(call);
  XmlDocument out("ListBucketResult");
  XmlElement root = out.root();
  root.add("Name", call.bucket_name);
  root.add("Prefix", names(options->prefix));
  if (call.has_query("start-after")) root.add("StartAfter", names(call.query("start-after")));
  root.add("MaxKeys", std::to_string(options->keys_max));
  root.add("Delimiter", names(options->delimiter));
  if (names.encoded()) root.add("EncodingType", "url");
  root.add("IsTruncated", listing.truncated ? "true" : "false");
  if (!token.empty()) root.add("ContinuationToken", names(token));
  if (listing.truncated) root.add("NextContinuationToken", names(token_after(listing.last)));
  add_objects(call, root, listing, names, owner == "true");
  root.add("KeyCount", std::to_string(listing.objects.size() + listing.common_prefixes.size()));
  return xml_answer(out);
}

Verdict<Answer> list_object_versions(Call& call) {
  auto options = list_options(call);
  if (!options) return tl::unexpected(std::move(options.error()));
  options->after = call.query("key-marker");
  options->after_common_prefix = true;
  const VersionListing listing =
      call.bucket->list_versions(*options, call.query("version-id-marker"));
  const Names names(call);
  XmlDocument out("ListVersionsResult");
  XmlElement root = out.root();
  root.add("Name", call.bucket_name);
  root.add("Prefix", names(options->prefix));
  root.add("KeyMarker", names(options->after));
  root.add("VersionIdMarker", call.query("version-id-marker"));
  root.add("MaxKeys", std::to_string(options->keys_max));
  root.add("Delimiter", names(options->delimiter));
  if (names.encoded()) root.add("EncodingType", "url");
  root.add("IsTruncated", listing.truncated ? "true" : "false");
  if (listing.truncated) {
    root.add("NextKeyMarker", names(listing.last));
    root.add("NextVersionIdMarker", listing.last_version);
  }
  for (const VersionEntry& entry : listing.versions) add_version_entry(call, root, entry, names);
  for (const std::string& prefix : listing.common_prefixes)
    root.add("CommonPrefixes").add("Prefix", names(prefix));
  return xml_answer(out);
}

}  // namespace stsfs::sim
