#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "stsfs/base/callback.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"

namespace stsfs {

/// Ends a wait from outside: an interrupted system call, a shutdown.
///
/// Threads: any. Once interrupted it stays so.
class Interrupt {
 public:
  Interrupt() = default;
  explicit Interrupt(bool raised) : raised_(raised) {}

  /// Wakes whoever waits now and fails every later wait at once.
  void raise();
  bool raised() const;

  /// Calls `wake` when raised, or at once if it already is; `unlisten` with the same number ends
  /// that, and when it has returned `wake` is not running. Used by `await` only.
  std::size_t listen(std::function<void()> wake);
  void unlisten(std::size_t listener);

 private:
  mutable Mutex mutex_;
  bool raised_ STSFS_GUARDED_BY(mutex_) = false;
  std::size_t next_ STSFS_GUARDED_BY(mutex_) = 1;
  std::vector<std::pair<std::size_t, std::function<void()>>> listeners_ STSFS_GUARDED_BY(mutex_);
};

/// Where one thread waits for one completion.
template <class T>
class Waiter : public std::enable_shared_from_this<Waiter<T>> {
 public:
  Callback<T> callback() {
    return [self = this->shared_from_this()](Result<T> result) {
      MutexLock lock(self->mutex_);
      self->result_.emplace(std::move(result));
      self->ready_.notify_all();
    };
  }

  /// Waits for the callback; kInterrupted when `interrupt` (may be null) is raised first.
  Result<T> wait(Interrupt* interrupt) {
    std::size_t listener = 0;
    if (interrupt != nullptr) listener = interrupt->listen([this] { this->wake(); });
    Result<T> out = wait_ready();
    if (interrupt != nullptr) interrupt->unlisten(listener);
    return out;
  }

 private:
  void wake() STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    interrupted_ = true;
    ready_.notify_all();
  }
  Result<T> wait_ready() STSFS_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!result_ && !interrupted_) ready_.wait(mutex_);
    if (result_) return std::move(*result_);
    return fail(Errc::kInterrupted, "interrupted");
  }

  Mutex mutex_;
  Condition ready_;
  std::optional<Result<T>> result_ STSFS_GUARDED_BY(mutex_);
  bool interrupted_ STSFS_GUARDED_BY(mutex_) = false;
};

/// Turns an asynchronous call into a waiting one, on a thread that may wait:
///
///     auto meta = await<ObjectMeta>(interrupt, [&](Callback<ObjectMeta> done) {
///       return store.start_head(key, deadline, std::move(done));
///     });
///
/// `start` returns the Transfer, which is dropped (cancelled) when the wait is interrupted. The
/// bound on the wait is the deadline that `start` passes on.
template <class T, class Start>
Result<T> await(Interrupt* interrupt, Start&& start) {
  auto waiter = std::make_shared<Waiter<T>>();
  Transfer transfer = start(waiter->callback());
  return waiter->wait(interrupt);
}

}  // namespace stsfs
