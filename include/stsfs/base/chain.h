#pragma once

#include <cstdint>
#include <utility>

#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"

namespace stsfs {

/// Several transfers one after the other that are cancelled as one: a request, a pause, the request
/// again.
///
/// Each step is started by `step`, usually from the completion callback of the one before. `cancel`
/// keeps the promise of `Transfer` for all of them.
///
/// Threads: `step` by who made the chain, then only from the callback of the present step; `cancel`
/// by any.
class Chain {
 public:
  /// Starts the next step with `start()`, which returns its Transfer, unless the chain was
  /// cancelled.
  template <class Start>
  void step(Start&& start) {
    const std::uint64_t number = next_number();
    if (number == 0) return;
    Transfer transfer = start();
    // What is handed back goes here, with no lock held: the step before, which is finished; or this
    // one, when its callback ran already and began a later step, or when the chain was cancelled.
    // Then the one who cancels still waits for the step before, in whose callback we are.
    transfer = keep(number, std::move(transfer));
  }

  void cancel() STSFS_EXCLUDES(mutex_);

 private:
  /// 0 when cancelled.
  std::uint64_t next_number() STSFS_EXCLUDES(mutex_);
  Transfer keep(std::uint64_t number, Transfer transfer) STSFS_EXCLUDES(mutex_);

  Mutex mutex_;  // never held while a transfer starts or goes
  bool cancelled_ STSFS_GUARDED_BY(mutex_) = false;
  std::uint64_t last_ STSFS_GUARDED_BY(mutex_) = 0;
  Transfer current_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs
