#include "bucket.h"

#include <algorithm>

#include "identity/refusals.h"
#include "journal.h"
#include "stsfs/base/random.h"

namespace stsfs::sim {
namespace {

ObjectPointer current_of(const Versions& versions) {
  if (versions.empty() || versions.back()->delete_marker) return nullptr;
  return versions.back();
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

Bucket::Bucket(BucketOptions options, WallTime created, Journal* journal)
    : created_(created), journal_(journal), options_(std::move(options)) {}
Bucket::~Bucket() = default;

BucketOptions Bucket::options() const {
  MutexLock lock(mutex_);
  return options_;
}

bool Bucket::close_if_empty() {
  MutexLock lock(mutex_);
  if (!objects_.empty() || !uploads_.empty()) return false;
  closed_ = true;
  return true;
}

Verdict<void> Bucket::set_options(const BucketOptions& options) {
  MutexLock lock(mutex_);
  if (journal_ != nullptr)
    if (auto written = journal_->bucket(options, created_); !written)
      return storage_failed(written.error().message);
  options_ = options;
  return {};
}

ObjectPointer Bucket::current(const std::string& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : current_of(found->second);
}

ObjectPointer Bucket::find(const std::string& key, const std::string& version_id) const {
  MutexLock lock(mutex_);
  if (version_id.empty()) return current(key);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return nullptr;
  for (const ObjectPointer& object : found->second)
    if (object->version_id == version_id) return object;
  return nullptr;
}

bool Bucket::is_deleted(const std::string& key) const {
  MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  return found != objects_.end() && found->second.back()->delete_marker;
}

ObjectPointer Bucket::add_version(Versions& versions, Object object) const {
  if (options_.versioning == Versioning::kEnabled) {
    object.version_id = "CAEQ" + random_hex(20);
  } else {
    object.version_id = "null";
    std::erase_if(versions, [](const ObjectPointer& old) { return old->version_id == "null"; });
  }
  versions.push_back(std::make_shared<Object>(std::move(object)));
  return versions.back();
}

Verdict<Stored> Bucket::store(const std::string& key, Object object,
                              std::optional<UploadPlace> ended_upload) {
  Changes changes;
  changes.ended_upload = std::move(ended_upload);
  if (options_.hierarchical)
    if (auto added = add_parents(key, object.last_modified, changes); !added)
      return tl::unexpected(std::move(added.error()));
  const auto found = objects_.find(key);
  Versions versions = found == objects_.end() ? Versions{} : found->second;
  Stored stored{add_version(versions, std::move(object)), options_.versioning != Versioning::kOff};
  changes.keys.emplace_back(key, std::move(versions));
  if (auto done = commit(std::move(changes)); !done) return tl::unexpected(std::move(done.error()));
  return stored;
}

Verdict<Stored> Bucket::update(const std::string& key, const Make& make) {
  MutexLock lock(mutex_);
  auto object = make(current(key));
  if (!object) return tl::unexpected(std::move(object.error()));
  return store(key, std::move(*object), std::nullopt);
}

Verdict<Stored> Bucket::put(const std::string& key, const Object& object) {
  return update(key, [&](const ObjectPointer&) { return object; });
}

Verdict<bool> Bucket::amend(const std::string& key, const std::string& version_id,
                            const std::function<void(Object&)>& change) {
  MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return false;
  Versions versions = found->second;
  const auto wanted =
      std::find_if(versions.begin(), versions.end(), [&](const ObjectPointer& object) {
        return version_id.empty() ? object == versions.back() : object->version_id == version_id;
      });
  if (wanted == versions.end() || (*wanted)->delete_marker) return false;
  Object changed = **wanted;
  change(changed);
  *wanted = std::make_shared<Object>(std::move(changed));
  if (auto done = commit({{{key, std::move(versions)}}, {}}); !done)
    return tl::unexpected(std::move(done.error()));
  return true;
}

Verdict<ObjectPointer> Bucket::remove(const std::string& key, const std::string& version_id,
                                      WallTime now) {
  MutexLock lock(mutex_);
  if (options_.hierarchical && current(key.ends_with('/') ? key : key + "/"))
    return refuse(409, "FileAlreadyExists", "The object is a directory: use DeleteDirectory.");
  const auto found = objects_.find(key);
  Versions versions = found == objects_.end() ? Versions{} : found->second;
  ObjectPointer out;
  if (options_.versioning != Versioning::kOff && version_id.empty()) {
    Object marker;
    marker.delete_marker = true;
    marker.last_modified = now;
    out = add_version(versions, std::move(marker));
  } else {
    const auto gone =
        std::find_if(versions.begin(), versions.end(), [&](const ObjectPointer& object) {
          return version_id.empty() || object->version_id == version_id;
        });
    if (gone == versions.end()) return nullptr;
    out = *gone;
    versions.erase(gone);
  }
  if (auto done = commit({{{key, std::move(versions)}}, {}}); !done)
    return tl::unexpected(std::move(done.error()));
  return out;
}

Verdict<void> Bucket::commit(Changes changes) {
  if (closed_) return no_such_bucket(options_.name);
  if (journal_ != nullptr)
    if (auto written = journal_->keys(options_.name, changes.keys, changes.ended_upload); !written)
      return storage_failed(written.error().message);
  for (auto& [key, versions] : changes.keys) apply(key, std::move(versions));
  if (changes.ended_upload) uploads_.erase(*changes.ended_upload);
  return {};
}

void Bucket::apply(const std::string& key, Versions versions) {
  const auto found = objects_.find(key);
  if (found != objects_.end()) count(found->second, -1);
  count(versions, 1);
  if (!versions.empty()) {
    if (found != objects_.end())
      found->second = std::move(versions);
    else
      objects_.emplace(key, std::move(versions));
  } else if (found != objects_.end()) {
    objects_.erase(found);
  }
}

void Bucket::count(const Versions& versions, std::int64_t sign) {
  const ObjectPointer object = current_of(versions);
  if (!object) return;
  object_count_ += static_cast<std::uint64_t>(sign);
  byte_count_ += static_cast<std::uint64_t>(sign) * object->content.size();
}

BucketTotals Bucket::totals() const {
  MutexLock lock(mutex_);
  return {object_count_, byte_count_, uploads_.size()};
}

void Bucket::restore(const std::string& key, Versions versions) {
  MutexLock lock(mutex_);
  apply(key, std::move(versions));
}

void Bucket::restore(const BucketOptions& options) {
  MutexLock lock(mutex_);
  options_ = options;
}

void Bucket::visit(const std::function<void(const std::string&, const Versions&)>& keys,
                   const std::function<void(const Upload&)>& uploads) const {
  MutexLock lock(mutex_);
  for (const auto& [key, versions] : objects_) keys(key, versions);
  for (const auto& [place, upload] : uploads_) uploads(upload);
}

}  // namespace stsfs::sim
