// What a checksum costs: build with the release preset, run build/release/bin/crc64_bench.

#include <cstddef>
#include <vector>

#include <benchmark/benchmark.h>

#include "stsfs/base/crc64.h"

namespace stsfs {
namespace {

void of_bytes(benchmark::State& state) {
  const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)), std::byte{7});
  for (auto _ : state) benchmark::DoNotOptimize(crc64(0, bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
// A small object, what libcurl hands over at once, a block (in the cache), a part (from memory).
BENCHMARK(of_bytes)->Arg(4 << 10)->Arg(16 << 10)->Arg(1 << 20)->Arg(256 << 20);

void combining_parts_of_one_length(benchmark::State& state) {
  std::uint64_t crc = 1;
  for (auto _ : state) benchmark::DoNotOptimize(crc = crc64_combine(crc, 42, 8 << 20));
}
BENCHMARK(combining_parts_of_one_length);

void combining_parts_of_any_length(benchmark::State& state) {
  std::uint64_t crc = 1, length = 8 << 20;
  for (auto _ : state) benchmark::DoNotOptimize(crc = crc64_combine(crc, 42, ++length));
}
BENCHMARK(combining_parts_of_any_length);

}  // namespace
}  // namespace stsfs
