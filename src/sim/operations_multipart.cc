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

tl::unexpected<Refusal> no_such_upload(const Call& call) {
  return refuse(404, "NoSuchUpload",
                "The specified upload does not exist. The upload ID may be invalid, or the upload "
                "may have been aborted or completed.",
                "", {{"UploadId", call.query("uploadId")}});
}

std::string name_for(const Call& call, const std::string& key) {
  return call.query("encoding-type") == "url" ? percent_encode(key) : key;
}

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
  if (!body.parse(call.text, "CompleteMultipartUpload"))
    return refuse(400, "MalformedXML",
                  "The XML you provided was not well-formed or did not validate against our "
                  "published schema.");
  std::uint64_t last = 0;
  for (const XmlElement& element : body.root().children("Part")) {
    const auto number = parse_u64(element.text("PartNumber"));
    if (!number) return refuse(400, "MalformedXML", "The XML you provided was not well-formed.");
    if (*number <= last)
      return refuse(400, "InvalidPartOrder", "The list of parts was not in ascending order.");
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

}  // namespace

Verdict<Answer> initiate_multipart_upload(Call& call) {
  if (auto refusal = check_key(call.key)) return tl::unexpected(*refusal);
  auto object = attributes_of(call);
  if (!object) return tl::unexpected(std::move(object.error()));
  Upload upload;
  upload.key = call.key;
  upload.initiated = call.now;
  upload.attributes = std::move(*object);
  upload.forbid_overwrite = wants_forbid_overwrite(call);
  if (upload.forbid_overwrite && call.bucket->options().versioning == Versioning::kOff &&
      call.bucket->find(call.key))
    return refuse(409, "FileAlreadyExists",
                  "The object you specified already exists and can not be overwritten.");
  XmlDocument out("InitiateMultipartUploadResult");
  if (call.query("encoding-type") == "url") out.root().add("EncodingType", "url");
  out.root().add("Bucket", call.bucket_name);
  out.root().add("Key", name_for(call, call.key));
  out.root().add("UploadId", call.bucket->start_upload(std::move(upload)));
  Answer answer;
  answer.text = out.to_string();
  return answer;
}

Verdict<Answer> upload_part(Call& call) {
  const auto number = parse_u64(call.query("partNumber"));
  if (!number || *number < 1 || *number > kPartsMax)
    return invalid_argument("partNumber", call.query("partNumber"),
                            "Part number must be an integer between 1 and 10000.");
  if (call.content.size() > kPartMax)
    return refuse(400, "EntityTooLarge",
                  "Your proposed upload exceeds the maximum allowed object size.");
  if (auto refusal = check_md5(call, call.content_md5)) return tl::unexpected(*refusal);
  const std::string etag = etag_of_md5(call.content_md5);
  const std::uint64_t crc = call.content.crc64();
  if (!call.bucket->put_part(call.key, call.query("uploadId"), static_cast<int>(*number),
                             {etag, std::move(call.content), call.now}))
    return no_such_upload(call);
  Answer answer;
  answer.headers = {{"ETag", etag},
                    {"x-oss-hash-crc64ecma", std::to_string(crc)},
                    {"Content-MD5", call.content_md5}};
  return answer;
}

Verdict<Answer> complete_multipart_upload(Call& call) {
  const std::string id = call.query("uploadId");
  const auto upload = call.bucket->find_upload(call.key, id);
  if (!upload) return no_such_upload(call);
  auto parts = chosen_parts(call, *upload);
  if (!parts) return tl::unexpected(std::move(parts.error()));
  if (parts->empty()) return refuse(400, "MalformedXML", "No part was named.");
  for (std::size_t i = 0; i + 1 < parts->size(); ++i)
    if ((*parts)[i].content.size() < kPartMin)
      return refuse(400, "EntityTooSmall",
                    "Your proposed upload smaller than the minimum allowed size.", "0042-00000205");
  Object object = upload->attributes;
  object.kind = ObjectKind::kMultipart;
  object.last_modified = call.now;
  for (const UploadedPart& part : *parts) object.content.append(part.content);
  std::string etag = new_opaque_etag();
  etag.insert(etag.size() - 1, "-" + std::to_string(parts->size()));
  object.etag = etag;
  if (const std::string acl(call.header("x-oss-object-acl")); !acl.empty()) object.acl = acl;
  auto stored = store(call, call.key, std::move(object),
                      upload->forbid_overwrite || wants_forbid_overwrite(call));
  if (!stored) return tl::unexpected(std::move(stored.error()));
  call.bucket->end_upload(call.key, id);
  XmlDocument out("CompleteMultipartUploadResult");
  if (call.query("encoding-type") == "url") out.root().add("EncodingType", "url");
  out.root().add("Location",
                 "http://" + std::string(call.request.host) + "/" + percent_encode_path(call.key));
  out.root().add("Bucket", call.bucket_name);
  out.root().add("Key", name_for(call, call.key));
  out.root().add("ETag", stored->object->etag);
  Answer answer;
  answer.text = out.to_string();
  answer.headers = {{"ETag", stored->object->etag},
                    {"x-oss-hash-crc64ecma", std::to_string(stored->object->content.crc64())}};
  add_version(answer.headers, *stored);
  return answer;
}

