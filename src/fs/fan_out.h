#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "stsfs/base/await.h"
#include "stsfs/base/mutex.h"

namespace stsfs::fs {

/// Starts `count` transfers in their order, at most `at_once` together, and waits for all of them.
/// `start(i, done)` starts the i-th.
///
/// Returns: the results in order. An interrupt cancels what is under way and starts nothing more:
/// those results are kInterrupted. Threads: on a thread that may wait.
template <class T>
std::vector<Result<T>> fan_out(Interrupt* interrupt, std::size_t count, std::size_t at_once,
                               const std::function<Transfer(std::size_t, Callback<T>)>& start) {
  struct UnderWay {
    std::shared_ptr<Waiter<T>> waiter;
    Transfer transfer;
  };
  std::deque<UnderWay> under_way;
  std::size_t started = 0;
  const auto start_more = [&] {
    const bool ends = interrupt != nullptr && interrupt->raised();
    for (; !ends && started < count && under_way.size() < at_once; ++started) {
      auto waiter = std::make_shared<Waiter<T>>();
      Transfer transfer = start(started, waiter->callback());
      under_way.push_back({std::move(waiter), std::move(transfer)});
    }
  };
  std::vector<Result<T>> out;
  out.reserve(count);
  while (out.size() < count) {
    start_more();
    if (under_way.empty()) {
      out.push_back(fail(Errc::kInterrupted, "interrupted"));
      continue;
    }
    out.push_back(under_way.front().waiter->wait(interrupt));
    under_way.front().transfer.cancel();
    under_way.pop_front();
  }
  return out;
}

}  // namespace stsfs::fs
