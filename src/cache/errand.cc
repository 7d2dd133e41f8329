#include "errand.h"

namespace stsfs::cache {

Transfer Errand::start(WorkerPool& pool, Scheduler& scheduler, UniqueFunction<Behind()> work,
                       Behind refused) {
  std::shared_ptr<Errand> errand(new Errand(scheduler));
  const bool taken =
      pool.run([errand, work = std::move(work)]() mutable { errand->go_behind(work()); });
  if (!taken) return scheduler.after(std::chrono::milliseconds(0), std::move(refused));
  return Transfer([errand] { errand->cancel(); });
}

void Errand::go_behind(Behind behind) {
  {
    MutexLock lock(mutex_);
    if (cancelled_) return;
    handing_over_ = true;
  }
  Transfer transfer = scheduler_.after(std::chrono::milliseconds(0), std::move(behind));
  MutexLock lock(mutex_);
  behind_ = std::move(transfer);  // over an empty one: there is but one
  handing_over_ = false;
  handed_over_.notify_all();
}

void Errand::cancel() {
  Transfer behind;
  {
    MutexLock lock(mutex_);
    cancelled_ = true;
    // Starting a timer takes a moment and waits for nobody; only then can it be called off.
    while (handing_over_) handed_over_.wait(mutex_);
    behind = std::move(behind_);
  }
  behind.cancel();
}

}  // namespace stsfs::cache
