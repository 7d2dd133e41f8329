#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "identity/access.h"
#include "object.h"
#include "stsfs/base/mutex.h"

namespace stsfs::sim {

class Journal;

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

struct VersionListing {
  std::vector<VersionEntry> versions;
  std::vector<std::string> common_prefixes;
  bool truncated = false;
  std::string last;          ///< The last key or common prefix given.
  std::string last_version;  ///< Empty behind a common prefix.
};

struct UploadEntry {
  std::string key;
  std::string id;
  WallTime initiated;
  std::string storage_class;
  std::size_t parts = 0;
};

struct UploadListing {
  std::vector<UploadEntry> uploads;
  std::vector<std::string> common_prefixes;
  bool truncated = false;
  std::string last;     ///< The last key or common prefix given.
  std::string last_id;  ///< Empty behind a common prefix.
};

struct BucketTotals {
  std::uint64_t objects = 0;  ///< Current versions.
  std::uint64_t bytes = 0;
  std::uint64_t uploads = 0;
};

/// Makes it one of a hierarchical namespace, which shows its own Content-Type whatever was sent.
void become_directory(Object& object);

/// The objects of one bucket, in byte order of their keys.
///
/// Every call is atomic: an object is seen whole or not at all. A change stands in the journal, if
/// there is one, before it is seen.
/// Threads: every call may be made at once on any thread.
class Bucket {
 public:
  /// What a key shall hold, given what it holds now (null: nothing). Runs under the lock: it must
  /// be quick and call nothing of the bucket.
  using Make = std::function<Verdict<Object>(const ObjectPointer& present)>;
  using MakeFromUpload =
      std::function<Verdict<Object>(const Upload& upload, const ObjectPointer& present)>;

  /// `journal` may be null; else it must outlive the bucket.
  Bucket(BucketOptions options, WallTime created, Journal* journal = nullptr);
  ~Bucket();

  BucketOptions options() const STSFS_EXCLUDES(mutex_);
  WallTime created() const { return created_; }
  /// From then on it takes nothing more. False, and it goes on, when something is in it.
  bool close_if_empty() STSFS_EXCLUDES(mutex_);
  Verdict<void> set_options(const BucketOptions& options) STSFS_EXCLUDES(mutex_);

  /// The current version, null when there is none or it is a delete marker; `version_id` names an
  /// older one, which may be a delete marker.
  ObjectPointer find(const std::string& key, const std::string& version_id = "") const
      STSFS_EXCLUDES(mutex_);
  /// True when the current version is a delete marker.
  bool is_deleted(const std::string& key) const STSFS_EXCLUDES(mutex_);

  /// Stores what `make` gives as a new version. On a hierarchical bucket the directories above it
  /// come with it.
  Verdict<Stored> update(const std::string& key, const Make& make) STSFS_EXCLUDES(mutex_);
  Verdict<Stored> put(const std::string& key, const Object& object);
  /// Replaces one version by what `change` makes of it, in place; false when it does not exist.
  Verdict<bool> amend(const std::string& key, const std::string& version_id,
                      const std::function<void(Object&)>& change) STSFS_EXCLUDES(mutex_);
  /// The version that went, or the delete marker that came; null when there was nothing.
  Verdict<ObjectPointer> remove(const std::string& key, const std::string& version_id, WallTime now)
      STSFS_EXCLUDES(mutex_);

  // --- listings (bucket_listing.cc): a page costs what is on it, whatever is skipped ---
  Listing list(const ListOptions& options) const STSFS_EXCLUDES(mutex_);
  /// Versions newest first within a key, from after (`options.after`, `version_marker`).
  VersionListing list_versions(const ListOptions& options, const std::string& version_marker) const
      STSFS_EXCLUDES(mutex_);
  UploadListing list_uploads(const ListOptions& options, const std::string& id_marker) const
      STSFS_EXCLUDES(mutex_);
  BucketTotals totals() const STSFS_EXCLUDES(mutex_);