Verdict<Answer> abort_multipart_upload(Call& call) {
  if (!call.bucket->end_upload(call.key, call.query("uploadId"))) return no_such_upload(call);
  Answer answer;
  answer.status = 204;
  return answer;
}

Verdict<Answer> list_parts(Call& call) {
  const auto upload = call.bucket->find_upload(call.key, call.query("uploadId"));
  if (!upload) return no_such_upload(call);
  const std::string max_text = call.query("max-parts");
  const std::uint64_t max = max_text.empty() ? kPageMax : parse_u64(max_text).value_or(0);
  if (max == 0 || max > kPageMax)
    return invalid_argument("max-parts", max_text,
                            "Argument max-parts must be an integer between 1 and 1000.");
  const std::uint64_t marker = parse_u64(call.query("part-number-marker")).value_or(0);
  XmlDocument out("ListPartsResult");
  XmlElement root = out.root();
  root.add("Bucket", call.bucket_name);
  root.add("Key", name_for(call, call.key));
  if (call.query("encoding-type") == "url") root.add("EncodingType", "url");
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
  const std::string prefix = call.query("prefix");
  const std::string delimiter = call.query("delimiter");
  const std::string key_marker = call.query("key-marker");
  const std::string id_marker = call.query("upload-id-marker");
  XmlDocument out("ListMultipartUploadsResult");
  XmlElement root = out.root();
  root.add("Bucket", call.bucket_name);
  if (call.query("encoding-type") == "url") root.add("EncodingType", "url");
  root.add("KeyMarker", name_for(call, key_marker));
  root.add("UploadIdMarker", id_marker);
  root.add("Delimiter", name_for(call, delimiter));
  root.add("Prefix", name_for(call, prefix));
  root.add("MaxUploads", std::to_string(max));
  std::size_t count = 0;
  bool truncated = false;
  std::string last_key;
  std::string last_id;
  std::string last_group;
  for (const Upload& upload : call.bucket->uploads()) {
    if (!upload.key.starts_with(prefix)) continue;
    const bool before = upload.key < key_marker ||
                        (upload.key == key_marker && (id_marker.empty() || upload.id <= id_marker));
    if (before && !key_marker.empty()) continue;
    const auto cut =
        delimiter.empty() ? std::string::npos : upload.key.find(delimiter, prefix.size());
    const std::string group =
        cut == std::string::npos ? "" : upload.key.substr(0, cut + delimiter.size());
    if (!group.empty() && group == last_group) continue;
    if (count++ == max) {
      truncated = true;
      break;
    }
    last_key = upload.key;
    last_id = upload.id;
    if (!group.empty()) {
      last_group = group;
      root.add("CommonPrefixes").add("Prefix", name_for(call, group));
      continue;
    }
    XmlElement element = root.add("Upload");
    element.add("Key", name_for(call, upload.key));
    element.add("UploadId", upload.id);
    element.add("StorageClass", upload.attributes.storage_class);
    element.add("Initiated", format_iso8601_millis(upload.initiated));
  }
  root.add("NextKeyMarker", name_for(call, truncated ? last_key : ""));
  root.add("NextUploadIdMarker", truncated ? last_id : "");
  root.add("IsTruncated", truncated ? "true" : "false");
  Answer answer;
  answer.text = out.to_string();
  return answer;
}

}  // namespace stsfs::sim
