#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "object.h"
#include "storage.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/mutex.h"

namespace stsfs::sim {

class Bucket;
class RecordReader;  // journal_record.h

/// What survives a restart: a log of every change to the buckets, read back and written afresh at
/// each start. Its records hold small contents themselves and name places of the storage for the
/// rest, which is written first. A kill at any moment loses nothing that was answered; nothing is
/// synced, so a loss of power may.
///
/// Threads: every call may be made at once on any thread.
class Journal {
 public:
  using Buckets = std::map<std::string, std::shared_ptr<Bucket>>;

  /// Takes `directory` (made when absent) for itself until destroyed.
  /// Errors: kBusy: another simulator has it; kCorrupt: it holds what we did not write.
  static Result<std::unique_ptr<Journal>> open(const std::string& directory,
                                               std::shared_ptr<Storage> storage);

  /// The buckets as they were; torn records at the end are dropped. Once, before anything else.
  Result<Buckets> read();

  Result<void> bucket(const BucketOptions& options, WallTime created) STSFS_EXCLUDES(mutex_);
  Result<void> bucket_gone(const std::string& bucket) STSFS_EXCLUDES(mutex_);
  /// One record: what these keys hold from now on (nothing: they are gone), and an upload's end.
  Result<void> keys(const std::string& bucket,
                    const std::vector<std::pair<std::string, Versions>>& keys,
                    const std::optional<std::pair<std::string, std::string>>& ended_upload)
      STSFS_EXCLUDES(mutex_);
  Result<void> upload(const std::string& bucket, const Upload& upload) STSFS_EXCLUDES(mutex_);
  Result<void> part(const std::string& bucket, const std::string& key, const std::string& id,
                    int number, const UploadedPart& part) STSFS_EXCLUDES(mutex_);

 private:
  Journal(std::string directory, std::shared_ptr<Storage> storage, UniqueFd lock)
      : directory_(std::move(directory)), storage_(std::move(storage)), lock_(std::move(lock)) {}

  std::string path() const { return directory_ + "/journal"; }
  Result<void> replay(RecordReader& reader, Buckets& buckets);
  Result<void> begin_afresh(const Buckets& buckets);
  Result<void> append(const std::string& payload) STSFS_EXCLUDES(mutex_);

  const std::string directory_;
  const std::shared_ptr<Storage> storage_;
  const UniqueFd lock_;
  Mutex mutex_;  // a leaf; taken under a bucket's
  UniqueFd fd_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t size_ STSFS_GUARDED_BY(mutex_) = 0;
};

}  // namespace stsfs::sim
