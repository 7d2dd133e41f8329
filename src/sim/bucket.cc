#include "bucket.h"

#include <algorithm>

#include "stsfs/base/random.h"

namespace stsfs::sim {
namespace {

/// The first key that does not begin with `prefix`, in byte order; empty when there is none.
std::string after_all_with(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
  if (!prefix.empty())
    prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

}  // namespace

const char* name_of(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kNormal:
      return "Normal";
    case ObjectKind::kMultipart:
      return "Multipart";
    case ObjectKind::kAppendable:
      return "Appendable";
    case ObjectKind::kSymlink:
      return "Symlink";
  }
  return "Normal";
}

ObjectPointer Bucket::current(const Versions& versions) const {
  if (versions.empty() || versions.back()->delete_marker) return nullptr;
  return versions.back();
}

ObjectPointer Bucket::find(const std::string& key, const std::string& version_id) const {
  MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return nullptr;
  if (version_id.empty()) return current(found->second);
  for (const ObjectPointer& object : found->second)
    if (object->version_id == version_id) return object;
  return nullptr;
}

bool Bucket::is_deleted(const std::string& key) const {
  MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  return found != objects_.end() && !found->second.empty() && found->second.back()->delete_marker;
}

ObjectPointer Bucket::store(const std::string& key, Object object) {
  Versions& versions = objects_[key];
  if (options_.versioning == Versioning::kEnabled) {
    object.version_id = "CAEQ" + random_hex(20);
  } else {
    object.version_id = "null";
    std::erase_if(versions, [](const ObjectPointer& old) { return old->version_id == "null"; });
  }
  versions.push_back(std::make_shared<Object>(std::move(object)));
  return versions.back();
}

std::optional<Stored> Bucket::put(const std::string& key, Object object, bool only_if_absent) {
  MutexLock lock(mutex_);
  if (only_if_absent && options_.versioning == Versioning::kOff) {
    const auto found = objects_.find(key);
    if (found != objects_.end() && current(found->second)) return std::nullopt;
  }
  return Stored{store(key, std::move(object)), options_.versioning != Versioning::kOff};
}

bool Bucket::amend(const std::string& key, const std::string& version_id,
                   const std::function<void(Object&)>& change) {
  MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return false;
  for (ObjectPointer& object : found->second) {
    const bool wanted =
        version_id.empty() ? object == found->second.back() : object->version_id == version_id;
    if (!wanted || object->delete_marker) continue;
    Object changed = *object;
    change(changed);
    object = std::make_shared<Object>(std::move(changed));
    return true;
  }
  return false;
}

ObjectPointer Bucket::remove(const std::string& key, const std::string& version_id, WallTime now) {
  MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  if (options_.versioning != Versioning::kOff && version_id.empty()) {
    Object marker;
    marker.delete_marker = true;
    marker.last_modified = now;
    return store(key, std::move(marker));
  }
  if (found == objects_.end()) return nullptr;
  Versions& versions = found->second;
  const auto gone =
      std::find_if(versions.begin(), versions.end(), [&](const ObjectPointer& object) {
        return version_id.empty() || object->version_id == version_id;
      });
  if (gone == versions.end()) return nullptr;
  const ObjectPointer object = *gone;
  versions.erase(gone);
  if (versions.empty()) objects_.erase(found);
  return object;
}

Listing Bucket::list(const ListOptions& options) const {
  Listing out;
  std::string from = std::max(options.prefix, options.after);
  const bool skip_group = options.after_common_prefix && !options.delimiter.empty() &&
                          options.after.size() > options.prefix.size() &&
                          options.after.ends_with(options.delimiter);
  if (skip_group) from = std::max(options.prefix, after_all_with(options.after));
  MutexLock lock(mutex_);
  auto at = objects_.lower_bound(from);
  if (!skip_group && at != objects_.end() && !options.after.empty() && at->first == options.after)
    ++at;
  while (at != objects_.end() && at->first.starts_with(options.prefix)) {
    const ObjectPointer object = current(at->second);
    if (!object) {
      ++at;
      continue;
    }
    if (out.objects.size() + out.common_prefixes.size() == options.keys_max) {
      out.truncated = true;
      break;
    }
    const auto cut = options.delimiter.empty()
                         ? std::string::npos
                         : at->first.find(options.delimiter, options.prefix.size());
    if (cut == std::string::npos) {
      out.objects.emplace_back(at->first, object);
      out.last = at->first;
      ++at;
      continue;
    }
    out.last = at->first.substr(0, cut + options.delimiter.size());
    out.common_prefixes.push_back(out.last);
    const std::string next = after_all_with(out.last);
    at = next.empty() ? objects_.end() : objects_.lower_bound(next);
  }
  return out;
}

std::vector<VersionEntry> Bucket::list_versions(const std::string& prefix,
                                                const std::string& key_marker,
                                                const std::string& version_marker, std::size_t max,
                                                bool& truncated) const {
  std::vector<VersionEntry> out;
  truncated = false;
  MutexLock lock(mutex_);
  for (auto at = objects_.lower_bound(std::max(prefix, key_marker));
       at != objects_.end() && at->first.starts_with(prefix); ++at) {
    bool skipping = at->first == key_marker;
    for (auto version = at->second.rbegin(); version != at->second.rend(); ++version) {
      if (skipping) {
        // Without a version marker the whole key was given already.
        if (!version_marker.empty() && (*version)->version_id == version_marker) skipping = false;
        continue;
      }
      if (out.size() == max) {
        truncated = true;
        return out;
      }
      out.push_back({at->first, *version, version == at->second.rbegin()});
    }
  }
  return out;
}

std::pair<std::uint64_t, std::uint64_t> Bucket::totals() const {
  MutexLock lock(mutex_);
  std::pair<std::uint64_t, std::uint64_t> out{0, 0};
  for (const auto& [key, versions] : objects_) {
    const ObjectPointer object = current(versions);
    if (!object) continue;
    ++out.first;
    out.second += object->content.size();
  }
  return out;
}

bool Bucket::has_below(const std::string& prefix) const {
  MutexLock lock(mutex_);
  for (auto at = objects_.upper_bound(prefix);
       at != objects_.end() && at->first.starts_with(prefix); ++at)
    if (current(at->second)) return true;
  return false;
}

void Bucket::move_tree(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  std::vector<std::pair<std::string, Versions>> moved;
  auto at = objects_.lower_bound(from);
  while (at != objects_.end() &&
         (at->first == from || (from.ends_with('/') && at->first.starts_with(from)))) {
    moved.emplace_back(to + at->first.substr(from.size()), std::move(at->second));
    at = objects_.erase(at);
  }
  for (auto& [key, versions] : moved) objects_[key] = std::move(versions);
}

std::string Bucket::start_upload(Upload upload) {
  MutexLock lock(mutex_);
  upload.id = random_hex(16);
  const std::string id = upload.id;
  uploads_.emplace(std::pair(upload.key, id), std::move(upload));
  return id;
}

std::optional<Upload> Bucket::find_upload(const std::string& key, const std::string& id) const {
  MutexLock lock(mutex_);
  const auto found = uploads_.find({key, id});
  if (found == uploads_.end()) return std::nullopt;
  return found->second;
}

bool Bucket::put_part(const std::string& key, const std::string& id, int number,
                      UploadedPart part) {
  MutexLock lock(mutex_);
  const auto found = uploads_.find({key, id});
  if (found == uploads_.end()) return false;
  found->second.parts[number] = std::move(part);
  return true;
}

bool Bucket::end_upload(const std::string& key, const std::string& id) {
  MutexLock lock(mutex_);
  return uploads_.erase({key, id}) != 0;
}

std::vector<Upload> Bucket::uploads() const {
  MutexLock lock(mutex_);
  std::vector<Upload> out;
  for (const auto& [place, upload] : uploads_) out.push_back(upload);
  return out;
}

}  // namespace stsfs::sim
