#include "handover.h"

#include <chrono>
#include <utility>

namespace stsfs::oss {

void Handover::waits_for(Transfer asked) {
  MutexLock lock(mutex_);
  asked_ = std::move(asked);  // over an empty one
}

bool Handover::closed() {
  MutexLock lock(mutex_);
  return closed_;
}

void Handover::take_to_loop(Scheduler& loop, UniqueFunction<void()> what) {
  Transfer timer = loop.after(std::chrono::milliseconds(0),
                              [self = shared_from_this(), what = std::move(what)]() mutable {
                                if (!self->closed()) what();
                              });
  MutexLock lock(mutex_);
  on_loop_ = std::move(timer);  // also when closed meanwhile: it must not be dropped here
}

// First what was asked: once that has returned the provider's callback is over, and what it left to
// the loop is in its place.
void Handover::close() {
  Transfer asked;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    asked = std::move(asked_);
  }
  asked.cancel();
  Transfer on_loop;
  {
    MutexLock lock(mutex_);
    on_loop = std::move(on_loop_);
  }
  on_loop.cancel();
}

}  // namespace stsfs::oss
