#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"
#include "stsfs/cache/block_pool.h"
#include "stsfs/fs/file_system.h"
#include "stsfs/staging/staging_area.h"

namespace stsfs::fs {

/// The bytes of small files that this mount brought to OSS a moment ago, since what was written is
/// often what is read next: by a linker, by `git`, by the next line of a script. They belong to
/// their version and say nothing of whether that is still the present one.
///
/// They lie in the pool as what was read does, so that whatever is fetched takes their room.
///
/// Threads:  any; `find` and `has` also with locks held, but a pin goes with none.
/// Lifetime: `stop` before the scheduler goes.
class JustWritten {
 public:
  /// One block; larger files have readers ahead of them by themselves.
  static constexpr std::uint64_t kSizeMax = cache::BlockPool::kBlockSize;

  JustWritten(Scheduler& scheduler, const Clock& clock, std::shared_ptr<cache::BlockPool> pool);

  /// `staged` has all of that version, unless it was written over meanwhile: the checksum tells.
  void keep(InodeNumber inode, const std::string& etag, const staging::StagedFile& staged,
            std::uint64_t size_bytes, std::uint64_t crc64) STSFS_EXCLUDES(mutex_);
  /// No pin when that version's bytes are not here.
  cache::BlockPool::Pin find(InodeNumber inode, const std::string& etag) STSFS_EXCLUDES(mutex_);
  /// They are here, unless they had to make room.
  bool has(InodeNumber inode, const std::string& etag) STSFS_EXCLUDES(mutex_);

  void forget_all() STSFS_EXCLUDES(mutex_);
  void stop() STSFS_EXCLUDES(mutex_);

 private:
  struct Kept {
    InodeNumber inode{};
    std::string etag;
    std::uint64_t size_bytes = 0;
    cache::BlockPool::BlockPointer block;
    SteadyTime since;
  };
  using Row = std::list<Kept>;

  const Kept* of(InodeNumber inode, const std::string& etag) const STSFS_REQUIRES(mutex_);
  void take_out(Row::iterator kept, Row& out) STSFS_REQUIRES(mutex_);
  void drop_old() STSFS_EXCLUDES(mutex_);
  void set_timer() STSFS_EXCLUDES(mutex_);

  Scheduler& scheduler_;
  const Clock& clock_;
  const std::shared_ptr<cache::BlockPool> pool_;
  const cache::BlockPool::HolderPointer holder_;
  const std::uint64_t bytes_max_;

  Mutex mutex_;  // the pool's may be taken below it; no block goes while it is held
  Row kept_ STSFS_GUARDED_BY(mutex_);  // the oldest first
  std::unordered_map<InodeNumber, Row::iterator> by_inode_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t bytes_ STSFS_GUARDED_BY(mutex_) = 0;
  Transfer timer_ STSFS_GUARDED_BY(mutex_);
  bool timer_set_ STSFS_GUARDED_BY(mutex_) = false;
  bool stopped_ STSFS_GUARDED_BY(mutex_) = false;
};

}  // namespace stsfs::fs
