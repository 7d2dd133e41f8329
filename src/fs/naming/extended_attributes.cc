// Source of the formats: ossfs 1.91 and s3fs 1.97 `build_xattrs`, `parse_xattrs`; geesefs
// core/handles.go.

#include "extended_attributes.h"

#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <map>

#include "stsfs/base/text.h"
#include "stsfs/oss/object_store.h"

namespace stsfs::fs {
namespace {

using Attributes = std::map<std::string, std::string, std::less<>>;

constexpr const char* kHeader = "xattr";

/// A commit adds the number of its write and may give times their nanoseconds.
constexpr std::size_t kRoomForCommits = 256;

/// Headers with a meaning of their own: modes, owners and times of ossfs, s3fs, s3sync, geesefs and
/// rclone; what we add.
constexpr std::array<std::string_view, 16> kOtherMeaning{
    "mode",  "permissions", "uid",   "owner", "gid",       "group",          "mtime",
    "ctime", "atime",       "btime", "rdev",  "md5chksum", "symlink-target", "--symlink-target",
    kHeader, "type"};

bool has_other_meaning(std::string_view header) {
  return header.starts_with("goog-reserved-") || header.starts_with("stsfs-") ||
         std::find(kOtherMeaning.begin(), kOtherMeaning.end(), header) != kOtherMeaning.end();
}

std::optional<std::string> header_of(std::string_view name) {
  if (!name.starts_with(kUserAttributes)) return std::nullopt;
  std::string header(name.substr(kUserAttributes.size()));
  if (header != to_lower(header) || has_other_meaning(header)) return std::nullopt;
  return header;
}

// --- the object of names and base64 texts ---

/// Names may hold anything. What would end one, for readers that split at it, is escaped as JSON
/// does it.
std::string escaped(std::string_view name) {
  constexpr std::string_view kEnders = "\",:\\";
  std::string out;
  for (const char c : name) {
    if (kEnders.find(c) == std::string_view::npos) {
      out += c;
    } else {
      const std::byte byte{static_cast<unsigned char>(c)};
      out += "\\u00" + hex_lower(std::span(&byte, 1));
    }
  }
  return out;
}

std::string unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto code = text.starts_with("\\u00") ? hex_decode(text.substr(4, 2)) : std::nullopt;
    if (code && code->size() == 1) {
      out += static_cast<char>(code->front());
      text.remove_prefix(6);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

std::string written(const Attributes& attributes) {
  std::string out = "{";
  for (const auto& [name, value] : attributes) {
    if (out.size() > 1) out += ',';
    out += "\"" + escaped(name) + "\":\"" + base64_encode(as_bytes(value)) + "\"";
  }
  return percent_encode_path(out + "}");
}

/// One `"name":"base64"` at the front of `text`, which loses it; false when there is none any more.
/// A name ends at the first `":"` behind which a value stands: the peers do not escape names.
bool take_one(std::string_view& text, Attributes& into) {
  const auto begin = text.find('"');
  if (begin == std::string_view::npos) return false;
  for (auto at = text.find("\":\"", begin + 1); at != std::string_view::npos;
       at = text.find("\":\"", at + 1)) {
    const auto end = text.find('"', at + 3);
    if (end == std::string_view::npos) return false;
    const auto value = base64_decode(text.substr(at + 3, end - at - 3));
    if (!value) continue;
    into.insert_or_assign(unescaped(text.substr(begin + 1, at - begin - 1)),
                          std::string(as_text(*value)));
    text.remove_prefix(end + 1);
    return true;
  }
  return false;
}

Attributes read(const oss::UserMetadata& user) {
  Attributes out;
  const auto header = user.find(kHeader);
  if (header == user.end()) return out;
  const auto decoded = percent_decode(header->second);
  if (!decoded) return out;
  const auto open = decoded->find('{');
  const auto close = decoded->rfind('}');
  if (open == std::string::npos || close == std::string::npos || close < open) return out;
  std::string_view text = std::string_view(*decoded).substr(open + 1, close - open - 1);
  while (take_one(text, out)) {
  }
  return out;
}

void write(oss::UserMetadata& user, const Attributes& attributes) {
  if (attributes.empty())
    user.erase(kHeader);
  else
    user[kHeader] = written(attributes);
}

Result<void> check_room(const oss::UserMetadata& user) {
  constexpr std::size_t kPrefix = std::string_view("x-oss-meta-").size();
  std::size_t bytes = kRoomForCommits;
  for (const auto& [name, value] : user) bytes += kPrefix + name.size() + value.size();
  if (bytes < oss::kUserMetadataMax) return {};
  return fail(Errc::kMetadataFull, "the attributes of one object would take " +
                                       std::to_string(bytes) + " bytes, OSS takes less than " +
                                       std::to_string(oss::kUserMetadataMax));
}

}  // namespace

std::optional<std::string> extended_attribute(const oss::UserMetadata& user,
                                              std::string_view name) {
  const Attributes kept = read(user);
  if (const auto found = kept.find(name); found != kept.end()) return found->second;
  const auto header = header_of(name);
  const auto found = header ? user.find(*header) : user.end();
  if (found == user.end()) return std::nullopt;
  return percent_decode(found->second).value_or(found->second);
}

std::vector<std::string> extended_attribute_names(const oss::UserMetadata& user) {
  std::vector<std::string> out;
  for (const auto& [name, value] : read(user)) out.push_back(name);
  for (const auto& [header, value] : user)
    if (!has_other_meaning(header)) out.push_back(std::string(kUserAttributes) + header);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<void> set_extended_attribute(oss::UserMetadata& user, std::string_view name,
                                    std::string_view value, int flags) {
  const bool present = extended_attribute(user, name).has_value();
  if ((flags & XATTR_CREATE) != 0 && present) return fail(Errc::kExists, "the attribute exists");
  if ((flags & XATTR_REPLACE) != 0 && !present)
    return fail(Errc::kNoAttribute, "no extended attribute " + printable(name));
  oss::UserMetadata changed = user;
  const auto header = header_of(name);
  Attributes kept = read(user);
  if (header && changed.contains(*header) && !kept.contains(name)) {
    changed[*header] = percent_encode(value);
  } else {
    kept.insert_or_assign(std::string(name), std::string(value));
    write(changed, kept);
  }
  if (auto fits = check_room(changed); !fits) return fits;
  user = std::move(changed);
  return {};
}

Result<void> remove_extended_attribute(oss::UserMetadata& user, std::string_view name) {
  Attributes kept = read(user);
  const bool was_kept = kept.erase(std::string(name)) > 0;
  if (was_kept) write(user, kept);
  const auto header = header_of(name);
  const bool was_header = header && user.erase(*header) > 0;
  if (was_kept || was_header) return {};
  return fail(Errc::kNoAttribute, "no extended attribute " + printable(name));
}

}  // namespace stsfs::fs
