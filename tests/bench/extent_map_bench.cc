// What it costs to know which byte of a changed file comes from where: build with the release
// preset, run build/release/bin/extent_map_bench.

#include <random>

#include <benchmark/benchmark.h>

#include "stsfs/staging/extent_map.h"

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kPage = 4096;

// As cp writes: every write adjoins the one before.
void writing_on(benchmark::State& state) {
  ExtentMap map;
  std::uint64_t at = 0;
  for (auto _ : state) {
    map.write({at, 128 << 10});
    at += 128 << 10;
  }
}
BENCHMARK(writing_on);

/// A file of 1 GiB with so many pages changed here and there.
ExtentMap changed_here_and_there(std::int64_t changes) {
  ExtentMap map(1024 * kMiB);
  std::mt19937_64 numbers(1);
  for (std::int64_t i = 0; i < changes; ++i)
    map.write({numbers() % (1024 * kMiB / kPage) * kPage, kPage});
  return map;
}

// As a database writes.
void changing_a_page(benchmark::State& state) {
  ExtentMap map = changed_here_and_there(state.range(0));
  std::mt19937_64 numbers(2);
  for (auto _ : state) map.write({numbers() % (1024 * kMiB / kPage) * kPage, kPage});
}
BENCHMARK(changing_a_page)->Arg(64)->Arg(10'000)->Iterations(100'000);

// As every read of a changed file does.
void finding_where_bytes_come_from(benchmark::State& state) {
  const ExtentMap map = changed_here_and_there(state.range(0));
  std::mt19937_64 numbers(3);
  for (auto _ : state) benchmark::DoNotOptimize(map.within({numbers() % (1023 * kMiB), 128 << 10}));
}
BENCHMARK(finding_where_bytes_come_from)->Arg(64)->Arg(10'000);

}  // namespace
}  // namespace stsfs::staging
