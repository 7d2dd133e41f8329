#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access.h"
#include "content.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"

namespace stsfs::sim {

enum class ObjectKind { kNormal, kMultipart, kAppendable, kSymlink };
const char* name_of(ObjectKind kind);

/// `x-oss-restore` of an archived object.
struct Restore {
  bool ongoing = false;
  std::optional<WallTime> ready_at;  ///< When the request for it will have been carried out.
  std::optional<WallTime> expires;
};

/// One version of one object. Immutable once stored: a change of ACL or tags stores a changed copy.
struct Object {
  std::string etag;        ///< With quotes.
  WallTime last_modified;  ///< Whole seconds.
  ObjectKind kind = ObjectKind::kNormal;
  std::string storage_class = "Standard";
  Content content;
  bool has_crc64 = true;
  std::string content_md5;                  ///< Base64; only of a PutObject.
  sign::Pairs headers;                      ///< Content-Type and the other stored standard headers.
  std::map<std::string, std::string> user;  ///< `x-oss-meta-` names in lower case, without it.
  std::string acl = "default";
  std::vector<std::pair<std::string, std::string>> tags;
  std::string symlink_target;  ///< As sent.
  Restore restore;
  bool sealed = false;
  bool directory = false;  ///< On buckets with a hierarchical namespace.
  bool delete_marker = false;
  std::string version_id = "null";
};
using ObjectPointer = std::shared_ptr<const Object>;

struct UploadedPart {
  std::string etag;
  Content content;
  WallTime last_modified;
};

/// A multipart upload under way.
struct Upload {
  std::string key;
  std::string id;
  WallTime initiated;
  Object attributes;  ///< What Initiate said of the object to be.
  bool forbid_overwrite = false;
  std::map<int, UploadedPart> parts;
};

enum class Versioning { kOff, kEnabled, kSuspended };

struct BucketOptions {
  std::string name;
  std::string acl = "private";
  std::string storage_class = "Standard";
  Versioning versioning = Versioning::kOff;
  bool hierarchical = false;
};

/// What a write left behind.
struct Stored {
  ObjectPointer object;
  bool versioned = false;  ///< Its version id is to be told.
};

struct ListOptions {
  std::string prefix;
  std::string delimiter;
  std::string after;                 ///< Exclusive.
  bool after_common_prefix = false;  ///< `after` may be a common prefix: skip all of it.
  std::size_t keys_max = 100;
};

struct Listing {
  std::vector<std::pair<std::string, ObjectPointer>> objects;
  std::vector<std::string> common_prefixes;
  bool truncated = false;
  std::string last;  ///< The last key or common prefix given.
};

struct VersionEntry {
  std::string key;
  ObjectPointer object;
  bool latest = false;
};

/// The objects of one bucket, in byte order of their keys.
///
/// Every call is atomic: an object is seen whole or not at all.
/// Threads: every call may be made at once on any thread.
class Bucket {
 public:
  Bucket(BucketOptions options, WallTime created)
      : options_(std::move(options)), created_(created) {}

  const BucketOptions& options() const { return options_; }
  WallTime created() const { return created_; }

  /// The current version, null when there is none or it is a delete marker; `version_id` names an
  /// older one, which may be a delete marker.
  ObjectPointer find(const std::string& key, const std::string& version_id = "") const
      STSFS_EXCLUDES(mutex_);
  /// True when the current version is a delete marker.
  bool is_deleted(const std::string& key) const STSFS_EXCLUDES(mutex_);

  /// Stores a new version. With `only_if_absent` on an unversioned bucket nullopt when the key is
  /// taken.
  std::optional<Stored> put(const std::string& key, Object object, bool only_if_absent = false)
      STSFS_EXCLUDES(mutex_);
  /// Replaces one version by what `change` makes of it, in place; false when it does not exist.
  bool amend(const std::string& key, const std::string& version_id,
             const std::function<void(Object&)>& change) STSFS_EXCLUDES(mutex_);
  /// The version that went, or the delete marker that came; null when there was nothing.
  ObjectPointer remove(const std::string& key, const std::string& version_id, WallTime now)
      STSFS_EXCLUDES(mutex_);

  Listing list(const ListOptions& options) const STSFS_EXCLUDES(mutex_);
  /// Versions newest first within a key, from after (key, version).
  std::vector<VersionEntry> list_versions(const std::string& prefix, const std::string& key_marker,
                                          const std::string& version_marker, std::size_t max,
                                          bool& truncated) const STSFS_EXCLUDES(mutex_);
  /// Objects and bytes of all current versions.
  std::pair<std::uint64_t, std::uint64_t> totals() const STSFS_EXCLUDES(mutex_);
  /// True when a key begins with `prefix` and is longer.
  bool has_below(const std::string& prefix) const STSFS_EXCLUDES(mutex_);
  /// Moves a key and, for a directory (`key` ends in `/`), all below it, at once.
  void move_tree(const std::string& from, const std::string& to) STSFS_EXCLUDES(mutex_);

  // --- multipart uploads ---
  std::string start_upload(Upload upload) STSFS_EXCLUDES(mutex_);
  /// A copy; nullopt when there is no such upload of that key.
  std::optional<Upload> find_upload(const std::string& key, const std::string& id) const
      STSFS_EXCLUDES(mutex_);
  bool put_part(const std::string& key, const std::string& id, int number, UploadedPart part)
      STSFS_EXCLUDES(mutex_);
  bool end_upload(const std::string& key, const std::string& id) STSFS_EXCLUDES(mutex_);
  std::vector<Upload> uploads() const STSFS_EXCLUDES(mutex_);

 private:
  using Versions = std::vector<ObjectPointer>;  // oldest first; one entry on unversioned buckets

  ObjectPointer current(const Versions& versions) const;
  ObjectPointer store(const std::string& key, Object object) STSFS_REQUIRES(mutex_);

  const BucketOptions options_;
  const WallTime created_;
  mutable Mutex mutex_;  // a leaf
  std::map<std::string, Versions> objects_ STSFS_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, Upload> uploads_
      STSFS_GUARDED_BY(mutex_);  // by key, id
};

}  // namespace stsfs::sim
