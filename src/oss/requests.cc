#include "requests.h"

#include <algorithm>

#include <fmt/format.h>

#include "stsfs/base/text.h"
#include "stsfs/sign/digest.h"

namespace stsfs::oss {
namespace {

constexpr std::string_view kXml = "application/xml";

void add_if(sign::Pairs& pairs, std::string_view name, std::string_view value) {
  if (!value.empty()) pairs.emplace_back(name, value);
}

void add_object_headers(sign::Pairs& headers, const ObjectHeaders& object) {
  add_if(headers, "Content-Type", object.content_type);
  add_if(headers, "Cache-Control", object.cache_control);
  add_if(headers, "Content-Disposition", object.content_disposition);
  add_if(headers, "Content-Encoding", object.content_encoding);
  add_if(headers, "Content-Language", object.content_language);
  add_if(headers, "Expires", object.expires);
  for (const auto& [name, value] : object.user)
    headers.emplace_back("x-oss-meta-" + to_lower(name), value);
}

void add_encryption(sign::Pairs& headers, const Encryption& encryption) {
  add_if(headers, "x-oss-server-side-encryption", encryption.method);
  add_if(headers, "x-oss-server-side-encryption-key-id", encryption.key_id);
  add_if(headers, "x-oss-server-side-data-encryption", encryption.data_method);
}

void add_placing(sign::Pairs& headers, const PutOptions& options) {
  add_if(headers, "x-oss-storage-class", options.storage_class);
  add_if(headers, "x-oss-object-acl", options.acl);
  add_if(headers, "x-oss-tagging", options.tagging);
  if (options.forbid_overwrite) headers.emplace_back("x-oss-forbid-overwrite", "true");
}

void add_put_options(sign::Pairs& headers, const PutOptions& options) {
  add_object_headers(headers, options.headers);
  add_encryption(headers, options.headers.encryption);
  add_placing(headers, options);
}

void add_copy_source(sign::Pairs& headers, std::string_view bucket, std::string_view source_key,
                     std::string_view source_etag) {
  headers.emplace_back("x-oss-copy-source",
                       "/" + std::string(bucket) + "/" + percent_encode_path(source_key));
  add_if(headers, "x-oss-copy-source-if-match", source_etag);
}

std::string bytes_header(ByteRange range) {
  return fmt::format("bytes={}-{}", range.offset, range.end() - 1);
}

void append_escaped(std::string& xml, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        xml += "&amp;";
        break;
      case '<':
        xml += "&lt;";
        break;
      case '>':
        xml += "&gt;";
        break;
      case '\t':
      case '\n':
      case '\r':
        xml += fmt::format("&#x{:X};", static_cast<unsigned>(c));
        break;
      default:
        xml += c;
    }
  }
}

sign::Pairs part_query(std::string_view upload_id, int number) {
  return {{"partNumber", std::to_string(number)}, {"uploadId", std::string(upload_id)}};
}

/// The length of the well-formed UTF-8 sequence at the front, 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool too_high = first == 0xF4 && byte(1) > 0x8F;
  const bool noncharacter = first == 0xEF && byte(1) == 0xBF && byte(2) >= 0xBE;
  return overlong || surrogate || too_high || noncharacter ? 0 : length;
}

/// The calls for directories name them so.
std::string_view without_closing_slash(std::string_view key) {
  return key.ends_with('/') ? key.substr(0, key.size() - 1) : key;
}

}  // namespace

bool fits_xml(std::string_view key) {
  while (!key.empty()) {
    const auto first = static_cast<unsigned char>(key.front());
    if (first < 0x20 && first != '\t' && first != '\n' && first != '\r') return false;
    const std::size_t length = utf8_length(key);
    if (length == 0) return false;
    key.remove_prefix(length);
  }
  return true;
}

RequestSpec list_request(const ListRequest& request) {
  RequestSpec spec{.operation = Operation::kList, .method = http::Method::kGet, .key = {}};
  spec.query = {
      {"list-type", "2"}, {"encoding-type", "url"}, {"max-keys", std::to_string(request.keys_max)}};
  add_if(spec.query, "prefix", request.prefix);
  add_if(spec.query, "delimiter", request.delimiter);
  if (request.continuation_token.empty())
    add_if(spec.query, "start-after", request.start_after);
  else
    add_if(spec.query, "continuation-token", request.continuation_token);
  return spec;
}

