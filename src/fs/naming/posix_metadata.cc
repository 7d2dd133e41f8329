// Source of the formats: ossfs 1.91 metaheader.cpp, s3fs 1.97 metaheader.cpp, geesefs, rclone
// backend/local.

#include "posix_metadata.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdint>
#include <ratio>

#include "extended_attributes.h"
#include "stsfs/base/text.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::fs {
namespace {

constexpr std::uint64_t kDirectorySize = 4096;

const std::string* find(const oss::UserMetadata& user, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto found = user.find(name); found != user.end()) return &found->second;
  return nullptr;
}

bool has_type(std::uint64_t mode) {
  switch (mode & S_IFMT) {
    case 0:
    case S_IFREG:
    case S_IFDIR:
    case S_IFLNK:
    case S_IFIFO:
    case S_IFSOCK:
    case S_IFCHR:
    case S_IFBLK:
      return true;
    default:
      return false;
  }
}

/// Base 0 as strtoul has it: 0x1a4, 0644, 420.
std::optional<std::uint64_t> parse_any_base(const std::string& text) {
  if (text.starts_with("0x") || text.starts_with("0X"))
    return parse_u64(std::string_view(text).substr(2), 16);
  if (text.size() > 1 && text[0] == '0') return parse_u64(text, 8);
  return parse_u64(text);
}

std::optional<mode_t> mode_in(const oss::UserMetadata& user) {
  if (const std::string* text = find(user, {"mode", "permissions"}))
    return parse_metadata_mode(*text);
  if (const std::string* text = find(user, {"goog-reserved-posix-mode"}))
    if (const auto mode = parse_u64(*text, 8); mode && *mode <= 07777)
      return static_cast<mode_t>(*mode);
  return std::nullopt;
}

std::optional<std::uint64_t> id_in(const oss::UserMetadata& user,
                                   std::initializer_list<const char*> names) {
  const std::string* text = find(user, names);
  const auto id = text == nullptr ? std::nullopt : parse_any_base(*text);
  return id && *id <= UINT32_MAX ? id : std::nullopt;
}

WallTime time_in(const oss::UserMetadata& user, std::initializer_list<const char*> names,
                 WallTime otherwise) {
  const std::string* text = find(user, names);
  return text == nullptr ? otherwise : parse_metadata_time(*text).value_or(otherwise);
}

/// As ossfs 1.x says it of a target that is too long for a header.
bool has_link_in_body(const oss::UserMetadata& user) {
  const std::string* text = find(user, {"symlink-target"});
  return text != nullptr && text->starts_with("body:");
}

/// The type bits: from the mode header, a link header, the key, the content type, in this order.
mode_t type_of(const oss::ObjectMeta& meta, bool is_directory, std::optional<mode_t> mode) {
  if (is_directory) return S_IFDIR;
  if (meta.type == oss::ObjectType::kSymlink) return S_IFLNK;
  if (mode && (*mode & S_IFMT) != 0 && (*mode & S_IFMT) != S_IFDIR) return *mode & S_IFMT;
  if (link_target_in(meta.headers.user) || has_link_in_body(meta.headers.user)) return S_IFLNK;
  return S_IFREG;
}

mode_t permissions_of(mode_t type, std::optional<mode_t> mode, const AttributeDefaults& defaults) {
  if (mode && ((*mode & 07777) != 0 || (*mode & S_IFMT) != 0)) return *mode & 07777;
  if (type == S_IFDIR) return defaults.directory_mode;
  return type == S_IFLNK ? defaults.link_mode : defaults.file_mode;
}

}  // namespace

std::optional<mode_t> parse_metadata_mode(const std::string& text) {
  const auto decimal = parse_any_base(text);
  if (decimal && *decimal <= 0xFFFF && has_type(*decimal)) return static_cast<mode_t>(*decimal);
  const auto octal = parse_u64(text, 8);
  if (octal && *octal <= 0xFFFF && has_type(*octal)) return static_cast<mode_t>(*octal);
  return std::nullopt;
}

