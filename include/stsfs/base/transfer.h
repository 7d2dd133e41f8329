#pragma once

#include <chrono>
#include <utility>

#include "stsfs/base/callback.h"

namespace stsfs {

/// Something under way that can be called off: a request, a listing, a timer.
///
/// Dropping it cancels. When `cancel()` or the destructor has returned, the completion callback is
/// not running and will never run, and no sink or source that was handed in is touched any more; so
/// what they refer to may be destroyed. Both may wait for the loop, which never blocks, for a
/// moment. Inside its own completion callback dropping is allowed and does nothing. After
/// completion it is a no-op.
///
/// Threads: any thread, but one at a time.
class Transfer {
 public:
  Transfer() = default;
  explicit Transfer(UniqueFunction<void()> cancel) : cancel_(std::move(cancel)) {}
  Transfer(Transfer&& other) noexcept : cancel_(std::exchange(other.cancel_, nullptr)) {}
  Transfer& operator=(Transfer&& other) noexcept {
    if (this != &other) {
      cancel();
      cancel_ = std::exchange(other.cancel_, nullptr);
    }
    return *this;
  }
  ~Transfer() { cancel(); }

  void cancel() {
    if (auto cancel = std::exchange(cancel_, nullptr)) cancel();
  }

 private:
  UniqueFunction<void()> cancel_;
};

/// Calls something later, on the thread that completes transfers.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  /// Calls `what` once after `delay`, unless the transfer is dropped first. Like every completion
  /// it must neither block nor take a lock that is held across a call that starts or drops a
  /// transfer.
  virtual Transfer after(std::chrono::milliseconds delay, UniqueFunction<void()> what) = 0;
};

}  // namespace stsfs
