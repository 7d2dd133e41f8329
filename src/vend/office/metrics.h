#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace stsfs::vend {

/// What is counted, from the start of the process.
enum class Count {
  kLoginsAllowed,
  kLoginsRefused,
  kLoginsThrottled,
  kTokensRefused,
  kTokensRotated,
  kTokensReused,
  kCredentialsHandedOut,
  kCredentialsFailed,
  kDeviceCodes,
  kDeviceAllowed,
  kDeviceDenied,
  kStsCalls,
  kStsRetries,
  kStsFailures,
  kUsageCounted,
  kUsageFailed,
  kRateLimited,
  kAnswers2xx,
  kAnswers3xx,
  kAnswers4xx,
  kAnswers5xx,
  kConnections,
  kReloads,
  kEnd,
};

/// Counters, and how long answers took, for Prometheus.
///
/// Threads: every call on any thread; none waits.
class Metrics {
 public:
  void add(Count what) {
    counts_[static_cast<std::size_t>(what)].fetch_add(1, std::memory_order_relaxed);
  }
  std::uint64_t value(Count what) const {
    return counts_[static_cast<std::size_t>(what)].load(std::memory_order_relaxed);
  }
  /// An answer of `status` that took so long.
  void answered(int status, std::chrono::nanoseconds took);
  void connections(int change) { open_.fetch_add(change, std::memory_order_relaxed); }
  void sts_is_well(bool well) { sts_well_.store(well, std::memory_order_relaxed); }
  /// What the last call to STS showed; true until there was one.
  bool sts_well() const { return sts_well_.load(std::memory_order_relaxed); }

  /// Prometheus' text format, version 0.0.4.
  std::string text() const;

 private:
  static constexpr std::array<double, 8> kSeconds{0.001, 0.005, 0.025, 0.1, 0.25, 1, 5, 15};

  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Count::kEnd)> counts_{};
  std::array<std::atomic<std::uint64_t>, kSeconds.size() + 1> took_{};
  std::atomic<std::uint64_t> took_nanoseconds_ = 0;
  std::atomic<int> open_ = 0;
  std::atomic<bool> sts_well_ = true;
};

}  // namespace stsfs::vend
