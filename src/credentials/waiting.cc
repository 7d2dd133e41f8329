#include "waiting.h"

namespace stsfs::credentials {

bool wait_for(std::chrono::milliseconds time, Interrupt& interrupt) {
  // A flag of its own: `raise` holds the interrupt's lock while it wakes us, so we must not ask for
  // that lock while we hold ours.
  Mutex mutex;
  Condition changed;
  bool woken = false;
  const std::size_t listener = interrupt.listen([&] {
    MutexLock lock(mutex);
    woken = true;
    changed.notify_all();
  });
  const auto until = std::chrono::steady_clock::now() + time;
  bool raised = false;
  {
    MutexLock lock(mutex);
    while (!woken && changed.wait_until(mutex, until) == std::cv_status::no_timeout) {
    }
    raised = woken;
  }
  interrupt.unlisten(listener);
  return !raised;
}

}  // namespace stsfs::credentials
