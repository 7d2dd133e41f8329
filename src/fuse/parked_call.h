#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "driver.h"
#include "stsfs/base/mutex.h"

namespace stsfs::fuse {

/// A call that waits on no thread: it is answered by whoever comes first, the file system's
/// completion or an interrupt. An interrupt only ends the wait; what was started goes on, and what
/// it gives is dropped.
///
/// Threads: any.
class ParkedCall : public std::enable_shared_from_this<ParkedCall> {
 public:
  explicit ParkedCall(Call call)
      : interrupt_(call.reply().shared_interrupt()), call_(std::move(call)) {}

  /// For the file system. What `Context::interrupt` points to lives as long as this.
  fs::Context context(fs::Wait wait) const STSFS_EXCLUDES(mutex_);
  /// The call, for the first who asks.
  std::optional<Call> take() STSFS_EXCLUDES(mutex_);
  /// From now on an interrupt answers it with EINTR, unless it is answered already.
  void watch() STSFS_EXCLUDES(mutex_);

 private:
  std::shared_ptr<Interrupt> make_interruptible() STSFS_EXCLUDES(mutex_);

  const std::shared_ptr<Interrupt> interrupt_;  // may be null
  mutable Mutex mutex_;
  std::optional<Call> call_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::fuse
