// What a page of a listing costs to read: 1,000 keys, as `ls -l` of a large directory meets them.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "answers.h"
#include "requests.h"
#include "stsfs/base/crc64.h"

namespace stsfs::oss {
namespace {

constexpr int kKeys = 1000;

std::string page_of(int keys) {
  std::string xml =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult><Name>examplebucket</Name>"
      "<Prefix>users%2Fa%2F</Prefix><MaxKeys>1000</MaxKeys><Delimiter>%2F</Delimiter>"
      "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>";
  for (int i = 0; i < keys; ++i)
    xml += fmt::format(
        "<Contents><Key>users%2Fa%2Fholiday%20pictures%2FIMG_{:06}.jpg</Key>"
        "<LastModified>2020-05-18T05:45:54.000Z</LastModified>"
        "<ETag>\"35A27C2B9EAEEB6F48FD7FB5861D3465\"</ETag><Type>Normal</Type>"
        "<Size>{}</Size><StorageClass>Standard</StorageClass></Contents>",
        i, 344'606 + i);
  return xml + fmt::format("<KeyCount>{}</KeyCount></ListBucketResult>", keys);
}

void read_a_page(benchmark::State& state) {
  const http::Response response{200, {}, page_of(kKeys)};
  const ListRequest request{.prefix = "users/a/"};
  for (auto _ : state) {
    const auto page = read_list(response, request, {});
    if (!page || page->objects.size() != kKeys) return state.SkipWithError("not a page");
  }
  state.SetItemsProcessed(state.iterations() * kKeys);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(response.body.size()));
}
BENCHMARK(read_a_page)->Unit(benchmark::kMicrosecond);

void form_a_delete_of_many(benchmark::State& state) {
  std::vector<std::string> keys;
  for (int i = 0; i < kKeys; ++i) keys.push_back(fmt::format("users/a/holiday pictures/{}", i));
  for (auto _ : state) benchmark::DoNotOptimize(delete_many_request(keys));
  state.SetItemsProcessed(state.iterations() * kKeys);
}
BENCHMARK(form_a_delete_of_many)->Unit(benchmark::kMicrosecond);

void sum_a_part(benchmark::State& state) {
  const std::string part(std::size_t{8} << 20, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(crc64(0, std::as_bytes(std::span(part))));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(part.size()));
}
BENCHMARK(sum_a_part)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace stsfs::oss
