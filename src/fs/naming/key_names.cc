#include "stsfs/fs/key_names.h"

#include <algorithm>
#include <functional>

#include "stsfs/base/crc64.h"
#include "stsfs/base/text.h"

namespace stsfs::fs {
namespace {

constexpr std::string_view kMark = "stsfs%";
constexpr std::string_view kDirectory = "dir";
constexpr std::string_view kFile = "file";
constexpr std::string_view kBytes = "stsfs%bytes:";
constexpr std::size_t kHashSize = 16;
/// Of a shortened name, what is shown of its start.
constexpr std::size_t kStartMax = 120;
/// Of a component in the table, beside its bytes.
constexpr std::size_t kComponentCost = 96;

constexpr std::string_view kHexLower = "0123456789abcdef";
constexpr std::string_view kHexUpper = "0123456789ABCDEF";

void append_encoded(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kHexUpper[byte >> 4U];
  out += kHexUpper[byte & 15U];
}

/// For people: only what a name cannot have, and the sign of it.
std::string for_display(std::string_view component) {
  const bool dots = component == "." || component == "..";
  std::string out;
  for (const char c : component) {
    if (c == '%' || c == '\0' || dots)
      append_encoded(out, c);
    else
      out += c;
  }
  return out;
}

/// For keys: only ASCII is left.
std::string for_key(std::string_view name) {
  std::string out(kBytes);
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '%' || byte < 0x20 || byte >= 0x7f)
      append_encoded(out, c);
    else
      out += c;
  }
  return out;
}

/// The name behind a key component of that form.
std::optional<std::string> bytes_in(std::string_view component) {
  if (!component.starts_with(kBytes)) return std::nullopt;
  auto name = percent_decode(component.substr(kBytes.size()));
  if (!name || !KeyNames::check(*name) || for_key(*name) != component) return std::nullopt;
  if (is_valid_utf8(*name) && !bytes_in(*name)) return std::nullopt;  // it needs no such form
  return name;
}

/// "dir" or "file" where a name has the form KIND + `sign` + rest, and the rest.
std::optional<std::pair<std::string_view, std::string_view>> parted(std::string_view name,
                                                                    char sign) {
  if (!name.starts_with(kMark)) return std::nullopt;
  name.remove_prefix(kMark.size());
  for (const std::string_view kind : {kDirectory, kFile})
    if (name.starts_with(kind) && name.size() > kind.size() && name[kind.size()] == sign)
      return std::pair(kind, name.substr(kind.size() + 1));
  return std::nullopt;
}

bool is_shortened(std::string_view name) {
  const auto parts = parted(name, '#');
  return parts && parts->second.size() > kHashSize && parts->second[kHashSize] == ':' &&
         std::all_of(parts->second.begin(), parts->second.begin() + kHashSize,
                     [](char c) { return kHexLower.find(c) != std::string_view::npos; });
}

std::string shortened_as(std::string_view kind, std::uint64_t hash, std::string_view component) {
  std::string name = std::string(kMark).append(kind).append("#");
  for (std::size_t i = 0; i < kHashSize; ++i, hash <<= 4U) name += kHexLower[hash >> 60U];
  name += ':';
  std::string start = for_display(component.substr(0, kStartMax));
  start.resize(std::min(start.size(), KeyNames::kNameMax - name.size()));
  while (!is_valid_utf8(start)) start.pop_back();  // cut within a character
  return name + start;
}

std::string in_full(std::string_view kind, std::string_view component) {
  return std::string(kMark).append(kind).append(":").append(for_display(component));
}

/// What a name in full stands for; nothing when it is none of that form.
std::optional<std::string> full_in(std::string_view name) {
  const auto parts = parted(name, ':');
  if (!parts) return std::nullopt;
  auto component = percent_decode(parts->second);
  if (!component || in_full(parts->first, *component) != name) return std::nullopt;
  if (component->find('/') != std::string::npos) return std::nullopt;
  return component;
}

/// Whether a component is not shown as it is.
bool needs_escape(std::string_view component) {
  return !KeyNames::check(component) || KeyNames::is_escape(component);
}

}  // namespace

Result<void> KeyNames::check(std::string_view name) {
  if (name.size() > kNameMax)
    return fail(Errc::kNameTooLong, "a name of " + std::to_string(name.size()) + " bytes");
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos)
    return fail(Errc::kInvalid, "not a name: " + printable(name));
  return {};
}

bool KeyNames::are_components(std::string_view path) {
  return path.find(kMark) == std::string_view::npos && is_valid_utf8(path);
}

bool KeyNames::is_escape(std::string_view name) { return is_shortened(name) || full_in(name); }

std::optional<std::string> KeyNames::name_of(std::string_view component, bool is_directory) {
  if (auto bytes = bytes_in(component)) return bytes;
  if (!needs_escape(component)) return std::string(component);
  return escaped(is_directory ? kDirectory : kFile, component);
}

std::optional<std::string> KeyNames::name_beside(std::string_view component) {
  return escaped(kFile, component);
}

std::optional<std::string> KeyNames::escaped(std::string_view kind, std::string_view component) {
  std::string full = in_full(kind, component);
  if (full.size() <= kNameMax) return full;
  return shortened(kind, component);
}

std::optional<std::string> KeyNames::shortened(std::string_view kind, std::string_view component) {
  const std::uint64_t hash = crc64(0, as_bytes(component));
  std::string name = shortened_as(kind, hash, component);
  MutexLock lock(mutex_);
  if (const std::string* known = find(kind, hash, name)) {
    if (*known == component) return name;
    return leave_out(component);
  }
  const std::size_t cost = component.size() + kComponentCost;
  if (cost > bytes_max_ - bytes_) return leave_out(component);
  bytes_ += cost;
  components_.emplace(hash, component);
  return name;
}

/// What a shortened name stands for; null: for nothing that was shown.
const std::string* KeyNames::find(std::string_view kind, std::uint64_t hash,
                                  std::string_view name) const {
  const auto [first, last] = components_.equal_range(hash);
  const auto known = std::find_if(
      first, last, [&](const auto& one) { return shortened_as(kind, hash, one.second) == name; });
  return known == last ? nullptr : &known->second;
}

std::optional<std::string> KeyNames::leave_out(std::string_view component) {
  // Not by the CRC-64: two that have the same one are two.
  if (left_out_.size() < kLeftOutMax) left_out_.insert(std::hash<std::string_view>{}(component));
  return std::nullopt;
}

std::size_t KeyNames::left_out() const {
  MutexLock lock(mutex_);
  return left_out_.size();
}

Result<std::string> KeyNames::component_of(std::string_view name) const {
  if (name.starts_with(kMark)) {
    if (is_shortened(name)) {
      const auto [kind, rest] = *parted(name, '#');
      MutexLock lock(mutex_);
      const std::string* known = find(kind, *parse_u64(rest.substr(0, kHashSize), 16), name);
      if (known == nullptr)
        return fail(Errc::kInvalid, printable(name) + " stands for no key that is known");
      return *known;
    }
    if (auto component = full_in(name)) return std::move(*component);
  }
  if (!is_valid_utf8(name) || bytes_in(name)) return for_key(name);
  return std::string(name);
}

}  // namespace stsfs::fs