RequestSpec head_request(std::string_view key) {
  return {.operation = Operation::kHead, .method = http::Method::kHead, .key = std::string(key)};
}

RequestSpec brief_request(std::string_view key) {
  return {.operation = Operation::kBrief,
          .method = http::Method::kHead,
          .key = std::string(key),
          .query = {{"objectMeta", ""}}};
}

RequestSpec get_request(std::string_view key, std::string_view etag, ByteRange range) {
  RequestSpec spec{
      .operation = Operation::kGet, .method = http::Method::kGet, .key = std::string(key)};
  // Without "standard" a range that reaches past the end gives the whole object.
  spec.headers = {{"Range", bytes_header(range)}, {"x-oss-range-behavior", "standard"}};
  add_if(spec.headers, "If-Match", etag);
  return spec;
}

RequestSpec put_request(std::string_view key, std::shared_ptr<http::BodySource> body,
                        const PutOptions& options) {
  RequestSpec spec{.operation = Operation::kPut,
                   .method = http::Method::kPut,
                   .key = std::string(key),
                   .body = std::move(body)};
  add_put_options(spec.headers, options);
  return spec;
}

RequestSpec copy_request(std::string_view bucket, std::string_view key,
                         const CopyOptions& options) {
  RequestSpec spec{
      .operation = Operation::kCopy, .method = http::Method::kPut, .key = std::string(key)};
  add_copy_source(spec.headers, bucket, options.source_key, options.source_etag);
  spec.headers.emplace_back("x-oss-metadata-directive",
                            options.replace_metadata ? "REPLACE" : "COPY");
  if (options.replace_metadata) add_object_headers(spec.headers, options.put.headers);
  add_encryption(spec.headers, options.put.headers.encryption);
  if (!options.put.tagging.empty()) spec.headers.emplace_back("x-oss-tagging-directive", "Replace");
  add_placing(spec.headers, options.put);
  return spec;
}

RequestSpec delete_request(std::string_view key) {
  return {
      .operation = Operation::kDelete, .method = http::Method::kDelete, .key = std::string(key)};
}

RequestSpec delete_directory_request(std::string_view key) {
  return {.operation = Operation::kDelete,
          .method = http::Method::kPost,
          .key = std::string(without_closing_slash(key)),
          .query = {{"x-oss-delete", ""}}};
}

RequestSpec delete_many_request(const std::vector<std::string>& keys) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Delete><Quiet>false</Quiet>";
  for (const std::string& key : keys) {
    xml += "<Object><Key>";
    append_escaped(xml, key);
    xml += "</Key></Object>";
  }
  xml += "</Delete>";
  RequestSpec spec{.operation = Operation::kDeleteMany, .method = http::Method::kPost, .key = {}};
  spec.query = {{"delete", ""}, {"encoding-type", "url"}};
  spec.headers = {{"Content-Type", std::string(kXml)},
                  {"Content-MD5", base64_encode(sign::md5(xml))}};
  spec.body = http::memory_body(std::move(xml));
  return spec;
}

RequestSpec initiate_request(std::string_view key, const PutOptions& options) {
  RequestSpec spec{.operation = Operation::kInitiate,
                   .method = http::Method::kPost,
                   .key = std::string(key),
                   .query = {{"uploads", ""}}};
  PutOptions now = options;
  now.acl.clear();  // CompleteMultipartUpload takes it
  add_put_options(spec.headers, now);
  return spec;
}

RequestSpec upload_part_request(std::string_view key, std::string_view upload_id, int number,
                                std::shared_ptr<http::BodySource> body) {
  return {.operation = Operation::kUploadPart,
          .method = http::Method::kPut,
          .key = std::string(key),
          .query = part_query(upload_id, number),
          .body = std::move(body)};
}

