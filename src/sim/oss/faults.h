#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"

namespace stsfs::sim {

/// What goes wrong. Several may be set; an error or a reset before applying keeps the operation
/// from happening.
struct FaultEffect {
  std::chrono::milliseconds latency{0};
  std::chrono::milliseconds jitter{0};  ///< Up to so much more.
  std::uint64_t bytes_per_second = 0;
  int status = 0;  ///< Answer with this and `code` instead of doing it.
  std::string code;
  bool reset_before = false;  ///< RST, not applied.
  bool reset_after = false;   ///< Applied, and the answer lost.
  std::optional<std::uint64_t> truncate_at;
  std::optional<std::uint64_t> corrupt_at;
  std::optional<std::uint64_t> stall_at;
  std::chrono::milliseconds stall{0};
  bool wrong_etag = false;  ///< The answer names another ETag.
  bool wrong_crc = false;   ///< The answer names another CRC-64.
};

struct FaultRule {
  std::string id;
  // Which requests; empty matches all.
  std::string operation;  ///< `PutObject`, `AssumeRole`, or with `*`.
  std::string key;        ///< A pattern with `*` and `?`.
  std::string access_key_id;
  std::uint64_t skip = 0;   ///< Matching requests to let pass first.
  std::uint64_t count = 0;  ///< How often; 0: until it is removed.
  double probability = 1;
  FaultEffect effect;
};

/// Faults on demand. The random ones come from a seed, so that a run can be repeated.
///
/// Threads: every call may be made at once on any thread.
class FaultPlan {
 public:
  static constexpr std::size_t kRulesMax = 1'000;

  /// One JSON object, as POST /faults takes it; see stsfs-sim(8). Returns the rule's id.
  /// Errors: kInvalid, naming the member and what it takes.
  Result<std::string> add(const std::string& json) STSFS_EXCLUDES(mutex_);
  bool remove(const std::string& id) STSFS_EXCLUDES(mutex_);
  void clear() STSFS_EXCLUDES(mutex_);
  void seed(std::uint64_t seed) STSFS_EXCLUDES(mutex_);
  /// The rules as JSON, an array.
  std::string to_json() const STSFS_EXCLUDES(mutex_);

  /// The first rule that matches this request now; it counts as used.
  std::optional<FaultRule> match(const std::string& operation, const std::string& key,
                                 const std::string& access_key_id) STSFS_EXCLUDES(mutex_);

 private:
  struct Live {
    FaultRule rule;
    std::uint64_t seen = 0;
    std::uint64_t used = 0;
  };
  mutable Mutex mutex_;  // a leaf
  std::vector<Live> rules_ STSFS_GUARDED_BY(mutex_);
  std::uint64_t next_id_ STSFS_GUARDED_BY(mutex_) = 1;
  std::mt19937_64 random_ STSFS_GUARDED_BY(mutex_){1};
};

}  // namespace stsfs::sim
