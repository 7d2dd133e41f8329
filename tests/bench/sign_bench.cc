// What a signature costs: build with the release preset, run build/release/bin/sign_bench.

#include <benchmark/benchmark.h>

#include "stsfs/base/time_format.h"
#include "stsfs/sign/oss_v1.h"
#include "stsfs/sign/oss_v4.h"
#include "stsfs/sign/rpc.h"

namespace stsfs::sign {
namespace {

const std::string kToken(600, 't');  // STS tokens are about that long
const KeyPair kKey{"STS.NUgYrLnoC37mZZCNnAbez", "GJvuT5wnL1d5kpqZ9xSFmMdYzAsX8"};
const WallTime kNow{std::chrono::seconds(1'767'322'000)};
const Pairs kNoQuery;

Pairs headers_of_a_get() {
  return {{"x-oss-date", format_compact(kNow)},
          {"x-oss-content-sha256", "UNSIGNED-PAYLOAD"},
          {"x-oss-security-token", kToken},
          {"Range", "bytes=0-8388607"}};
}

CanonicalInput get(const Pairs& headers) {
  return {"GET", "examplebucket", "users/alice/photos/2026/01/IMG_0001.jpg", kNoQuery, headers};
}

void oss_v4_with_cached_key(benchmark::State& state) {
  const Pairs headers = headers_of_a_get();
  v4::SigningKeyCache cache;
  for (auto _ : state)
    benchmark::DoNotOptimize(
        v4::authorization(get(headers), kKey, kNow, {.region = "cn-hangzhou"}, cache));
}
BENCHMARK(oss_v4_with_cached_key)->Threads(1)->Threads(2);

void oss_v4_with_derived_key(benchmark::State& state) {
  const Pairs headers = headers_of_a_get();
  for (auto _ : state)
    benchmark::DoNotOptimize(
        v4::authorization(get(headers), kKey, kNow, {.region = "cn-hangzhou"}));
}
BENCHMARK(oss_v4_with_derived_key);

void oss_v4_canonical_request(benchmark::State& state) {
  const Pairs headers = headers_of_a_get();
  for (auto _ : state) benchmark::DoNotOptimize(v4::canonical_request(get(headers), {}));
}
BENCHMARK(oss_v4_canonical_request);

void oss_v1(benchmark::State& state) {
  const Pairs headers = headers_of_a_get();
  for (auto _ : state)
    benchmark::DoNotOptimize(
        v1::authorization(get(headers), kKey, "Wed, 28 Dec 2022 10:27:41 GMT"));
}
BENCHMARK(oss_v1);

void hmac_of_a_string_to_sign(benchmark::State& state) {
  const Sha256 key = sha256("key");
  const std::string text(150, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(hmac_sha256(key, text));
}
BENCHMARK(hmac_of_a_string_to_sign);

void sha256_of_a_canonical_request(benchmark::State& state) {
  const std::string text(900, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(sha256(text));
}
BENCHMARK(sha256_of_a_canonical_request);

}  // namespace
}  // namespace stsfs::sign
