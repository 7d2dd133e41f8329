#include "object_parts.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "xml.h"

namespace stsfs::sim {
namespace {

constexpr std::uint64_t kCopyMax = std::uint64_t{1} << 30;  // exclusive

struct Source {
  std::shared_ptr<Bucket> bucket;
  std::string key;
  ObjectPointer object;
};

/// `x-oss-copy-source: /bucket/key[?versionId=…]`, read with the source's own rights.
Verdict<Source> source_of(Call& call) {
  std::string_view text = call.header("x-oss-copy-source");
  const std::string whole(text);
  std::string version;
  if (const auto query = text.find("?versionId="); query != std::string_view::npos) {
    version = text.substr(query + 11);
    text = text.substr(0, query);
  }
  const auto decoded = percent_decode(text);
  std::string_view path = decoded ? std::string_view(*decoded) : "";
  if (path.starts_with('/')) path.remove_prefix(1);
  const auto slash = path.find('/');
  if (slash == std::string_view::npos || slash + 1 == path.size())
    return invalid_argument(
        "x-oss-copy-source", whole,
        "Copy Source must mention the source bucket and key: /sourcebucket/sourcekey");
  Source source;
  source.bucket = call.cloud.find_bucket(std::string(path.substr(0, slash)));
  source.key = path.substr(slash + 1);
  if (!source.bucket)
    return refuse(404, "NoSuchBucket", "The specified bucket does not exist.", "0015-00000101");
  if (source.bucket != call.bucket)
    return refuse(
        403, "AccessDenied",
        "The source bucket is another one, which this simulator's policies do not cover.");
  if (auto refusal =
          authorize(call, version.empty() ? "oss:GetObject" : "oss:GetObjectVersion", source.key))
    return tl::unexpected(*refusal);
  source.object = source.bucket->find(source.key, version);
  if (!source.object || source.object->delete_marker) return no_such_key(source.key);
  if (auto refusal = check_readable(call, *source.object)) return tl::unexpected(*refusal);
  if (auto refusal = check_conditions(call, *source.object, "x-oss-copy-source-"))
    return tl::unexpected(*refusal);
  return source;
}

Answer copied_answer(const Call& call, const char* root, const std::string& etag,
                     const Content& content) {
  XmlDocument out(root);
  out.root().add("LastModified", format_iso8601_millis(call.now));
  out.root().add("ETag", etag);
  Answer answer;
  answer.text = out.to_string();
  answer.headers.emplace_back("ETag", etag);
  if (!call.switches.copy_without_crc)
    answer.headers.emplace_back("x-oss-hash-crc64ecma", std::to_string(content.crc64()));
  return answer;
}

}  // namespace

Verdict<Answer> copy_object(Call& call) {
  if (auto refusal = check_key(call.key)) return tl::unexpected(*refusal);
  auto source = source_of(call);
  if (!source) return tl::unexpected(std::move(source.error()));
  const Object& from = *source->object;
  if (from.content.size() >= kCopyMax)
    return refuse(400, "EntityTooLarge",
                  "The source object is 1 GB or larger: use UploadPartCopy.");
  auto asked = attributes_of(call);
  if (!asked) return tl::unexpected(std::move(asked.error()));
  const bool onto_itself =
      source->key == call.key && call.bucket->options().versioning == Versioning::kOff;
  const bool replace =
      onto_itself || equals_ignoring_case(call.header("x-oss-metadata-directive"), "REPLACE");
  Object object = from;
  object.last_modified = call.now;
  object.acl = asked->acl;
  if (call.request.has_header("x-oss-storage-class") || !onto_itself)
    object.storage_class = asked->storage_class;
  object.restore = {};
  object.version_id.clear();
  if (object.kind != ObjectKind::kSymlink && !onto_itself) object.kind = ObjectKind::kNormal;
  if (replace) {
    object.headers = asked->headers;
    object.user = asked->user;
  }
  if (equals_ignoring_case(call.header("x-oss-tagging-directive"), "Replace"))
    object.tags = asked->tags;
  if (onto_itself && call.switches.self_copy_changes_etag) object.etag = new_opaque_etag();
  auto stored = store(call, call.key, std::move(object), wants_forbid_overwrite(call));
  if (!stored) return tl::unexpected(std::move(stored.error()));
  Answer answer =
      copied_answer(call, "CopyObjectResult", stored->object->etag, stored->object->content);
  add_version(answer.headers, *stored);
  if (call.bucket->options().versioning != Versioning::kOff)
    answer.headers.emplace_back("x-oss-copy-source-version-id", from.version_id);
  return answer;
}

Verdict<Answer> upload_part_copy(Call& call) {
  const auto number = parse_u64(call.query("partNumber"));
  if (!number || *number < 1 || *number > 10'000)
    return invalid_argument("partNumber", call.query("partNumber"),
                            "Part number must be an integer between 1 and 10000.");
  if (!call.bucket->find_upload(call.key, call.query("uploadId")))
    return refuse(404, "NoSuchUpload", "The specified upload does not exist.", "",
                  {{"UploadId", call.query("uploadId")}});
  auto source = source_of(call);
  if (!source) return tl::unexpected(std::move(source.error()));
  const Content& from = source->object->content;
  Content part = from;
  Answer answer;
  // A range that makes no sense copies the whole source, as the service does.
  const std::string_view range = call.header("x-oss-copy-source-range");
  const auto dash = range.find('-');
  if (range.starts_with("bytes=") && dash != std::string_view::npos) {
    const auto first = parse_u64(range.substr(6, dash - 6));
    const auto last = parse_u64(range.substr(dash + 1));
    if (first && last && *first <= *last && *last < from.size()) {
      part = from.slice({*first, *last - *first + 1}).with_crc64();
      answer.headers.emplace_back("Content-Range", "bytes " + std::to_string(*first) + "-" +
                                                       std::to_string(*last) + "/" +
                                                       std::to_string(from.size()));
    }
  }
  const std::string etag = new_opaque_etag();
  if (!call.bucket->put_part(call.key, call.query("uploadId"), static_cast<int>(*number),
                             {etag, part, call.now}))
    return refuse(404, "NoSuchUpload", "The specified upload does not exist.");
  Answer copied = copied_answer(call, "CopyPartResult", etag, part);
  copied.headers.insert(copied.headers.end(), answer.headers.begin(), answer.headers.end());
  return copied;
}

}  // namespace stsfs::sim
