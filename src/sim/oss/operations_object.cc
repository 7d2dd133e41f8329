#include <algorithm>

#include "object_parts.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "xml.h"

namespace stsfs::sim {
namespace {

constexpr std::uint64_t kPutMax = std::uint64_t{5} << 30;
constexpr std::size_t kDeleteManyMax = 1000;
constexpr std::size_t kDeleteBodyMax = std::size_t{2} << 20;

enum class RangeOutcome { kWhole, kPart, kUnsatisfiable };

/// `bytes=a-b`, `bytes=a-`, `bytes=-n` on `size` bytes. OSS's own default gives the whole object
/// for whatever does not fit; with `x-oss-range-behavior: standard` it behaves as RFC 9110 says.
RangeOutcome parse_range(std::string_view text, std::uint64_t size, bool standard,
                         const Switches& switches, ByteRange& out) {
  if (text.empty()) return RangeOutcome::kWhole;
  const auto malformed = standard && switches.malformed_range_is_refused
                             ? RangeOutcome::kUnsatisfiable
                             : RangeOutcome::kWhole;
  if (!text.starts_with("bytes=")) return malformed;
  text = trim(split(text.substr(6), ',')[0]);  // of a list only the first is served
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return malformed;
  const auto first = parse_u64(text.substr(0, dash));
  const auto last = parse_u64(text.substr(dash + 1));
  const bool open_end = dash + 1 == text.size();
  const auto misfit = standard ? RangeOutcome::kUnsatisfiable : RangeOutcome::kWhole;
  if (dash == 0 ? !last : !first || (!last && !open_end) || (last && *last < *first))
    return malformed;
  if (size == 0 && switches.empty_object_range_is_whole) return RangeOutcome::kWhole;
  if (dash == 0) {
    if (*last > size && (!standard || !switches.long_suffix_range_is_whole)) return misfit;
    if (*last == 0 || size == 0) return misfit;
    out = {size - std::min(*last, size), std::min(*last, size)};
    return RangeOutcome::kPart;
  }
  if (*first >= size) return misfit;
  if (last && *last >= size && !standard) return RangeOutcome::kWhole;
  const std::uint64_t end = last ? std::min(*last, size - 1) + 1 : size;
  out = {*first, end - *first};
  return RangeOutcome::kPart;
}

/// response-content-type and its kin: not for the anonymous.
std::optional<Refusal> check_overrides(const Call& call) {
  if (call.principal.kind != Principal::Kind::kAnonymous) return std::nullopt;
  for (const auto& [name, value] : call.request.query)
    if (name.starts_with("response-"))
      return refuse(400, "InvalidRequest",
                    "Request specific response headers cannot be used for anonymous GET requests.")
          .value();
  return std::nullopt;
}

/// They stand above what is stored.
void override_headers(const Call& call, sign::Pairs& headers) {
  for (const auto& [name, value] : call.request.query) {
    if (!name.starts_with("response-")) continue;
    const std::string wanted = name.substr(9);
    std::erase_if(headers,
                  [&](const auto& header) { return equals_ignoring_case(header.first, wanted); });
    headers.emplace_back(wanted, value);
  }
}

std::optional<Refusal> not_appendable() {
  return refuse(409, "ObjectNotAppendable", "The object is not appendable", "0026-00000017")
      .value();
}

tl::unexpected<Refusal> invalid_position(const Call& call) {
  return refuse(400, "MissingArgument", "Missing Some Required Arguments.", "0016-00000502",
                {{"ArgumentName", "position"}, {"ArgumentValue", call.query("position")}});
}

std::optional<Refusal> wrong_position(std::uint64_t size) {
  Refusal refusal = refuse(409, "PositionNotEqualToLength", "Position is not equal to file length",
                           "0026-00000016")
                        .value();
  refusal.headers.emplace_back("x-oss-next-append-position", std::to_string(size));
  return refusal;
}

std::optional<Refusal> check_append(const ObjectPointer& present, std::uint64_t position,
                                    std::uint64_t bytes) {
  if (present && (present->kind != ObjectKind::kAppendable || present->sealed))
    return not_appendable();
  const std::uint64_t size = present ? present->content.size() : 0;
  if (position != size) return wrong_position(size);
  if (size + bytes > kPutMax)
    return refuse(400, "EntityTooLarge",
                  "Your proposed upload exceeds the maximum allowed object size.")
        .value();
  return std::nullopt;
}

struct DoomedKey {
  std::string key;
  std::string version;
};

/// What the body of DeleteMultipleObjects names.
Verdict<std::vector<DoomedKey>> doomed_keys(const Call& call, XmlDocument& body) {
  if (call.text.size() > kDeleteBodyMax) return malformed_xml("0016-00000607");
  if (!body.parse(call.text, "Delete"))
    return malformed_xml(body.root().is_null() ? "0016-00000607" : "0016-00000608");
  std::vector<DoomedKey> out;
  for (const XmlElement& object : body.root().children("Object"))
    out.push_back({object.text("Key"), object.text("VersionId")});
  if (out.empty() || out.size() > kDeleteManyMax) return malformed_xml("0016-00000615");
  for (const DoomedKey& object : out)
    if (object.key.empty()) return malformed_xml("0016-00000611");
  return out;
}

Verdict<Object> object_to_put(Call& call) {
  auto object = attributes_of(call);
  if (!object) return object;
  object->content = std::move(call.content);
  object->content_md5 = call.content_md5;
  object->etag = etag_of_md5(call.content_md5);
  if (!call.bucket->options().hierarchical || !call.key.ends_with('/')) return object;
  become_directory(*object);
  if (call.switches.directories_without_metadata) object->user.clear();
  return object;
}

}  // namespace

Verdict<Answer> put_object(Call& call) {
  if (call.content.size() > kPutMax)
    return refuse(400, "EntityTooLarge",
                  "Your proposed upload exceeds the maximum allowed object size.");
  if (auto refusal = check_md5(call, call.content_md5)) return tl::unexpected(*refusal);
  const auto object = object_to_put(call);
  if (!object) return tl::unexpected(object.error());
  const BucketOptions bucket = call.bucket->options();
  const bool forbid = wants_forbid_overwrite(call);
  auto stored = call.bucket->update(call.key, [&](const ObjectPointer& present) -> Verdict<Object> {
    if (auto refusal = check_overwrite(bucket, present, forbid))
      return tl::unexpected(std::move(*refusal));
    if (present && present->directory && call.switches.directory_put_refused)
      return already_exists();
    if (auto refusal = check_write_conditions(call, present))
      return tl::unexpected(std::move(*refusal));
    return *object;
  });
  if (!stored) return tl::unexpected(std::move(stored.error()));
  Answer answer;
  answer.headers = {{"ETag", stored->object->etag},
                    {"x-oss-hash-crc64ecma", std::to_string(stored->object->content.crc64())},
                    {"Content-MD5", stored->object->content_md5}};
  add_stored(answer.headers, *stored);
  return answer;
}

Verdict<Answer> get_object(Call& call) {
  auto resolved = resolve(call, call.key);
  if (!resolved) return tl::unexpected(std::move(resolved.error()));
  const Object& object = *resolved->object;
  const Object& shown = resolved->link ? *resolved->link : object;
  if (auto refusal = check_overrides(call)) return tl::unexpected(*refusal);
  if (auto refusal = check_readable(call, object)) return tl::unexpected(*refusal);
  if (auto refusal = check_conditions(call, object, "")) return tl::unexpected(*refusal);
  const std::uint64_t size = object.content.size();
  const bool standard = call.header("x-oss-range-behavior") == "standard";
  ByteRange range{0, size};
  Answer answer;
  answer.headers = headers_of(call, object, shown);
  answer.headers.emplace_back("Accept-Ranges", "bytes");
  override_headers(call, answer.headers);
  switch (parse_range(call.header("range"), size, standard, call.switches, range)) {
    case RangeOutcome::kUnsatisfiable:
      return refuse(416, "InvalidRange", "The requested range cannot be satisfied.", "",
                    {{"ActualObjectSize", std::to_string(size)},
                     {"RangeRequested", std::string(call.header("range"))}});
    case RangeOutcome::kPart:
      answer.status = 206;
      answer.headers.emplace_back("Content-Range", "bytes " + std::to_string(range.offset) + "-" +
                                                       std::to_string(range.end() - 1) + "/" +
                                                       std::to_string(size));
      break;
    case RangeOutcome::kWhole:
      break;
  }
  answer.content = range.length == size ? object.content : object.content.slice(range);
  return answer;
}

Verdict<Answer> head_object(Call& call) {
  auto resolved = resolve(call, call.key);
  if (!resolved) return tl::unexpected(std::move(resolved.error()));
  const Object& object = *resolved->object;
  if (auto refusal = check_conditions(call, object, "")) return tl::unexpected(*refusal);
  Answer answer;
  answer.headers = headers_of(call, object, resolved->link ? *resolved->link : object);
  answer.headers.emplace_back("Accept-Ranges", "bytes");
  answer.head_size = object.content.size();
  return answer;
}

Verdict<Answer> get_object_meta(Call& call) {
  auto found = find(call, call.key);
  if (!found) return tl::unexpected(std::move(found.error()));
  const Object& object = **found;
  Answer answer;
  answer.headers = {{"ETag", object.etag},
                    {"Last-Modified", format_http_date(object.last_modified)}};
  if (object.has_crc64)
    answer.headers.emplace_back("x-oss-hash-crc64ecma", std::to_string(object.content.crc64()));
  if (call.switches.brief_with_object_type)
    answer.headers.emplace_back("x-oss-object-type", name_of(object.kind));
  if (call.bucket->options().versioning != Versioning::kOff)
    answer.headers.emplace_back("x-oss-version-id", object.version_id);
  answer.head_size = size_of(object);
  return answer;
}

Verdict<Answer> append_object(Call& call) {
  const auto position = parse_u64(call.query("position"));
  if (!position) return invalid_position(call);
  if (auto refusal = check_md5(call, call.content_md5)) return tl::unexpected(*refusal);
  if (call.bucket->options().hierarchical)
    return refuse(400, "OperationNotSupported",
                  "Appending is not supported with a hierarchical namespace.", "0016-00000702");
  auto fresh = attributes_of(call);
  if (!fresh) return tl::unexpected(std::move(fresh.error()));
  fresh->kind = ObjectKind::kAppendable;
  auto stored = call.bucket->update(call.key, [&](const ObjectPointer& present) -> Verdict<Object> {
    if (auto refusal = check_write_conditions(call, present))
      return tl::unexpected(std::move(*refusal));
    if (auto refusal = check_append(present, *position, call.content.size()))
      return tl::unexpected(std::move(*refusal));
    Object object = present ? *present : *fresh;  // attributes count on the first append only
    object.content.append(call.content);
    object.etag = new_opaque_etag();
    object.last_modified = call.now;
    return object;
  });
  if (!stored) return tl::unexpected(std::move(stored.error()));
  Answer answer;
  answer.headers = {{"ETag", stored->object->etag},
                    {"x-oss-next-append-position", std::to_string(stored->object->content.size())},
                    {"x-oss-hash-crc64ecma", std::to_string(stored->object->content.crc64())}};
  add_stored(answer.headers, *stored);
  return answer;
}

Verdict<Answer> seal_append_object(Call& call) {
  const auto position = parse_u64(call.query("position"));
  if (!position) return invalid_position(call);
  auto found = find(call, call.key);
  if (!found) return tl::unexpected(std::move(found.error()));
  std::optional<Refusal> refusal;
  auto amended = call.bucket->amend(call.key, "", [&](Object& object) {
    refusal = object.kind != ObjectKind::kAppendable ? not_appendable()
              : *position != object.content.size()   ? wrong_position(object.content.size())
                                                     : std::nullopt;
    if (!refusal) object.sealed = true;
  });
  if (!amended) return tl::unexpected(std::move(amended.error()));
  if (refusal) return tl::unexpected(std::move(*refusal));
  return Answer{};
}

Verdict<Answer> delete_object(Call& call) {
  auto removed = call.bucket->remove(call.key, call.query("versionId"), call.now);
  if (!removed) return tl::unexpected(std::move(removed.error()));
  const ObjectPointer& gone = *removed;
  Answer answer;
  answer.status = 204;
  if (gone && gone->delete_marker) answer.headers.emplace_back("x-oss-delete-marker", "true");
  if (call.bucket->options().versioning != Versioning::kOff && gone)
    answer.headers.emplace_back("x-oss-version-id", gone->version_id);
  return answer;
}

Verdict<Answer> delete_multiple_objects(Call& call) {
  if (!call.request.has_header("content-length")) return missing_content_length();
  if (!call.request.has_header("content-md5"))
    return refuse(400, "MissingArgument", "Missing Some Required Arguments.", "0016-00000606",
                  {{"ArgumentName", "Content-MD5"}});
  if (auto refusal = check_md5(call, call.content_md5)) return tl::unexpected(*refusal);
  XmlDocument body;
  auto wanted = doomed_keys(call, body);
  if (!wanted) return tl::unexpected(std::move(wanted.error()));
  std::optional<Refusal> denied;
  std::erase_if(*wanted, [&](const DoomedKey& object) {
    // As DeleteObject with `versionId`.
    const char* action = object.version.empty() ? "oss:DeleteObject" : "oss:DeleteObjectVersion";
    auto refusal = authorize(call, action, object.key);
    if (refusal && !denied) denied = refusal;
    return refusal.has_value();
  });
  if (denied && !call.switches.delete_many_leaves_out_denied) return tl::unexpected(*denied);
  if (call.switches.delete_many_partial) wanted->resize((wanted->size() + 1) / 2);
  const bool quiet = body.root().text("Quiet") == "true";
  const Names names(
      call, call.query("encoding-type") == "url" || body.root().text("EncodingType") == "url");
  XmlDocument out("DeleteResult");
  if (names.encoded()) out.root().add("EncodingType", "url");
  for (const DoomedKey& object : *wanted) {
    const auto removed = call.bucket->remove(object.key, object.version, call.now);
    if (!removed) continue;  // not listed as deleted, as under load
    const ObjectPointer& gone = *removed;
    XmlElement entry = out.root().add("Deleted");
    entry.add("Key", names(object.key));
    if (!object.version.empty()) entry.add("VersionId", object.version);
    if (gone && gone->delete_marker) {
      entry.add("DeleteMarker", "true");
      entry.add("DeleteMarkerVersionId", gone->version_id);
    }
  }
  Answer answer;
  if (!quiet || call.switches.delete_many_partial) answer.text = out.to_string();
  return answer;
}

}  // namespace stsfs::sim
