#include "parked_call.h"

namespace stsfs::fuse {

fs::Context ParkedCall::context(fs::Wait wait) const {
  MutexLock lock(mutex_);
  return call_->context(wait);
}

std::optional<Call> ParkedCall::take() {
  MutexLock lock(mutex_);
  if (!call_) return std::nullopt;
  std::optional<Call> out(std::move(*call_));
  call_.reset();
  return out;
}

std::shared_ptr<Interrupt> ParkedCall::make_interruptible() {
  MutexLock lock(mutex_);
  if (!call_) return nullptr;
  call_->make_interruptible();
  return call_->reply().shared_interrupt();
}

void ParkedCall::watch() {
  const std::shared_ptr<Interrupt> interrupt = make_interruptible();
  if (interrupt == nullptr) return;
  // Weak: the interrupt belongs to the call, which is in here.
  interrupt->listen([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    if (auto call = self->take()) call->fail(Error{Errc::kInterrupted, "interrupted", {}});
  });
}

}  // namespace stsfs::fuse
