#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "stsfs/base/callback.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/transfer.h"

namespace stsfs::fakes {

/// Where a fake does its work and calls back.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs `task` once unless the transfer is dropped first. Keeps every promise of `Transfer`.
  virtual Transfer run(UniqueFunction<void()> task) = 0;
};

/// At once, on the caller's thread, before `run` returns: for tests that want no threads.
class InlineExecutor final : public Executor {
 public:
  Transfer run(UniqueFunction<void()> task) override {
    task();
    return {};
  }
};

/// On one thread of its own, as the HTTP loop does it. With a seed, tasks that are ready run in a
/// random order, to shake out what relies on one.
///
/// Lifetime: the destructor drops what has not run, and joins.
class LoopExecutor final : public Executor {
 public:
  LoopExecutor();
  explicit LoopExecutor(std::uint64_t shake_seed);
  ~LoopExecutor() override;

  Transfer run(UniqueFunction<void()> task) override;
  /// Nothing waits, and nothing runs.
  bool idle() const;

 private:
  struct Queue;
  const std::shared_ptr<Queue> queue_;
  std::jthread thread_;
};

}  // namespace stsfs::fakes
