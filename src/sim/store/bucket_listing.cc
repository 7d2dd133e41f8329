// Listings in byte order. With a delimiter, what lies under a common prefix is jumped over, not
// walked through: a page of a bucket of a million keys costs what the page holds.

#include <algorithm>

#include "bucket.h"

namespace stsfs::sim {
namespace {

/// The first key that does not begin with `prefix`, in byte order; nullopt when there is none.
std::optional<std::string> after_all_with(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

/// The part of `key` up to its first delimiter behind the prefix; empty when it has none.
std::string group_of(const std::string& key, const ListOptions& options) {
  if (options.delimiter.empty()) return "";
  const auto cut = key.find(options.delimiter, options.prefix.size());
  return cut == std::string::npos ? "" : key.substr(0, cut + options.delimiter.size());
}

/// Where a listing begins: `from`, and whether the key `from` itself is already behind it.
struct Start {
  std::optional<std::string> from;
  bool skip_itself = false;
};

Start start_of(const ListOptions& options) {
  const bool is_group = options.after_common_prefix && !options.delimiter.empty() &&
                        options.after.size() > options.prefix.size() &&
                        options.after.ends_with(options.delimiter) &&
                        options.after.starts_with(options.prefix);
  if (is_group) return {after_all_with(options.after)};
  if (options.after < options.prefix) return {options.prefix};
  return {options.after, !options.after.empty()};
}

/// An iterator of `map` to where a group of keys has ended.
template <class Map>
auto behind(const Map& map, const std::string& group) {
  const auto next = after_all_with(group);
  return next ? map.lower_bound(*next) : map.end();
}

template <class Map>
auto begin_at(const Map& map, const Start& start) {
  return start.from ? map.lower_bound(*start.from) : map.end();
}

}  // namespace

Listing Bucket::list(const ListOptions& options) const {
  Listing out;
  const Start start = start_of(options);
  MutexLock lock(mutex_);
  auto at = begin_at(objects_, start);
  if (start.skip_itself && at != objects_.end() && at->first == *start.from) ++at;
  while (at != objects_.end() && at->first.starts_with(options.prefix)) {
    if (at->second.back()->delete_marker) {
      ++at;
      continue;
    }
    if (out.objects.size() + out.common_prefixes.size() == options.keys_max) {
      out.truncated = true;
      break;
    }
    out.last = group_of(at->first, options);
    if (!out.last.empty()) {
      out.common_prefixes.push_back(out.last);
      at = behind(objects_, out.last);
      continue;
    }
    out.last = at->first;
    out.objects.emplace_back(at->first, at->second.back());
    ++at;
  }
  return out;
}

VersionListing Bucket::list_versions(const ListOptions& options,
                                     const std::string& version_marker) const {
  VersionListing out;
  const Start start = start_of(options);
  MutexLock lock(mutex_);
  auto at = begin_at(objects_, start);
  const auto is_full = [&] {
    return out.versions.size() + out.common_prefixes.size() == options.keys_max;
  };
  while (at != objects_.end() && at->first.starts_with(options.prefix)) {
    // Of the key that the marker names, what stands behind the version marker is still to come;
    // without one the whole key was given already.
    bool given = start.skip_itself && at->first == *start.from;
    if (const std::string group = given ? "" : group_of(at->first, options); !group.empty()) {
      out.truncated = is_full();
      if (out.truncated) return out;
      out.common_prefixes.push_back(group);
      out.last = group;
      out.last_version.clear();
      at = behind(objects_, group);
      continue;
    }
    for (auto version = at->second.rbegin(); version != at->second.rend(); ++version) {
      if (given) {
        given = version_marker.empty() || (*version)->version_id != version_marker;
        continue;
      }
      out.truncated = is_full();
      if (out.truncated) return out;
      out.versions.push_back({at->first, *version, version == at->second.rbegin()});
      out.last = at->first;
      out.last_version = (*version)->version_id;
    }
    ++at;
  }
  return out;
}

UploadListing Bucket::list_uploads(const ListOptions& options, const std::string& id_marker) const {
  UploadListing out;
  const Start start = start_of(options);
  MutexLock lock(mutex_);
  if (!start.from) return out;
  auto at = uploads_.lower_bound({*start.from, ""});
  while (at != uploads_.end() && at->first.first.starts_with(options.prefix)) {
    const auto& [key, id] = at->first;
    const bool given =
        start.skip_itself && key == *start.from && (id_marker.empty() || id <= id_marker);
    if (given) {
      ++at;
      continue;
    }
    if (out.uploads.size() + out.common_prefixes.size() == options.keys_max) {
      out.truncated = true;
      break;
    }
    out.last = group_of(key, options);
    out.last_id.clear();
    if (!out.last.empty()) {
      out.common_prefixes.push_back(out.last);
      const auto next = after_all_with(out.last);
      at = next ? uploads_.lower_bound({*next, ""}) : uploads_.end();
      continue;
    }
    const Upload& upload = at->second;
    out.uploads.push_back(
        {key, id, upload.initiated, upload.attributes.storage_class, upload.parts.size()});
    out.last = key;
    out.last_id = id;
    ++at;
  }
  return out;
}

}  // namespace stsfs::sim