  // --- directories, of a hierarchical bucket only (bucket_tree.cc); keys of directories end in `/`
  /// Errors: 404 when the source or the target's parent is missing, 409 when the target is there.
  Verdict<void> rename(const std::string& from, const std::string& to) STSFS_EXCLUDES(mutex_);
  Verdict<void> make_directory(const std::string& key, WallTime now) STSFS_EXCLUDES(mutex_);
  /// Deepest first, at most `entries_max`; returns how many went.
  /// Errors: 404; 409 when it is not empty and not `recursive`.
  Verdict<std::size_t> remove_directory(const std::string& key, bool recursive,
                                        std::size_t entries_max) STSFS_EXCLUDES(mutex_);

  // --- multipart uploads (bucket_uploads.cc) ---
  Verdict<std::string> start_upload(Upload upload) STSFS_EXCLUDES(mutex_);
  bool has_upload(const std::string& key, const std::string& id) const STSFS_EXCLUDES(mutex_);
  /// A copy; nullopt when there is no such upload of that key.
  std::optional<Upload> find_upload(const std::string& key, const std::string& id) const
      STSFS_EXCLUDES(mutex_);
  Verdict<void> put_part(const std::string& key, const std::string& id, int number,
                         UploadedPart part) STSFS_EXCLUDES(mutex_);
  Verdict<void> abort_upload(const std::string& key, const std::string& id) STSFS_EXCLUDES(mutex_);
  /// Stores the object and ends the upload, both or neither.
  Verdict<Stored> complete_upload(const std::string& key, const std::string& id,
                                  const MakeFromUpload& make) STSFS_EXCLUDES(mutex_);

  // --- what a journal says; before anybody else has the bucket ---
  void restore(const std::string& key, Versions versions) STSFS_EXCLUDES(mutex_);
  void restore(const BucketOptions& options) STSFS_EXCLUDES(mutex_);
  void restore(Upload upload) STSFS_EXCLUDES(mutex_);
  void restore_part(const std::string& key, const std::string& id, int number, UploadedPart part)
      STSFS_EXCLUDES(mutex_);
  void forget_upload(const std::string& key, const std::string& id) STSFS_EXCLUDES(mutex_);
  /// Everything, for a fresh journal.
  void visit(const std::function<void(const std::string&, const Versions&)>& keys,
             const std::function<void(const Upload&)>& uploads) const STSFS_EXCLUDES(mutex_);

 private:
  using Objects = std::map<std::string, Versions>;
  using UploadPlace = std::pair<std::string, std::string>;  // key, id
  /// What one operation changes, all of it or none.
  struct Changes {
    std::vector<std::pair<std::string, Versions>> keys;  ///< Empty versions: the key goes.
    std::optional<UploadPlace> ended_upload;
  };

  ObjectPointer current(const std::string& key) const STSFS_REQUIRES(mutex_);
  ObjectPointer add_version(Versions& versions, Object object) const STSFS_REQUIRES(mutex_);
  Verdict<Stored> store(const std::string& key, Object object,
                        std::optional<UploadPlace> ended_upload) STSFS_REQUIRES(mutex_);
  Verdict<void> commit(Changes changes) STSFS_REQUIRES(mutex_);
  void apply(const std::string& key, Versions versions) STSFS_REQUIRES(mutex_);
  void count(const Versions& versions, std::int64_t sign) STSFS_REQUIRES(mutex_);

  Verdict<void> add_parents(const std::string& key, WallTime now, Changes& changes)
      STSFS_REQUIRES(mutex_);
  bool has_below(const std::string& prefix) const STSFS_REQUIRES(mutex_);

  const WallTime created_;
  Journal* const journal_;
  mutable Mutex mutex_;  // before the journal's
  BucketOptions options_ STSFS_GUARDED_BY(mutex_);
  bool closed_ STSFS_GUARDED_BY(mutex_) = false;
  Objects objects_ STSFS_GUARDED_BY(mutex_);
  std::map<UploadPlace, Upload> uploads_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t object_count_ STSFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t byte_count_ STSFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace stsfs::sim
