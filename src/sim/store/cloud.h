#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "bucket.h"
#include "identity/access.h"
#include "journal.h"
#include "storage.h"
#include "sts/sts_service.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "switches.h"

namespace stsfs::sim {

/// 3 to 63 of a-z, 0-9 and `-`, no `-` at either end. Source: OSS, "Bucket naming conventions".
bool is_bucket_name(const std::string& name);
bool is_bucket_acl(std::string_view acl);
bool is_storage_class(std::string_view name);

/// Everything that is simulated and outlives a request: the buckets, who may do what, and the time.
///
/// Threads: every call may be made at once on any thread.
class Cloud {
 public:
  Cloud(std::string region, const std::shared_ptr<const Directory>& directory, StsOptions sts,
        std::shared_ptr<Storage> storage, const Clock& clock);

  ~Cloud();
  Cloud(const Cloud&) = delete;
  Cloud& operator=(const Cloud&) = delete;

  /// From now on everything is kept in `journal`, which has given these buckets.
  void adopt(std::unique_ptr<Journal> journal, Journal::Buckets buckets) STSFS_EXCLUDES(mutex_);

  const std::string& region() const { return region_; }
  const std::string& owner() const { return owner_; }
  Access& access() { return access_; }
  StsService& sts() { return sts_; }
  const SessionTable& sessions() const { return *sessions_; }

  /// The service's time: ours, plus the offset that a test has set.
  WallTime now() const { return clock_.wall() + std::chrono::milliseconds(offset_ms_.load()); }
  void set_clock_offset(std::chrono::milliseconds offset) { offset_ms_ = offset.count(); }

  const std::shared_ptr<Storage>& storage() const { return storage_; }

  /// False when the name is taken.
  Verdict<bool> add_bucket(BucketOptions options) STSFS_EXCLUDES(mutex_);
  /// False when there is none of that name, or it is not empty.
  Verdict<bool> remove_bucket(const std::string& name) STSFS_EXCLUDES(mutex_);
  std::shared_ptr<Bucket> find_bucket(const std::string& name) const STSFS_EXCLUDES(mutex_);
  std::map<std::string, std::shared_ptr<Bucket>> buckets() const STSFS_EXCLUDES(mutex_);

  Switches switches() const STSFS_EXCLUDES(mutex_);
  void set_switches(const Switches& switches) STSFS_EXCLUDES(mutex_);

 private:
  const std::string region_;
  const std::string owner_;
  const Clock& clock_;
  std::shared_ptr<SessionTable> sessions_;
  Access access_;
  StsService sts_;
  std::atomic<std::int64_t> offset_ms_ = 0;
  const std::shared_ptr<Storage> storage_;
  mutable Mutex mutex_;  // before the buckets'
  std::unique_ptr<Journal> journal_ STSFS_GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<Bucket>> buckets_ STSFS_GUARDED_BY(mutex_);
  Switches switches_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::sim
