#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"

namespace stsfs::vend {

/// What is to be written down of refusals: one by one a flood of them would fill the disk.
struct Refusals {
  std::string client;
  std::uint64_t more = 0;  ///< After the first of this minute; 0: this is the first.
};

struct RateVerdict {
  bool allowed = true;
  std::vector<Refusals> told = {};  ///< Of any client; for the caller to write down.
};

/// So many requests a second from one client, by its address or its user's name, ten times as many
/// at once. In this process only: it is there to keep the process from being busy with one client.
///
/// A client's first refusal is told at once, and how many followed with the first request of
/// anybody a minute later: at most two lines a client and minute, and every refusal is in one of
/// them.
///
/// Threads: every call on any thread.
class RateLimit {
 public:
  static constexpr std::size_t kClientsMax = 50'000;
  static constexpr std::chrono::minutes kTellEvery{1};

  explicit RateLimit(const Clock& clock) : clock_(clock) {}

  /// Not allowed: too many. `per_second` 0: any number.
  RateVerdict ask(const std::string& client, int per_second) STSFS_EXCLUDES(mutex_);
  /// What is not told yet, at the end.
  std::vector<Refusals> rest() STSFS_EXCLUDES(mutex_);

 private:
  struct Bucket {
    double tokens = 0;
    SteadyTime filled;
  };

  bool takes(const std::string& client, int per_second, SteadyTime now) STSFS_REQUIRES(mutex_);
  std::vector<Refusals> take_rest() STSFS_REQUIRES(mutex_);

  const Clock& clock_;
  Mutex mutex_;  // a leaf
  std::unordered_map<std::string, Bucket> buckets_ STSFS_GUARDED_BY(mutex_);
  /// Since `refusing_since_`: how many of each client were refused after its first.
  std::unordered_map<std::string, std::uint64_t> refused_ STSFS_GUARDED_BY(mutex_);
  SteadyTime refusing_since_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::vend
