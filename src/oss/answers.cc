#include "answers.h"

#include <algorithm>

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/oss/object_store.h"
#include "xml.h"

namespace stsfs::oss {
namespace {

constexpr std::string_view kUserPrefix = "x-oss-meta-";

// --- headers ---

std::string header_or_empty(const http::Headers& headers, std::string_view name) {
  const std::string* value = http::find_header(headers, name);
  return value == nullptr ? std::string() : *value;
}

Result<std::string> required_header(const http::Headers& headers, std::string_view name) {
  std::string value = header_or_empty(headers, name);
  if (value.empty()) return fail(Errc::kProtocol, "the answer has no " + std::string(name));
  return value;
}

/// ETags are compared as text, so all have one form: in quotes.
std::string quoted(std::string etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') return etag;
  return '"' + etag + '"';
}

WallTime server_time(const http::Headers& headers, WallTime now) {
  return parse_http_date(header_or_empty(headers, "Date")).value_or(now);
}

ObjectType object_type(std::string_view text) {
  if (text == "Multipart") return ObjectType::kMultipart;
  if (text == "Appendable") return ObjectType::kAppendable;
  if (text == "Symlink") return ObjectType::kSymlink;
  return ObjectType::kNormal;
}

UserMetadata user_metadata(const http::Headers& headers) {
  UserMetadata user;
  for (const http::Header& header : headers) {
    std::string name = to_lower(header.name);
    if (name.size() > kUserPrefix.size() && name.starts_with(kUserPrefix))
      user.insert_or_assign(name.substr(kUserPrefix.size()), header.value);
  }
  return user;
}

ObjectHeaders object_headers(const http::Headers& headers) {
  ObjectHeaders out;
  out.content_type = header_or_empty(headers, "Content-Type");
  out.cache_control = header_or_empty(headers, "Cache-Control");
  out.content_disposition = header_or_empty(headers, "Content-Disposition");
  out.content_encoding = header_or_empty(headers, "Content-Encoding");
  out.content_language = header_or_empty(headers, "Content-Language");
  out.expires = header_or_empty(headers, "Expires");
  out.encryption = {header_or_empty(headers, "x-oss-server-side-encryption"),
                    header_or_empty(headers, "x-oss-server-side-encryption-key-id"),
                    header_or_empty(headers, "x-oss-server-side-data-encryption")};
  out.user = user_metadata(headers);
  return out;
}

struct Identity {
  std::string etag;
  WallTime last_modified;
};
Result<Identity> identity(const http::Headers& headers) {
  auto etag = required_header(headers, "ETag");
  if (!etag) return fail(std::move(etag.error()));
  const auto text = required_header(headers, "Last-Modified");
  if (!text) return fail(text.error());
  const auto time = parse_http_date(*text);
  if (!time)
    return fail(Errc::kProtocol, "Last-Modified in the answer is no time: " + printable(*text, 64));
  return Identity{quoted(std::move(*etag)), *time};
}

Result<std::uint64_t> content_length(const http::Headers& headers) {
  const auto text = required_header(headers, "Content-Length");
  if (!text) return fail(text.error());
  const auto size = parse_u64(*text);
  if (!size) return fail(Errc::kProtocol, "Content-Length is no number: " + printable(*text, 32));
  return *size;
}

Result<ObjectMeta> meta_of(const http::Headers& headers, std::uint64_t size_bytes, WallTime now) {
  auto who = identity(headers);
  if (!who) return fail(std::move(who.error()));
  ObjectMeta meta;
  meta.size_bytes = size_bytes;
  meta.etag = std::move(who->etag);
  meta.last_modified = who->last_modified;
  meta.type = object_type(header_or_empty(headers, "x-oss-object-type"));
  meta.storage_class = header_or_empty(headers, "x-oss-storage-class");
  meta.crc64 = parse_u64(header_or_empty(headers, "x-oss-hash-crc64ecma"));
  meta.restore = header_or_empty(headers, "x-oss-restore");
  meta.version_id = header_or_empty(headers, "x-oss-version-id");
  meta.tagging_count = parse_u64(header_or_empty(headers, "x-oss-tagging-count")).value_or(0);
  meta.headers = object_headers(headers);
  meta.server_time = server_time(headers, now);
  return meta;
}

Written written_of(const http::Headers& headers, std::string etag, WallTime now) {
  return {quoted(std::move(etag)), parse_u64(header_or_empty(headers, "x-oss-hash-crc64ecma")),
          header_or_empty(headers, "x-oss-version-id"), server_time(headers, now)};
}

// --- listings ---

/// Undoes `encoding-type=url`. Some servers write a blank as `+`; a plus is always `%2B`.
Result<std::string> decoded(std::string text, bool url_encoded) {
  if (!url_encoded) return text;
  std::replace(text.begin(), text.end(), '+', ' ');
  auto raw = percent_decode(text);
  if (!raw)
    return fail(Errc::kProtocol, "a key in the answer is badly encoded: " + printable(text));
  return std::move(*raw);
}

bool is_url_encoded(const XmlElement& root) { return root.text("EncodingType") == "url"; }

Result<ListEntry> list_entry(const XmlElement& contents, bool url_encoded) {
  auto encoded = contents.required("Key");
  if (!encoded) return fail(std::move(encoded.error()));
  auto key = decoded(std::move(*encoded), url_encoded);
  if (!key) return fail(std::move(key.error()));
  const auto size = contents.required_number("Size");
  if (!size) return fail(size.error());
  auto etag = contents.required("ETag");
  if (!etag) return fail(std::move(etag.error()));
  const auto modified_text = contents.required("LastModified");
  if (!modified_text) return fail(modified_text.error());
  const auto modified = parse_iso8601(*modified_text);
  if (!modified)
    return fail(Errc::kProtocol, "LastModified is no time: " + printable(*modified_text, 64));
  ListEntry entry;
  entry.key = std::move(*key);
  entry.size_bytes = *size;
  entry.etag = quoted(std::move(*etag));
  entry.last_modified = *modified;
  entry.type = object_type(contents.text("Type"));
  entry.storage_class = contents.text("StorageClass");
  entry.restore = contents.text("RestoreInfo");
  return entry;
}

/// Nobody may show us keys that we did not ask for.
Result<void> check_inside(std::string_view name, const ListRequest& request) {
  if (name.starts_with(request.prefix)) return {};
  return fail(Errc::kProtocol, "the listing holds a key outside the prefix: " + printable(name));
}

Result<void> read_entries(const XmlElement& root, const ListRequest& request, ListPage& page) {
  const bool url_encoded = is_url_encoded(root);
  return root.each("Contents", [&](const XmlElement& contents) -> Result<void> {
    auto entry = list_entry(contents, url_encoded);
    if (!entry) return fail(std::move(entry.error()));
    if (auto inside = check_inside(entry->key, request); !inside) return inside;
    page.objects.push_back(std::move(*entry));
    return {};
  });
}

Result<void> read_prefixes(const XmlElement& root, const ListRequest& request, ListPage& page) {
  const bool url_encoded = is_url_encoded(root);
  return root.each("CommonPrefixes", [&](const XmlElement& group) -> Result<void> {
    return group.each("Prefix", [&](const XmlElement& element) -> Result<void> {
      auto prefix = decoded(element.own_text(), url_encoded);
      if (!prefix) return fail(std::move(prefix.error()));
      if (auto inside = check_inside(*prefix, request); !inside) return inside;
      page.common_prefixes.push_back(std::move(*prefix));
      return {};
    });
  });
}

void sort_page(ListPage& page) {
  std::sort(page.objects.begin(), page.objects.end(),
            [](const ListEntry& a, const ListEntry& b) { return a.key < b.key; });
  std::sort(page.common_prefixes.begin(), page.common_prefixes.end());
}

Result<Part> list_part(const XmlElement& element) {
  const auto number = element.required_number("PartNumber");
  if (!number) return fail(number.error());
  auto etag = element.required("ETag");
  if (!etag) return fail(std::move(etag.error()));
  const auto size = element.required_number("Size");
  if (!size) return fail(size.error());
  if (*number < 1 || *number > static_cast<std::uint64_t>(kPartsMax))
    return fail(Errc::kProtocol, "a part number that cannot be: " + std::to_string(*number));
  return Part{static_cast<int>(*number), quoted(std::move(*etag)), *size,
              parse_u64(element.text("HashCrc64ecma"))};
}

}  // namespace

Result<ListPage> read_list(const http::Response& response, const ListRequest& request,
                           WallTime now) {
  const auto answer = XmlAnswer::parse(response.body, "ListBucketResult");
  if (!answer) return fail(answer.error());
  const XmlElement root = answer->root();
  ListPage page;
  page.server_time = server_time(response.headers, now);
  if (auto read = read_entries(root, request, page); !read) return fail(std::move(read.error()));
  if (auto read = read_prefixes(root, request, page); !read) return fail(std::move(read.error()));
  const auto truncated = root.required_bool("IsTruncated");
  if (!truncated) return fail(truncated.error());
  if (*truncated) {
    auto token = root.required("NextContinuationToken");
    if (!token) return fail(std::move(token.error()));
    // Encoded like the keys, or not at all; in neither case does a plus mean a blank.
    auto raw = is_url_encoded(root) ? percent_decode(*token) : std::nullopt;
    page.next_token = raw ? std::move(*raw) : std::move(*token);
    // It would begin again, and never end.
    if (page.next_token == request.continuation_token)
      return fail(Errc::kProtocol, "the listing does not go on: its token stays the same");
  }
  sort_page(page);
  return page;
}

Result<ObjectMeta> read_head(const http::Headers& headers, WallTime now) {
  const auto size = content_length(headers);
  if (!size) return fail(size.error());
  return meta_of(headers, *size, now);
}

Result<ObjectBrief> read_brief(const http::Headers& headers, WallTime now) {
  const auto size = content_length(headers);
  if (!size) return fail(size.error());
  auto who = identity(headers);
  if (!who) return fail(std::move(who.error()));
  ObjectBrief brief;
  brief.size_bytes = *size;
  brief.etag = std::move(who->etag);
  brief.last_modified = who->last_modified;
  if (const std::string* type = http::find_header(headers, "x-oss-object-type"))
    brief.type = object_type(*type);
  brief.version_id = header_or_empty(headers, "x-oss-version-id");
  brief.server_time = server_time(headers, now);
  return brief;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const auto dash = text.find('-');
  const auto slash = text.find('/');
  if (dash == text.npos || slash == text.npos || dash > slash) return std::nullopt;
  const auto first = parse_u64(text.substr(0, dash));
  const auto last = parse_u64(text.substr(dash + 1, slash - dash - 1));
  const auto total = parse_u64(text.substr(slash + 1));
  if (!first || !last || !total || *first > *last || *last >= *total) return std::nullopt;
  return ContentRange{{*first, *last - *first + 1}, *total};
}

Result<PartialContent> read_partial(const http::ResponseHead& head, ByteRange range,
                                    std::string_view etag, WallTime now) {
  // A range of an empty object may be 416, or all that there is: OSS's documentation does not say.
  if (head.status == 200 && header_or_empty(head.headers, "Content-Length") == "0")
    return fail(Errc::kRange, "the object is empty");
  if (head.status != 206)
    return fail(Errc::kProtocol, "a range was asked for, the answer is " +
                                     std::to_string(head.status) + " instead of 206");
  const std::string text = header_or_empty(head.headers, "Content-Range");
  const auto got = parse_content_range(text);
  if (!got) return fail(Errc::kProtocol, "no usable Content-Range: " + printable(text, 64));
  const std::uint64_t there = got->total_bytes - std::min(range.offset, got->total_bytes);
  const ByteRange expected{range.offset, std::min(range.length, there)};
  if (got->range != expected)
    return fail(Errc::kProtocol, "the answer is of another range: " + printable(text, 64));
  auto meta = meta_of(head.headers, got->total_bytes, now);
  if (!meta) return fail(std::move(meta.error()));
  if (!etag.empty() && meta->etag != etag)
    return fail(Errc::kChanged, "the answer is of another version: " + printable(meta->etag, 80));
  return PartialContent{std::move(*meta), expected};
}

Result<Written> read_written(const http::Response& response, WallTime now) {
  auto etag = required_header(response.headers, "ETag");
  if (!etag) return fail(std::move(etag.error()));
  return written_of(response.headers, std::move(*etag), now);
}

Result<Written> read_written_xml(const http::Response& response, const char* root, WallTime now) {
  const auto answer = XmlAnswer::parse(response.body, root);
  if (!answer) return fail(answer.error());
  auto etag = answer->root().required("ETag");
  if (!etag) return fail(std::move(etag.error()));
  return written_of(response.headers, std::move(*etag), now);
}

Result<std::string> read_upload_id(const http::Response& response) {
  const auto answer = XmlAnswer::parse(response.body, "InitiateMultipartUploadResult");
  if (!answer) return fail(answer.error());
  return answer->root().required("UploadId");
}

Result<Part> read_part(const http::Response& response, int number, std::uint64_t size_bytes) {
  auto etag = required_header(response.headers, "ETag");
  if (!etag) return fail(std::move(etag.error()));
  return Part{number, quoted(std::move(*etag)), size_bytes,
              parse_u64(header_or_empty(response.headers, "x-oss-hash-crc64ecma"))};
}

Result<Part> read_copied_part(const http::Response& response, int number, ByteRange range) {
  // A range that the server does not like makes it copy the whole source.
  if (const std::string* text = http::find_header(response.headers, "Content-Range")) {
    const auto copied = parse_content_range(*text);
    if (!copied || copied->range != range)
      return fail(Errc::kProtocol, "another range was copied: " + printable(*text, 64));
  }
  const auto answer = XmlAnswer::parse(response.body, "CopyPartResult");
  if (!answer) return fail(answer.error());
  auto etag = answer->root().required("ETag");
  if (!etag) return fail(std::move(etag.error()));
  return Part{number, quoted(std::move(*etag)), range.length,
              parse_u64(header_or_empty(response.headers, "x-oss-hash-crc64ecma"))};
}

Result<PartsPage> read_parts(const http::Response& response, int marker) {
  const auto answer = XmlAnswer::parse(response.body, "ListPartsResult");
  if (!answer) return fail(answer.error());
  const XmlElement root = answer->root();
  PartsPage page;
  const auto read = root.each("Part", [&](const XmlElement& element) -> Result<void> {
    auto part = list_part(element);
    if (!part) return fail(std::move(part.error()));
    page.parts.push_back(std::move(*part));
    return {};
  });
  if (!read) return fail(read.error());
  const auto truncated = root.required_bool("IsTruncated");
  if (!truncated) return fail(truncated.error());
  if (!*truncated) return page;
  const auto next = root.required_number("NextPartNumberMarker");
  if (!next) return fail(next.error());
  if (*next <= static_cast<std::uint64_t>(marker) || *next > static_cast<std::uint64_t>(kPartsMax))
    return fail(Errc::kProtocol, "the list of parts does not go on");
  page.next_marker = static_cast<int>(*next);
  return page;
}

Result<std::vector<std::string>> read_deleted(const http::Response& response) {
  const auto answer = XmlAnswer::parse(response.body, "DeleteResult");
  if (!answer) return fail(answer.error());
  const XmlElement root = answer->root();
  const bool url_encoded = is_url_encoded(root);
  std::vector<std::string> keys;
  const auto read = root.each("Deleted", [&](const XmlElement& element) -> Result<void> {
    auto encoded = element.required("Key");
    if (!encoded) return fail(std::move(encoded.error()));
    auto key = decoded(std::move(*encoded), url_encoded);
    if (!key) return fail(std::move(key.error()));
    keys.push_back(std::move(*key));
    return {};
  });
  if (!read) return fail(read.error());
  return keys;
}

Result<Symlink> read_symlink(const http::Response& response, WallTime now) {
  auto target = required_header(response.headers, "x-oss-symlink-target");
  if (!target) return fail(std::move(target.error()));
  auto who = identity(response.headers);
  if (!who) return fail(std::move(who.error()));
  // Some writers form-encode the target, so that `+` is a blank; all write a plus as %2B.
  auto raw = decoded(*target, true);
  return Symlink{raw ? std::move(*raw) : std::move(*target), std::move(who->etag),
                 who->last_modified, user_metadata(response.headers),
                 server_time(response.headers, now)};
}

Result<std::string> read_acl(const http::Response& response) {
  auto xml = XmlAnswer::parse(response.body, "AccessControlPolicy");
  if (!xml) return fail(std::move(xml.error()));
  std::string grant;
  auto found = xml->root().each("AccessControlList", [&](XmlElement list) -> Result<void> {
    grant = list.text("Grant");
    return {};
  });
  if (!found) return fail(std::move(found.error()));
  if (grant.empty()) return fail(Errc::kProtocol, "the answer has no Grant");
  return grant;
}

Result<std::string> read_tagging(const http::Response& response) {
  auto xml = XmlAnswer::parse(response.body, "Tagging");
  if (!xml) return fail(std::move(xml.error()));
  std::string out;
  const auto take = [&](XmlElement tag) -> Result<void> {
    auto key = tag.required("Key");
    if (!key) return fail(std::move(key.error()));
    if (!out.empty()) out += '&';
    out += percent_encode(*key) + "=" + percent_encode(tag.text("Value"));
    return {};
  };
  auto read = xml->root().each("TagSet", [&](XmlElement set) { return set.each("Tag", take); });
  if (!read) return fail(std::move(read.error()));
  return out;
}

}  // namespace stsfs::oss
