// What a block on the local disk costs, with the disk's pages in memory: build with the release
// preset, run build/release/bin/block_store_bench.

#include <stdlib.h>

#include <filesystem>
#include <vector>

#include <benchmark/benchmark.h>

#include "stsfs/cache/block_store.h"

namespace stsfs::cache {
namespace {

constexpr std::uint64_t kBlocks = 64;

/// A store in a directory that goes with it.
class Place {
 public:
  explicit Place(std::uint64_t size_max_bytes) {
    std::string pattern = std::filesystem::temp_directory_path() / "stsfs-bench-XXXXXX";
    path_ = mkdtemp(pattern.data());
    auto opened = BlockStore::open(
        {.directory = path_ + "/cache", .size_max_bytes = size_max_bytes}, system_clock());
    store = std::move(opened.value());
  }
  ~Place() {
    store.reset();
    std::filesystem::remove_all(path_);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  std::unique_ptr<BlockStore> store;

 private:
  std::string path_;
};

BlockId block(std::uint64_t index) {
  return {"0123456789abcdef", "users/alice/film.mkv", "\"5D41402ABC4B2A76B9719D911017C592-128\"",
          index};
}

void reading(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  std::vector<std::byte> bytes(BlockStore::kBlockSize, std::byte{7});
  Place place(std::uint64_t{1} << 30);
  for (std::uint64_t i = 0; i < kBlocks; ++i)
    place.store->write(block(i), {kBlocks * size, 1}, std::span(bytes).first(size));
  std::uint64_t index = 0;
  for (auto _ : state) benchmark::DoNotOptimize(place.store->read(block(++index % kBlocks), bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(reading)->Arg(4 << 10)->Arg(1 << 20)->UseRealTime();

// With what it costs to make room, every now and then.
void writing(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::vector<std::byte> bytes(size, std::byte{7});
  Place place(std::uint64_t{256} << 20);
  std::uint64_t index = 0;
  for (auto _ : state) place.store->write(block(++index), {size, 1}, bytes);
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(writing)->Arg(4 << 10)->Arg(1 << 20)->UseRealTime();

void missing(benchmark::State& state) {
  std::vector<std::byte> bytes(BlockStore::kBlockSize);
  Place place(std::uint64_t{1} << 30);
  std::uint64_t index = 0;
  for (auto _ : state) benchmark::DoNotOptimize(place.store->read(block(++index), bytes));
}
BENCHMARK(missing);

}  // namespace
}  // namespace stsfs::cache
