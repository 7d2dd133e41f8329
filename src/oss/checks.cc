#include "stsfs/oss/checks.h"

#include <algorithm>

#include <fmt/format.h>

#include "stsfs/base/text.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::oss {
namespace {

constexpr std::string_view kUserMetadataPrefix = "x-oss-meta-";

// Source: help.aliyun.com, EC 0011-00000004: "letters, digits, and hyphens".
bool is_name_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_header_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7F) || c == '\t';
  });
}

Result<void> check_value(std::string_view what, std::string_view value) {
  if (is_header_value(value)) return {};
  return fail(Errc::kInvalid,
              fmt::format("{} cannot stand in a header: {}", what, printable(value, 64)));
}

Result<void> check_user_metadata(const UserMetadata& user) {
  std::size_t size_bytes = 0;
  for (const auto& [name, value] : user) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_name_character))
      return fail(Errc::kInvalid, "not a name for user metadata: " + printable(name, 64));
    if (auto good = check_value("user metadata " + printable(name, 64), value); !good) return good;
    size_bytes += kUserMetadataPrefix.size() + name.size() + value.size();
  }
  // Source: help.aliyun.com, EC 0011-00000002: names and values, "8 KB or more" is refused.
  if (size_bytes >= kUserMetadataMax)
    return fail(Errc::kMetadataFull,
                fmt::format("user metadata of {} bytes, OSS takes less than {}", size_bytes,
                            kUserMetadataMax));
  return {};
}

}  // namespace

Result<void> check_key(std::string_view key) {
  if (key.empty()) return fail(Errc::kInvalid, "an object's key is empty");
  if (key.size() > kKeySizeMax)
    return fail(Errc::kNameTooLong,
                fmt::format("a key of {} bytes, OSS takes {}", key.size(), kKeySizeMax));
  if (key.front() == '/' || key.front() == '\\')
    return fail(Errc::kInvalid, "an object's key begins with a slash: " + printable(key));
  return {};
}

Result<void> check_headers(const ObjectHeaders& headers) {
  const std::pair<std::string_view, const std::string*> values[] = {
      {"Content-Type", &headers.content_type},
      {"Cache-Control", &headers.cache_control},
      {"Content-Disposition", &headers.content_disposition},
      {"Content-Encoding", &headers.content_encoding},
      {"Content-Language", &headers.content_language},
      {"Expires", &headers.expires},
      {"encryption", &headers.encryption.method},
      {"encryption key", &headers.encryption.key_id},
      {"encryption of data", &headers.encryption.data_method},
  };
  for (const auto& [name, value] : values)
    if (auto good = check_value(name, *value); !good) return good;
  return check_user_metadata(headers.user);
}

Result<void> check_options(const PutOptions& options) {
  for (const std::string* value : {&options.storage_class, &options.acl, &options.tagging})
    if (auto good = check_value("storage class, ACL or tagging", *value); !good) return good;
  return check_headers(options.headers);
}

Result<void> check_acl(std::string_view acl) {
  if (is_one_of(acl, {"default", "private", "public-read", "public-read-write"})) return {};
  return fail(Errc::kInvalid, "an ACL is default, private, public-read or public-read-write, not " +
                                  printable(acl, 64));
}

Result<void> check_storage_class(std::string_view storage_class) {
  if (is_one_of(storage_class, {"Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"}))
    return {};
  return fail(Errc::kInvalid,
              "a storage class is Standard, IA, Archive, ColdArchive or DeepColdArchive, not " +
                  printable(storage_class, 64));
}

Result<void> check_restore(const RestoreRequest& request) {
  if (request.days < 1 || request.days > 365)
    return fail(Errc::kInvalid, "an object is restored for 1 to 365 days");
  if (is_one_of(request.tier, {"", "Expedited", "Standard", "Bulk"})) return {};
  return fail(Errc::kInvalid,
              "a restore is Expedited, Standard or Bulk, not " + printable(request.tier, 64));
}

Result<void> check_part_number(int number) {
  if (number >= 1 && number <= kPartsMax) return {};
  return fail(Errc::kInvalid,
              fmt::format("part {} of an upload: OSS takes 1 to {}", number, kPartsMax));
}

}  // namespace stsfs::oss
