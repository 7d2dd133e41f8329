#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "stsfs/base/random.h"

namespace stsfs::fs {

/// How long what failed waits for its next attempt: twice as long each time, with jitter.
///
/// Threads: guarded by the mutex of whoever has it.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds most)
      : first_(first), most_(most) {}

  void succeeded() { failures_ = 0; }
  void failed() { ++failures_; }
  bool is_failing() const { return failures_ > 0; }
  /// After at least one failure.
  std::chrono::milliseconds pause() const {
    const auto most = std::min(first_ * (1 << std::min(failures_ - 1, 10)), most_);
    return most / 2 + std::chrono::milliseconds(
                          random_below(static_cast<std::uint64_t>(most.count()) / 2 + 1));
  }

 private:
  const std::chrono::milliseconds first_, most_;
  int failures_ = 0;
};

}  // namespace stsfs::fs
