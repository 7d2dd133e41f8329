#include "rate_limit.h"

#include <algorithm>

namespace stsfs::vend {
namespace {

constexpr double kBurstSeconds = 10;

}  // namespace

bool RateLimit::takes(const std::string& client, int per_second, SteadyTime now) {
  const double most = kBurstSeconds * per_second;
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

std::vector<Refusals> RateLimit::take_rest() {
  std::vector<Refusals> out;
  for (auto& [client, more] : refused_)
    if (more > 0) out.push_back({client, more});
  refused_.clear();
  return out;
}

RateVerdict RateLimit::ask(const std::string& client, int per_second) {
  RateVerdict out;
  if (per_second == 0) return out;
  const SteadyTime now = clock_.steady();
  MutexLock lock(mutex_);
  if (now - refusing_since_ >= kTellEvery || refused_.size() >= kClientsMax) out.told = take_rest();
  out.allowed = takes(client, per_second, now);
  if (out.allowed) return out;
  if (refused_.empty()) refusing_since_ = now;
  const auto [found, first] = refused_.try_emplace(client, 0);
  if (first)
    out.told.push_back({client, 0});
  else
    ++found->second;
  return out;
}

std::vector<Refusals> RateLimit::rest() {
  MutexLock lock(mutex_);
  return take_rest();
}

}  // namespace stsfs::vend
