#include "stsfs/base/chain.h"

namespace stsfs {

std::uint64_t Chain::next_number() {
  MutexLock lock(mutex_);
  return cancelled_ ? 0 : ++last_;
}

Transfer Chain::keep(std::uint64_t number, Transfer transfer) {
  MutexLock lock(mutex_);
  if (!cancelled_ && number == last_) {
    // Moved in three steps: assigning over a transfer would cancel it here, under the lock.
    Transfer before = std::move(current_);
    current_ = std::move(transfer);
    return before;
  }
  return transfer;
}

void Chain::cancel() {
  Transfer current;
  {
    MutexLock lock(mutex_);
    cancelled_ = true;
    current = std::move(current_);
  }
  current.cancel();
}

}  // namespace stsfs
