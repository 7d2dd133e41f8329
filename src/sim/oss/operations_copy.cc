#include "object_parts.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "xml.h"

namespace stsfs::sim {
namespace {

constexpr std::uint64_t kCopyMax = std::uint64_t{1} << 30;  // exclusive
constexpr std::uint64_t kCopiedPartMax = std::uint64_t{5} << 30;

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
  const bool rooted = path.starts_with('/');
  if (rooted) path.remove_prefix(1);
  const auto slash = path.find('/');
  if (!rooted || slash == std::string_view::npos || slash + 1 == path.size())
    return invalid_argument(
        "x-oss-copy-source", whole,
        "Copy Source must mention the source bucket and key: /sourcebucket/sourcekey");
  Source source;
  source.bucket = call.cloud.find_bucket(std::string(path.substr(0, slash)));
  source.key = path.substr(slash + 1);
  if (!source.bucket) return no_such_bucket(std::string(path.substr(0, slash)));
  const char* action = version.empty() ? "oss:GetObject" : "oss:GetObjectVersion";
  if (auto refusal = authorize(call, action, *source.bucket, source.key))
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

/// x-oss-copy-source-range. One that makes no sense copies the whole source, as the service does.
ByteRange copied_range(const Call& call, std::uint64_t size) {
  const std::string_view text = call.header("x-oss-copy-source-range");
  const auto dash = text.find('-');
  if (!text.starts_with("bytes=") || dash == std::string_view::npos) return {0, size};
  const auto first = parse_u64(text.substr(6, dash - 6));
  const auto last = parse_u64(text.substr(dash + 1));
  if (!first || !last || *first > *last || *last >= size) return {0, size};
  return {*first, *last - *first + 1};
}

/// COPY, REPLACE or nothing, in any case of letters.
std::optional<Refusal> check_directives(const Call& call) {
  for (const char* name : {"x-oss-metadata-directive", "x-oss-tagging-directive"}) {
    const std::string_view given = call.header(name);
    if (given.empty() || equals_ignoring_case(given, "COPY") ||
        equals_ignoring_case(given, "REPLACE"))
      continue;
    return invalid_argument(name, std::string(given), "It must be COPY or REPLACE.").value();
  }
  return std::nullopt;
}

/// The object that a copy of `from` is.
Object copied(const Call& call, const Object& from, const Object& asked, bool onto_itself) {
  Object out = from;
  out.last_modified = call.now;
  out.acl = asked.acl;
  out.encryption = asked.encryption;  // not inherited
  if (call.request.has_header("x-oss-storage-class") || !onto_itself)
    out.storage_class = asked.storage_class;
  out.restore = {};
  if (!onto_itself && call.switches.copied_objects_without_crc) out.has_crc64 = false;
  out.sealed = false;
  if (out.kind != ObjectKind::kSymlink && !onto_itself) out.kind = ObjectKind::kNormal;
  // Onto itself it is the request's metadata, whatever the directive.
  if (onto_itself || equals_ignoring_case(call.header("x-oss-metadata-directive"), "REPLACE")) {
    out.headers = asked.headers;
    out.user = asked.user;
  }
  if (equals_ignoring_case(call.header("x-oss-tagging-directive"), "Replace"))
    out.tags = asked.tags;
  if (onto_itself ? call.switches.self_copy_changes_etag : call.switches.copies_get_new_etag)
    out.etag = new_opaque_etag();
  return out;
}

}  // namespace

Verdict<Answer> copy_object(Call& call) {
  if (auto refusal = check_directives(call)) return tl::unexpected(*refusal);
  auto source = source_of(call);
  if (!source) return tl::unexpected(std::move(source.error()));
  if (source->object->kind == ObjectKind::kAppendable &&
      source->bucket->options().versioning != Versioning::kOff)
    return refuse(400, "OperationNotSupported",
                  "An appendable object cannot be copied where versions are kept.",
                  "0016-00000702");
  if (source->object->directory) return already_exists();  // of a hierarchical namespace
  if (source->object->content.size() >= kCopyMax)
    return refuse(400, "EntityTooLarge",
                  "The source object is 1 GB or larger: use UploadPartCopy.");
  const auto asked = attributes_of(call);
  if (!asked) return tl::unexpected(asked.error());
  const BucketOptions bucket = call.bucket->options();
  const bool onto_itself = source->bucket == call.bucket && source->key == call.key &&
                           bucket.versioning == Versioning::kOff;
  const bool forbid = wants_forbid_overwrite(call);
  auto stored = call.bucket->update(call.key, [&](const ObjectPointer& present) -> Verdict<Object> {
    if (auto refusal = check_overwrite(bucket, present, forbid))
      return tl::unexpected(std::move(*refusal));
    if (present && present->directory) return already_exists();
    if (auto refusal = check_write_conditions(call, present))
      return tl::unexpected(std::move(*refusal));
    if (!onto_itself) return copied(call, *source->object, *asked, false);
    // What stands there now: a write that came in between keeps its content.
    if (!present) return no_such_key(call.key);
    if (auto refusal = check_conditions(call, *present, "x-oss-copy-source-"))
      return tl::unexpected(std::move(*refusal));
    return copied(call, *present, *asked, true);
  });
  if (!stored) return tl::unexpected(std::move(stored.error()));
  Answer answer =
      copied_answer(call, "CopyObjectResult", stored->object->etag, stored->object->content);
  add_stored(answer.headers, *stored);
  if (source->bucket->options().versioning != Versioning::kOff)
    answer.headers.emplace_back("x-oss-copy-source-version-id", source->object->version_id);
  return answer;
}

Verdict<Answer> upload_part_copy(Call& call) {
  const auto number = parse_u64(call.query("partNumber"));
  if (!number || *number < 1 || *number > 10'000)
    return invalid_part_number(call.query("partNumber"));
  const std::string id = call.query("uploadId");
  if (!call.bucket->has_upload(call.key, id)) return no_such_upload(id);
  auto source = source_of(call);
  if (!source) return tl::unexpected(std::move(source.error()));
  const Content& from = source->object->content;
  const ByteRange range = copied_range(call, from.size());
  if (range.length > kCopiedPartMax)
    return refuse(400, "EntityTooLarge",
                  "Your proposed upload exceeds the maximum allowed object size.");
  Content part = from;
  if (range.length < from.size()) {
    auto slice = from.slice(range).with_crc64();
    if (!slice) return storage_failed(slice.error().message);
    part = std::move(*slice);
  }
  const std::string etag = new_opaque_etag();
  if (auto done =
          call.bucket->put_part(call.key, id, static_cast<int>(*number), {etag, part, call.now});
      !done)
    return tl::unexpected(std::move(done.error()));
  Answer answer = copied_answer(call, "CopyPartResult", etag, part);
  if (call.request.has_header("x-oss-copy-source-range"))
    answer.headers.emplace_back("Content-Range", "bytes " + std::to_string(range.offset) + "-" +
                                                     std::to_string(range.end() - 1) + "/" +
                                                     std::to_string(from.size()));
  return answer;
}

}  // namespace stsfs::sim
