#include "journal_row.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "stsfs/base/text.h"

namespace stsfs::staging {
namespace {

constexpr std::string_view kUserPrefix = "user.";
constexpr std::string_view kTagged = "tagged";
constexpr std::string_view kYes = "yes";

template <class T>
using Member = std::pair<std::string_view, std::string T::*>;
constexpr std::array<Member<oss::ObjectHeaders>, 6> kMembers{{
    {"content-type", &oss::ObjectHeaders::content_type},
    {"cache-control", &oss::ObjectHeaders::cache_control},
    {"content-disposition", &oss::ObjectHeaders::content_disposition},
    {"content-encoding", &oss::ObjectHeaders::content_encoding},
    {"content-language", &oss::ObjectHeaders::content_language},
    {"expires", &oss::ObjectHeaders::expires},
}};
constexpr std::array<Member<oss::Encryption>, 3> kEncryptionMembers{{
    {"encryption", &oss::Encryption::method},
    {"encryption-key", &oss::Encryption::key_id},
    {"data-encryption", &oss::Encryption::data_method},
}};

constexpr char letter_of(Origin origin) {
  switch (origin) {
    case Origin::kBase:
      return 'b';
    case Origin::kStaged:
      return 's';
    case Origin::kZero:
      return 'z';
    case Origin::kCopied:
      return 'c';
  }
  return '?';
}

std::optional<Origin> origin_of(char letter) {
  for (const Origin origin : {Origin::kBase, Origin::kStaged, Origin::kZero, Origin::kCopied})
    if (letter_of(origin) == letter) return origin;
  return std::nullopt;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (!out.empty()) out += '&';
  out += percent_encode(name);
  out += '=';
  out += percent_encode(value);
}

/// `8192:100000:key:etag`: offset in the source, its size, what it is.
std::string text_of_source(const Extent& extent) {
  return std::to_string(extent.source_offset) + ':' + std::to_string(extent.source->size) + ':' +
         percent_encode(extent.source->key) + ':' + percent_encode(extent.source->etag);
}

bool read_source(std::string_view text, Extent& extent) {
  const auto fields = split(text, ':');
  if (fields.size() != 4) return false;
  const auto offset = parse_u64(fields[0]);
  const auto size = parse_u64(fields[1]);
  const auto key = percent_decode(fields[2]);
  const auto etag = percent_decode(fields[3]);
  if (!offset || !size || !key || !etag || *offset > *size) return false;
  if (extent.range.length > *size - *offset) return false;
  extent.source_offset = *offset;
  extent.source = std::make_shared<const CopySource>(CopySource{*key, *etag, *size});
  return true;
}

}  // namespace

// `s4096,b1048576,c4096:0:8192:key:etag`: lengths one after the other, since extents leave no gaps.
std::string encode_extents(const std::vector<Extent>& extents) {
  std::string out;
  for (const Extent& extent : extents) {
    if (!out.empty()) out += ',';
    out += letter_of(extent.origin);
    out += std::to_string(extent.range.length);
    if (extent.origin == Origin::kCopied) out += ':' + text_of_source(extent);
  }
  return out;
}

Result<std::vector<Extent>> decode_extents(std::string_view text) {
  std::vector<Extent> out;
  if (text.empty()) return out;
  std::uint64_t offset = 0;
  for (const std::string_view field : split(text, ',')) {
    const auto origin = field.empty() ? std::nullopt : origin_of(field[0]);
    const auto colon = std::min(field.find(':'), field.size());
    const auto length = field.empty() ? std::nullopt : parse_u64(field.substr(1, colon - 1));
    if (!origin || !length || *length == 0 || *length > UINT64_MAX - offset)
      return fail(Errc::kCorrupt, "the extents " + printable(text));
    Extent extent{{offset, *length}, *origin};
    const bool copied = *origin == Origin::kCopied;
    if (copied != (colon < field.size()) ||
        (copied && !read_source(field.substr(colon + 1), extent)))
      return fail(Errc::kCorrupt, "the extents " + printable(text));
    out.push_back(std::move(extent));
    offset += *length;
  }
  return out;
}

std::string encode_headers(const oss::ObjectHeaders& headers, bool tagged) {
  std::string out;
  if (tagged) append_field(out, kTagged, kYes);
  for (const auto& [name, member] : kMembers)
    if (!(headers.*member).empty()) append_field(out, name, headers.*member);
  for (const auto& [name, member] : kEncryptionMembers)
    if (!(headers.encryption.*member).empty()) append_field(out, name, headers.encryption.*member);
  for (const auto& [name, value] : headers.user)
    append_field(out, std::string(kUserPrefix) + name, value);
  return out;
}

Result<oss::ObjectHeaders> decode_headers(std::string_view text) {
  oss::ObjectHeaders out;
  if (text.empty()) return out;
  for (const std::string_view field : split(text, '&')) {
    const auto equals = field.find('=');
    const auto name = percent_decode(field.substr(0, equals));
    const auto value =
        equals == std::string_view::npos ? std::nullopt : percent_decode(field.substr(equals + 1));
    if (!name || !value) return fail(Errc::kCorrupt, "the header " + printable(field));
    if (name->starts_with(kUserPrefix)) {
      out.user[name->substr(kUserPrefix.size())] = *value;
      continue;
    }
    for (const auto& [known, member] : kMembers)
      if (known == *name) out.*member = *value;
    for (const auto& [known, member] : kEncryptionMembers)
      if (known == *name) out.encryption.*member = *value;
  }
  return out;
}

bool says_tagged(std::string_view headers) {
  for (const std::string_view field : split(headers, '&'))
    if (field == std::string(kTagged) + '=' + std::string(kYes)) return true;
  return false;
}

/// `5f3a…-7-9`: the line, the numbers.
std::string encode_writes(const WriteNumbers& writes) {
  if (writes.line.empty()) return "";
  return writes.line + '-' + std::to_string(writes.first) + '-' + std::to_string(writes.last);
}

WriteNumbers decode_writes(std::string_view text) {
  WriteNumbers out;
  const auto fields = split(text, '-');
  const auto first = fields.size() == 3 ? parse_u64(fields[1]) : std::nullopt;
  const auto last = fields.size() == 3 ? parse_u64(fields[2]) : std::nullopt;
  if (!first || !last) return {};
  out.line = fields[0];
  out.first = *first;
  out.last = *last;
  return out;
}

}  // namespace stsfs::staging