oss::PutOptions put_options(const Attributes& attributes, const oss::ObjectHeaders& carried,
                            const std::string& storage_class) {
  oss::PutOptions out;
  out.headers = carried;
  // What described the old bytes: rclone's checksum, our own write's number.
  out.headers.user.erase("md5chksum");
  out.headers.user.erase(oss::kWriteIdName);
  store_attributes(attributes, out.headers.user);
  out.storage_class = storage_class;
  if (const auto acl = out.headers.user.find(kAclName); acl != out.headers.user.end())
    out.acl = acl->second;
  return out;
}

std::optional<WallTime> parse_metadata_time(const std::string& text) {
  // What 64 bits of nanoseconds hold, either way from 1970.
  constexpr std::uint64_t kSecondsMax = INT64_MAX / std::nano::den - 1;
  const bool before_1970 = text.starts_with('-');
  const std::string_view number = std::string_view(text).substr(before_1970 ? 1 : 0);
  const auto dot = number.find('.');
  const auto seconds = parse_u64(number.substr(0, dot));
  if (!seconds || *seconds > kSecondsMax) return std::nullopt;
  const auto signed_seconds = static_cast<std::int64_t>(*seconds) * (before_1970 ? -1 : 1);
  const WallTime time{std::chrono::seconds(signed_seconds)};
  if (dot == std::string::npos) return time;
  std::string digits(number.substr(dot + 1));
  if (digits.empty() || digits.size() > 9) return std::nullopt;
  digits.resize(9, '0');
  const auto nanoseconds = parse_u64(digits);
  if (!nanoseconds) return std::nullopt;
  return time + std::chrono::nanoseconds(*nanoseconds);
}

std::string format_metadata_time(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto nanoseconds = (time - seconds).count();
  std::string out = std::to_string(seconds.time_since_epoch().count());
  if (nanoseconds == 0) return out;
  std::string digits = std::to_string(nanoseconds);
  return out + "." + std::string(9 - digits.size(), '0') + digits;
}

std::optional<std::string> link_target_in(const oss::UserMetadata& user) {
  if (const std::string* text = find(user, {"symlink-target"})) {
    // header:<bytes>:<percent-encoded>; with "body:" the target is the content.
    if (text->starts_with("header:"))
      if (const auto colon = text->find(':', 7); colon != std::string::npos)
        return percent_decode(text->substr(colon + 1));
    return std::nullopt;
  }
  if (const std::string* text = find(user, {"--symlink-target"})) return percent_decode(*text);
  return std::nullopt;
}

std::string link_target_of(const oss::UserMetadata& user, std::string_view body) {
  const std::string* size = find(user, {kTargetSize});
  return std::string(size != nullptr && *size == std::to_string(body.size()) ? body : trim(body));
}

Attributes attributes_of(const oss::ObjectMeta& meta, bool is_directory,
                         const AttributeDefaults& defaults) {
  const oss::UserMetadata& user = meta.headers.user;
  const auto mode = mode_in(user);
  const mode_t type = type_of(meta, is_directory, mode);
  Attributes out;
  out.mode = type | permissions_of(type, mode, defaults);
  out.uid = static_cast<uid_t>(
      id_in(user, {"uid", "owner", "goog-reserved-posix-uid"}).value_or(defaults.uid));
  out.gid = static_cast<gid_t>(
      id_in(user, {"gid", "group", "goog-reserved-posix-gid"}).value_or(defaults.gid));
  out.size_bytes = type == S_IFDIR ? kDirectorySize : meta.size_bytes;
  out.mtime = time_in(user, {"mtime", "goog-reserved-file-mtime"}, meta.last_modified);
  out.ctime = time_in(user, {"ctime"}, meta.last_modified);
  out.atime = time_in(user, {"atime"}, out.mtime);
  if (const auto rdev = id_in(user, {"rdev"}); rdev && (type == S_IFCHR || type == S_IFBLK))
    out.rdev = *rdev;
  return out;
}

void store_attributes(const Attributes& attributes, oss::UserMetadata& user) {
  user["mode"] = std::to_string(attributes.mode);
  user["uid"] = std::to_string(attributes.uid);
  user["gid"] = std::to_string(attributes.gid);
  user["mtime"] = format_metadata_time(attributes.mtime);
  user["ctime"] = format_metadata_time(attributes.ctime);
  user["atime"] = format_metadata_time(attributes.atime);
  if (attributes.rdev != 0) user["rdev"] = std::to_string(attributes.rdev);
}

}  // namespace stsfs::fs
