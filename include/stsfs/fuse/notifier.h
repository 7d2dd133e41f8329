#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "stsfs/base/mutex.h"
#include "stsfs/fs/file_system.h"

struct fuse_session;

namespace stsfs::fuse {

/// Passes on to the kernel what `fs` says has changed, on a thread of its own: an invalidation
/// waits for reads of that inode which are still unanswered, so whoever answers them must not send
/// it.
///
/// Made before the file system, which tells it of changes, and attached by the session once there
/// is a kernel to tell. What comes before that is forgotten: the kernel knows nothing yet.
///
/// Threads:  every call on any thread; none of them waits.
/// Lifetime: outlives the file system and the session.
class Notifier final : public fs::KernelNotifier {
 public:
  /// Changes that wait to be told. One that is told already waits only once; past the bound the
  /// oldest go, and the kernel finds out when its timeouts end.
  static constexpr std::size_t kQueueMax = 262'144;

  Notifier();
  ~Notifier() override;

  void inode_changed(fs::InodeNumber inode) override STSFS_EXCLUDES(mutex_);
  void entry_changed(fs::InodeNumber parent, std::string_view name) override STSFS_EXCLUDES(mutex_);

  /// From now on `session` is told; it is kept alive until `detach`.
  void attach(std::shared_ptr<fuse_session> session) STSFS_EXCLUDES(mutex_);
  /// Tells nothing any more.
  void detach() STSFS_EXCLUDES(mutex_);

 private:
  /// An empty name: the inode itself.
  using Change = std::pair<fs::InodeNumber, std::string>;

  void add(Change change) STSFS_EXCLUDES(mutex_);
  void run() STSFS_EXCLUDES(mutex_);

  Mutex mutex_;  // a leaf; not held while the kernel is told
  Condition ready_;
  std::deque<Change> queue_ STSFS_GUARDED_BY(mutex_);
  std::set<Change> queued_ STSFS_GUARDED_BY(mutex_);
  std::shared_ptr<fuse_session> session_ STSFS_GUARDED_BY(mutex_);
  bool stopping_ STSFS_GUARDED_BY(mutex_) = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace stsfs::fuse
