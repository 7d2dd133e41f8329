// What the memory for reading costs beside the bytes that go through it: a block for which another
// has to go, one that is looked at again, and several at once. Build with the release preset, run
// build/release/bin/block_pool_bench.

#include <array>
#include <memory>

#include <benchmark/benchmark.h>

#include "stsfs/base/clock.h"
#include "stsfs/cache/block_pool.h"

namespace stsfs::cache {
namespace {

constexpr std::uint64_t kBudgetBytes = std::uint64_t{256} << 20;

std::shared_ptr<BlockPool> pool() {
  static const std::shared_ptr<BlockPool> shared =
      BlockPool::create(kBudgetBytes, system_clock()).value();
  return shared;
}

/// As a reader does that goes on and on: what it read makes room for what comes.
void reading_on(benchmark::State& state) {
  const BlockPool::HolderPointer holder = pool()->add_holder();
  std::array<BlockPool::Wish, 1> wish{{{0, static_cast<std::size_t>(state.range(0))}}};
  for (auto _ : state) {
    auto pins = pool()->take(holder, wish, BlockPool::Purpose::kDemand);
    if (!pins) {
      state.SkipWithError("there is no room");
      break;
    }
    pool()->mark_read(*pins->front().block());
    wish[0].position += BlockPool::kBlockSize;
  }
}
BENCHMARK(reading_on)->Arg(4 << 10)->Arg(1 << 20)->Threads(1)->Threads(2);

/// As a reader does within a block that is there.
void looking_again(benchmark::State& state) {
  const BlockPool::HolderPointer holder = pool()->add_holder();
  const std::array<BlockPool::Wish, 1> wish{{{0, BlockPool::kBlockSize}}};
  auto pins = pool()->take(holder, wish, BlockPool::Purpose::kDemand);
  if (!pins) {
    state.SkipWithError("there is no room");
    return;
  }
  const BlockPool::BlockPointer block = pins->front().block();
  for (auto _ : state) benchmark::DoNotOptimize(pool()->pin(block));
}
BENCHMARK(looking_again)->Threads(1)->Threads(2);

/// As whoever fetches ahead asks: eight blocks, or none.
void fetching_ahead(benchmark::State& state) {
  const BlockPool::HolderPointer holder = pool()->add_holder();
  std::array<BlockPool::Wish, 8> wishes;
  for (std::size_t i = 0; i < wishes.size(); ++i) wishes[i] = {i * BlockPool::kBlockSize};
  for (auto _ : state)
    benchmark::DoNotOptimize(pool()->take(holder, wishes, BlockPool::Purpose::kPrefetch));
}
BENCHMARK(fetching_ahead);

}  // namespace
}  // namespace stsfs::cache
