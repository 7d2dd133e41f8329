#include "reply.h"

namespace stsfs::fuse {

void Reply::make_interruptible(Interrupter& interrupter) {
  if (interruption_ != nullptr) return;
  interruption_.reset(new Interruption{interrupter, interrupter.track()});
  fuse_req_interrupt_func(request_, on_interrupt, interruption_.get());
}

// Runs with the request locked; see Interrupter.
void Reply::on_interrupt(fuse_req_t request, void* interruption) noexcept {
  auto* self = static_cast<Interruption*>(interruption);
  self->interrupter.signal_came(self->interrupt, fuse_req_ctx(request)->pid);
}

// Taking the function off waits for one that runs: libfuse holds the request's lock meanwhile.
fuse_req_t Reply::take() {
  fuse_req_t request = std::exchange(request_, nullptr);
  if (interruption_ != nullptr) fuse_req_interrupt_func(request, nullptr, nullptr);
  return request;
}

}  // namespace stsfs::fuse
