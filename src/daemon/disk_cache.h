#pragma once

#include <memory>

#include "stsfs/cache/block_store.h"
#include "stsfs/cache/caching_store.h"
#include "stsfs/credentials/source.h"
#include "wiring.h"

namespace stsfs::daemon {

/// The cache of blocks on the local disk, as the options want it.
///
/// Lifetime: `inner`, the scheduler and the clock outlive it.
class DiskCache {
 public:
  /// Null when the options want none, or when the disk has no room for one: then it is only slower.
  ///
  /// Errors: the directory is under the mount point, another user's, or open to others.
  static Result<std::unique_ptr<DiskCache>> open(const MountRequest& request,
                                                 const credentials::Folder& place,
                                                 oss::ObjectStore& inner, Scheduler& scheduler,
                                                 const Clock& clock);

  oss::ObjectStore& store() { return store_; }
  std::uint64_t size_max_bytes() const { return size_max_bytes_; }
  cache::BlockStore::Figures figures() const { return blocks_->figures(); }

 private:
  DiskCache(std::unique_ptr<cache::BlockStore> blocks, std::uint64_t size_max_bytes,
            oss::ObjectStore& inner, Scheduler& scheduler, std::string folder)
      : blocks_(std::move(blocks)),
        size_max_bytes_(size_max_bytes),
        store_(inner, scheduler, *blocks_, std::move(folder)) {}

  const std::unique_ptr<cache::BlockStore> blocks_;
  const std::uint64_t size_max_bytes_;
  cache::CachingStore store_;
};

}  // namespace stsfs::daemon
