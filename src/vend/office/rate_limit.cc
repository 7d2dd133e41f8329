#include "rate_limit.h"

#include <algorithm>

namespace stsfs::vend {
namespace {

constexpr double kBurstSeconds = 10;

}  // namespace

bool RateLimit::allows(const std::string& client, int per_second) {
  if (per_second == 0) return true;
  const double most = kBurstSeconds * per_second;
  const SteadyTime now = clock_.steady();
  MutexLock lock(mutex_);
  if (buckets_.size() >= kClientsMax)
    buckets_.clear();  // all of them full again: a moment's grace for everybody
  auto [found, fresh] = buckets_.try_emplace(client, Bucket{most, now});
  Bucket& bucket = found->second;
  const double passed = std::chrono::duration<double>(now - bucket.filled).count();
  bucket.tokens = std::min(most, bucket.tokens + passed * per_second);
  bucket.filled = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

}  // namespace stsfs::vend
