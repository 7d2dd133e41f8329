#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "stsfs/base/await.h"
#include "stsfs/base/mutex.h"

namespace stsfs::fs {

/// Starts `count` transfers, at most `at_once` together, and waits for all of them. `start(i,
/// done)` starts the i-th.
///
/// Returns: the results in order. An interrupt cancels what is under way: those results are
/// kInterrupted. Threads: on a thread that may wait.
template <class T>
std::vector<Result<T>> fan_out(Interrupt* interrupt, std::size_t count, std::size_t at_once,
                               const std::function<Transfer(std::size_t, Callback<T>)>& start) {
  std::vector<Result<T>> out;
  out.reserve(count);
  for (std::size_t from = 0; from < count; from += at_once) {
    const std::size_t batch = std::min(at_once, count - from);
    std::vector<std::shared_ptr<Waiter<T>>> waiters;
    std::vector<Transfer> transfers;
    for (std::size_t i = 0; i < batch; ++i) {
      waiters.push_back(std::make_shared<Waiter<T>>());
      transfers.push_back(start(from + i, waiters.back()->callback()));
    }
    for (std::size_t i = 0; i < batch; ++i) {
      out.push_back(waiters[i]->wait(interrupt));
      transfers[i].cancel();
    }
  }
  return out;
}

}  // namespace stsfs::fs
