#pragma once

#include <cstddef>

#include "stsfs/base/await.h"
#include "stsfs/base/mutex.h"

namespace stsfs::fs {

/// Lets an interrupt end the wait of one who waits on a condition.
///
/// Threads: made and gone without `mutex`, which guards the rest.
class Wake {
 public:
  /// `interrupt` may be null.
  Wake(Mutex& mutex, Condition& changed, Interrupt* interrupt) : interrupt_(interrupt) {
    if (interrupt_ == nullptr) return;
    listener_ = interrupt_->listen([this, &mutex, &changed] {
      MutexLock lock(mutex);
      raised_ = true;
      changed.notify_all();
    });
  }
  ~Wake() {
    if (interrupt_ != nullptr) interrupt_->unlisten(listener_);
  }
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;
  bool raised() const { return raised_; }

 private:
  Interrupt* const interrupt_;
  std::size_t listener_ = 0;
  bool raised_ = false;
};

}  // namespace stsfs::fs
