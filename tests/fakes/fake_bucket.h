#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fake_object_store.h"

namespace stsfs::fakes {

/// The state behind a FakeObjectStore: objects in the order of their keys, and uploads under way.
///
/// Threads: any; every method is one step, under one lock.
class FakeObjectStore::Bucket {
 public:
  using Bytes = std::shared_ptr<const std::string>;

  struct Object {
    Bytes content;  ///< Of a link: the key it leads to.
    oss::ObjectMeta meta;
    std::string acl;
    std::string tagging;
    bool restored = false;
  };
  /// An object's state at one moment.
  struct Version {
    Bytes content;
    oss::ObjectMeta meta;
  };

  Bucket(const Clock& clock, const FakeStoreOptions& options) : clock_(clock), options_(options) {}

  Result<oss::ListPage> list(const oss::ListRequest& request) const;
  Result<oss::ObjectMeta> head(const std::string& key) const;
  Result<oss::ObjectBrief> brief(const std::string& key) const;
  Result<Version> read(const std::string& key, const std::string& etag) const;
  Result<oss::Written> put(const std::string& key, std::string content,
                           const oss::PutOptions& options);
  Result<oss::Written> copy(const std::string& key, const oss::CopyOptions& options);
  Result<void> erase(const std::string& key);
  Result<void> rename(const std::string& from, const std::string& to);

  Result<std::string> initiate(const std::string& key, const oss::PutOptions& options);
  Result<oss::Part> upload_part(const std::string& key, const std::string& upload_id, int number,
                                std::string content);
  Result<oss::Part> copy_part(const std::string& key, const std::string& upload_id, int number,
                              const std::string& source_key, const std::string& source_etag,
                              ByteRange range);
  Result<oss::Written> complete(const std::string& key, const std::string& upload_id,
                                const std::vector<oss::Part>& parts,
                                const oss::PutOptions& options);
  Result<void> abort(const std::string& key, const std::string& upload_id);
  Result<std::vector<oss::Part>> list_parts(const std::string& key,
                                            const std::string& upload_id) const;

  Result<oss::Written> put_symlink(const std::string& key, const std::string& target,
                                   const oss::PutOptions& options);
  Result<oss::Symlink> symlink(const std::string& key) const;

  std::optional<Object> find(const std::string& key) const;
  std::vector<std::string> keys() const;
  std::size_t open_uploads() const;
  void restore(const std::string& key);
  /// kNotFound; else what `change` says.
  Result<void> amend(const std::string& key, const std::function<Result<void>(Object&)>& change);

 private:
  struct StoredPart {
    std::string content;
    oss::Part part;
  };
  struct Upload {
    std::string key;
    oss::PutOptions options;
    std::map<int, StoredPart> parts;
  };

  /// What HEAD and GET tell of a key: a link looks like its target.
  struct Seen {
    const Object* target = nullptr;
    oss::ObjectMeta meta;
  };

  WallTime now_in_seconds() const;
  Result<Seen> look(const std::string& key) const STSFS_REQUIRES(mutex_);
  Result<const Object*> at(const std::string& key) const STSFS_REQUIRES(mutex_);
  /// The object whose bytes a reader gets: a link's target.
  Result<const Object*> followed(const Object& object) const STSFS_REQUIRES(mutex_);
  Result<const Object*> source(const std::string& key, const std::string& etag) const
      STSFS_REQUIRES(mutex_);
  Result<Upload*> upload(const std::string& key, const std::string& upload_id)
      STSFS_REQUIRES(mutex_);
  Result<void> may_write(const std::string& key, bool forbid_overwrite) const
      STSFS_REQUIRES(mutex_);
  static void tag(Object& object, const std::string& tagging);
  Object object_of(Bytes content, const oss::PutOptions& options, oss::ObjectType type);
  oss::Written store(const std::string& key, Object object) STSFS_REQUIRES(mutex_);
  void add_parents(const std::string& key) STSFS_REQUIRES(mutex_);
  bool any_below(const std::string& prefix) const STSFS_REQUIRES(mutex_);

  const Clock& clock_;
  const FakeStoreOptions& options_;
  mutable Mutex mutex_;  // a leaf
  std::map<std::string, Object> objects_ STSFS_GUARDED_BY(mutex_);
  std::map<std::string, Upload> uploads_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t last_number_ STSFS_GUARDED_BY(mutex_) = 0;
};

/// The ETag that a content put in one piece has.
std::string etag_of(std::string_view content);

}  // namespace stsfs::fakes
