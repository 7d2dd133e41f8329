#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"
#include "stsfs/sts/assume_role.h"

namespace stsfs::vend {

using Environment = std::function<const char*(const char* name)>;
using AccessKeys = std::vector<sts::AccessKey>;

inline constexpr std::size_t kAccessKeysMax = 2;  ///< As RAM lets a user have.

/// The RAM user's keys, the one to be used first in front.
///
/// From `file` (0600): JSON with AccessKeyId and AccessKeySecret, as CreateAccessKey answers it,
/// nested in `AccessKey` or not; or a list of two such objects while one replaces the other. When
/// `file` is empty, from ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET.
Result<AccessKeys> load_access_keys(const std::string& file, const Environment& environment);

/// The keys of this moment.
///
/// Threads: every call on any thread; whoever holds a snapshot goes on with it.
class KeyRing {
 public:
  explicit KeyRing(AccessKeys keys) : keys_(std::make_shared<const AccessKeys>(std::move(keys))) {}

  std::shared_ptr<const AccessKeys> get() const STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return keys_;
  }
  void replace(AccessKeys keys) STSFS_EXCLUDES(mutex_) {
    auto fresh = std::make_shared<const AccessKeys>(std::move(keys));
    MutexLock lock(mutex_);
    keys_.swap(fresh);
  }

 private:
  mutable Mutex mutex_;  // a leaf
  std::shared_ptr<const AccessKeys> keys_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::vend