RequestSpec copy_part_request(std::string_view bucket, std::string_view key,
                              std::string_view upload_id, int number, std::string_view source_key,
                              std::string_view source_etag, ByteRange range) {
  RequestSpec spec{.operation = Operation::kCopyPart,
                   .method = http::Method::kPut,
                   .key = std::string(key),
                   .query = part_query(upload_id, number)};
  add_copy_source(spec.headers, bucket, source_key, source_etag);
  spec.headers.emplace_back("x-oss-copy-source-range", bytes_header(range));
  return spec;
}

RequestSpec complete_request(std::string_view key, std::string_view upload_id,
                             const std::vector<Part>& parts, const PutOptions& options) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CompleteMultipartUpload>";
  for (const Part& part : parts) {
    xml += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>", part.number);
    append_escaped(xml, part.etag);
    xml += "</ETag></Part>";
  }
  xml += "</CompleteMultipartUpload>";
  RequestSpec spec{.operation = Operation::kComplete,
                   .method = http::Method::kPost,
                   .key = std::string(key),
                   .query = {{"uploadId", std::string(upload_id)}}};
  spec.headers = {{"Content-Type", std::string(kXml)}};
  add_if(spec.headers, "x-oss-object-acl", options.acl);
  if (options.forbid_overwrite) spec.headers.emplace_back("x-oss-forbid-overwrite", "true");
  spec.body = http::memory_body(std::move(xml));
  return spec;
}

RequestSpec abort_request(std::string_view key, std::string_view upload_id) {
  return {.operation = Operation::kAbort,
          .method = http::Method::kDelete,
          .key = std::string(key),
          .query = {{"uploadId", std::string(upload_id)}}};
}

RequestSpec list_parts_request(std::string_view key, std::string_view upload_id, int marker) {
  RequestSpec spec{.operation = Operation::kListParts,
                   .method = http::Method::kGet,
                   .key = std::string(key),
                   .query = {{"uploadId", std::string(upload_id)}, {"max-parts", "1000"}}};
  if (marker > 0) spec.query.emplace_back("part-number-marker", std::to_string(marker));
  return spec;
}

RequestSpec put_symlink_request(std::string_view key, std::string_view target_key,
                                const PutOptions& options) {
  RequestSpec spec{.operation = Operation::kPutSymlink,
                   .method = http::Method::kPut,
                   .key = std::string(key),
                   .query = {{"symlink", ""}}};
  spec.headers = {{"x-oss-symlink-target", percent_encode(target_key)}};
  add_object_headers(spec.headers, options.headers);
  add_placing(spec.headers, options);
  return spec;
}

RequestSpec get_symlink_request(std::string_view key) {
  return {.operation = Operation::kGetSymlink,
          .method = http::Method::kGet,
          .key = std::string(key),
          .query = {{"symlink", ""}}};
}

RequestSpec get_acl_request(std::string_view key) {
  return {.operation = Operation::kGetAcl,
          .method = http::Method::kGet,
          .key = std::string(key),
          .query = {{"acl", ""}}};
}

RequestSpec get_tagging_request(std::string_view key) {
  return {.operation = Operation::kGetTagging,
          .method = http::Method::kGet,
          .key = std::string(key),
          .query = {{"tagging", ""}}};
}

RequestSpec restore_request(std::string_view key, const RestoreRequest& request) {
  std::string xml = fmt::format("<RestoreRequest><Days>{}</Days>", request.days);
  if (!request.tier.empty())
    xml += fmt::format("<JobParameters><Tier>{}</Tier></JobParameters>", request.tier);
  xml += "</RestoreRequest>";
  RequestSpec spec{.operation = Operation::kRestore,
                   .method = http::Method::kPost,
                   .key = std::string(key),
                   .query = {{"restore", ""}}};
  spec.headers = {{"Content-Type", std::string(kXml)}};
  spec.body = http::memory_body(std::move(xml));
  return spec;
}

RequestSpec rename_request(std::string_view from, std::string_view to) {
  RequestSpec spec{.operation = Operation::kRename,
                   .method = http::Method::kPost,
                   .key = std::string(without_closing_slash(to)),
                   .query = {{"x-oss-rename", ""}}};
  spec.headers = {{"x-oss-rename-source", percent_encode(without_closing_slash(from))}};
  return spec;
}

}  // namespace stsfs::oss
