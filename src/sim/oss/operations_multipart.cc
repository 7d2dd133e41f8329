#include <algorithm>

#include "object_parts.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "xml.h"

namespace stsfs::sim {
namespace {

constexpr std::uint64_t kPartMin = 100 * 1024;
constexpr std::uint64_t kPartMax = std::uint64_t{5} << 30;
constexpr std::size_t kPartsMax = 10'000;
constexpr std::size_t kPageMax = 1000;

std::string unquoted(std::string etag) {
  std::erase(etag, '"');
  return etag;
}

/// The parts that the body names, in its order; all of the upload's with x-oss-complete-all.
Verdict<std::vector<UploadedPart>> chosen_parts(const Call& call, const Upload& upload) {
  std::vector<UploadedPart> out;
  if (equals_ignoring_case(call.header("x-oss-complete-all"), "yes")) {
    if (!call.text.empty())
      return refuse(400, "InvalidArgument",
                    "Should not speficy both complete all header and http body.", "0042-00000216");
    for (const auto& [number, part] : upload.parts) out.push_back(part);
    return out;
  }
  XmlDocument body;
  if (!body.parse(call.text, "CompleteMultipartUpload")) return malformed_xml("0042-00000205");
  std::uint64_t last = 0;
  for (const XmlElement& element : body.root().children("Part")) {
    const auto number = parse_u64(element.text("PartNumber"));
    if (!number) return malformed_xml("0042-00000205");
    if (*number <= last)
      return refuse(400, "InvalidPartOrder", "The list of parts was not in ascending order.",
                    "0042-00000209");
    last = *number;
    const auto part = upload.parts.find(static_cast<int>(*number));
    if (part == upload.parts.end() || unquoted(part->second.etag) != unquoted(element.text("ETag")))
      return refuse(400, "InvalidPart",
                    "One or more of the specified parts could not be found or the specified entity "
                    "tag might not have matched the part's entity tag.");
    out.push_back(part->second);
  }
  return out;
}

std::string etag_of_parts(const Call& call, std::size_t count) {
  std::string etag = new_opaque_etag();
  if (!call.switches.plain_multipart_etag)
    etag.insert(etag.size() - 1, "-" + std::to_string(count));
  return etag;
}

/// The object that an upload's parts make.
Verdict<Object> completed(const Call& call, const Upload& upload) {
  auto parts = chosen_parts(call, upload);
  if (!parts) return tl::unexpected(std::move(parts.error()));
  if (parts->empty()) return malformed_xml("0042-00000205");
  for (std::size_t i = 0; i + 1 < parts->size(); ++i)
    if ((*parts)[i].content.size() < kPartMin)
      return refuse(400, "EntityTooSmall",
                    "Your proposed upload smaller than the minimum allowed size.", "0042-00000213");
  Object object = upload.attributes;
  object.kind = ObjectKind::kMultipart;
  object.last_modified = call.now;
  for (const UploadedPart& part : *parts) object.content.append(part.content);
  object.etag = etag_of_parts(call, parts->size());
  object.has_crc64 = !call.switches.copied_objects_without_crc;
  if (const std::string acl(call.header("x-oss-object-acl")); !acl.empty()) object.acl = acl;
  return object;
}

}  // namespace

Verdict<Answer> initiate_multipart_upload(Call& call) {
  auto object = attributes_of(call);
  if (!object) return tl::unexpected(std::move(object.error()));
  sign::Pairs encryption = object->encryption;
  Upload upload;
  upload.key = call.key;
  upload.initiated = call.now;
  upload.attributes = std::move(*object);
  upload.forbid_overwrite = wants_forbid_overwrite(call);
  const ObjectPointer present = call.bucket->find(call.key);
  if (auto refusal = check_overwrite(call.bucket->options(), present, upload.forbid_overwrite))
    return tl::unexpected(*refusal);
  if (auto refusal = check_write_conditions(call, present)) return tl::unexpected(*refusal);
  auto id = call.bucket->start_upload(std::move(upload));
  if (!id) return tl::unexpected(std::move(id.error()));
  const Names names(call);
  XmlDocument out("InitiateMultipartUploadResult");
  if (names.encoded()) out.root().add("EncodingType", "url");
  out.root().add("Bucket", call.bucket_name);
  out.root().add("Key", names(call.key));
  out.root().add("UploadId", *id);
  Answer answer;
  answer.text = out.to_string();
  answer.headers = std::move(encryption);
  return answer;
}

Verdict<Answer> upload_part(Call& call) {
  const auto number = parse_u64(call.query("partNumber"));
  if (!number || *number < 1 || *number > kPartsMax)
    return invalid_part_number(call.query("partNumber"));
  if (call.content.size() > kPartMax)
    return refuse(400, "EntityTooLarge",
                  "Your proposed upload exceeds the maximum allowed object size.");
  if (auto refusal = check_md5(call, call.content_md5)) return tl::unexpected(*refusal);
  const std::string etag = etag_of_md5(call.content_md5);
  const std::uint64_t crc = call.content.crc64();
  const UploadedPart part{etag, std::move(call.content), call.now};
  if (auto done =
          call.bucket->put_part(call.key, call.query("uploadId"), static_cast<int>(*number), part);
      !done)
    return tl::unexpected(std::move(done.error()));
  Answer answer;
  answer.headers = {{"ETag", etag},
                    {"x-oss-hash-crc64ecma", std::to_string(crc)},
                    {"Content-MD5", call.content_md5}};
  return answer;
}

Verdict<Answer> complete_multipart_upload(Call& call) {
  if (auto refusal = check_write_headers(call)) return tl::unexpected(*refusal);
  const bool forbid = wants_forbid_overwrite(call);
  const BucketOptions bucket = call.bucket->options();
  auto stored = call.bucket->complete_upload(
      call.key, call.query("uploadId"),
      [&](const Upload& upload, const ObjectPointer& present) -> Verdict<Object> {
        if (auto refusal = check_overwrite(bucket, present, forbid || upload.forbid_overwrite))
          return tl::unexpected(std::move(*refusal));
        if (auto refusal = check_write_conditions(call, present))
          return tl::unexpected(std::move(*refusal));
        return completed(call, upload);
      });
  if (!stored) return tl::unexpected(std::move(stored.error()));
  const Names names(call);
  XmlDocument out("CompleteMultipartUploadResult");
  if (names.encoded()) out.root().add("EncodingType", "url");
  out.root().add("Location",
                 "http://" + std::string(call.request.host) + "/" + percent_encode_path(call.key));
  out.root().add("Bucket", call.bucket_name);
  out.root().add("Key", names(call.key));
  out.root().add("ETag", stored->object->etag);
  Answer answer;
  answer.text = out.to_string();
  answer.headers = {{"ETag", stored->object->etag},
                    {"x-oss-hash-crc64ecma", std::to_string(stored->object->content.crc64())}};
  add_stored(answer.headers, *stored);
  return answer;
}

Verdict<Answer> abort_multipart_upload(Call& call) {
  if (auto done = call.bucket->abort_upload(call.key, call.query("uploadId")); !done)
    return tl::unexpected(std::move(done.error()));
  Answer answer;
  answer.status = 204;
  return answer;
}

Verdict<Answer> list_parts(Call& call) {
  const auto upload = call.bucket->find_upload(call.key, call.query("uploadId"));
  if (!upload) return no_such_upload(call.query("uploadId"));
  const std::string max_text = call.query("max-parts");
  const std::uint64_t max = max_text.empty() ? kPageMax : parse_u64(max_text).value_or(0);
  if (max == 0 || max > kPageMax)
    return invalid_argument("max-parts", max_text,
                            "Argument max-parts must be an integer between 1 and 1000.");
  const std::uint64_t marker = parse_u64(call.query("part-number-marker")).value_or(0);
  const Names names(call);
  XmlDocument out("ListPartsResult");
  XmlElement root = out.root();
  root.add("Bucket", call.bucket_name);
  root.add("Key", names(call.key));
  if (names.encoded()) root.add("EncodingType", "url");
  root.add("UploadId", upload->id);
  root.add("StorageClass", upload->attributes.storage_class);
  root.add("PartNumberMarker", std::to_string(marker));
  root.add("MaxParts", std::to_string(max));
  auto at = upload->parts.upper_bound(static_cast<int>(std::min<std::uint64_t>(marker, kPartsMax)));
  int last = static_cast<int>(marker);
  for (std::size_t count = 0; at != upload->parts.end() && count < max; ++at, ++count) {
    XmlElement part = root.add("Part");
    part.add("PartNumber", std::to_string(at->first));
    part.add("LastModified", format_iso8601_millis(at->second.last_modified));
    part.add("ETag", at->second.etag);
    part.add("HashCrc64ecma", std::to_string(at->second.content.crc64()));
    part.add("Size", std::to_string(at->second.content.size()));
    last = at->first;
  }
  root.add("NextPartNumberMarker", std::to_string(last));
  root.add("IsTruncated", at == upload->parts.end() ? "false" : "true");
  Answer answer;
  answer.text = out.to_string();
  return answer;
}

Verdict<Answer> list_multipart_uploads(Call& call) {
  const std::string max_text = call.query("max-uploads");
  const std::uint64_t max = max_text.empty() ? kPageMax : parse_u64(max_text).value_or(0);
  if (max == 0 || max > kPageMax)
    return invalid_argument("max-uploads", max_text,
                            "Argument max-uploads must be an integer between 1 and 1000.");
  const ListOptions options{.prefix = call.query("prefix"),
                            .delimiter = call.query("delimiter"),
                            .after = call.query("key-marker"),
                            .after_common_prefix = true,
                            .keys_max = max};
  const std::string id_marker = call.query("upload-id-marker");
  const UploadListing listing = call.bucket->list_uploads(options, id_marker);
  const Names names(call);
  XmlDocument out("ListMultipartUploadsResult");
  XmlElement root = out.root();
  root.add("Bucket", call.bucket_name);
  if (names.encoded()) root.add("EncodingType", "url");
  root.add("KeyMarker", names(options.after));
  root.add("UploadIdMarker", id_marker);
  root.add("NextKeyMarker", names(listing.truncated ? listing.last : ""));
  root.add("NextUploadIdMarker", listing.truncated ? listing.last_id : "");
  root.add("Delimiter", names(options.delimiter));
  root.add("Prefix", names(options.prefix));
  root.add("MaxUploads", std::to_string(max));
  root.add("IsTruncated", listing.truncated ? "true" : "false");
  for (const UploadEntry& upload : listing.uploads) {
    XmlElement element = root.add("Upload");
    element.add("Key", names(upload.key));
    element.add("UploadId", upload.id);
    element.add("StorageClass", upload.storage_class);
    element.add("Initiated", format_iso8601_millis(upload.initiated));
  }
  for (const std::string& group : listing.common_prefixes)
    root.add("CommonPrefixes").add("Prefix", names(group));
  Answer answer;
  answer.text = out.to_string();
  return answer;
}

}  // namespace stsfs::sim
