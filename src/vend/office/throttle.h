#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "stores/sql.h"
#include "stsfs/base/clock.h"

namespace stsfs::vend {

struct ThrottleOptions {
  int free_failures = 5;          ///< Before the first pause.
  std::chrono::seconds pause{1};  ///< Doubles with each further failure, up to:
  std::chrono::seconds pause_max{60};
  std::chrono::minutes forget_after{15};
  int lock_after = 0;  ///< Failures in a row after which only an administrator helps; 0: never.
};

struct Counted {
  std::string who;  ///< `user:alice`, `address:192.0.2.7`
  ThrottleOptions rules;
};

struct ThrottleVerdict {
  std::chrono::seconds wait{0};  ///< Zero: go on, and it is counted.
  bool locked = false;
};

/// Slows down whoever keeps failing, by a name or by an address, over all replicas. An attempt
/// counts as a failure from its beginning, so that many at once count as many.
///
/// Threads:  every call on any thread, in several processes at once.
/// Errors:   those of SqlDatabase.
/// Lifetime: the database outlives it.
class Throttle {
 public:
  static constexpr std::int64_t kEntriesMax =
      10'000;  ///< Above it those that failed longest ago go.

  Throttle(SqlDatabase& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// All of them may go on and are counted, or none is: then the longest wait.
  Result<ThrottleVerdict> attempt(const std::vector<Counted>& all);
  /// It went well: what was counted against `cleared` is forgotten, and the attempt of `taken_back`
  /// does not count.
  Result<void> passed(const std::string& cleared, const std::string& taken_back);
  /// What an administrator does. Errors: kNotFound when nothing was counted.
  Result<void> unlock(const std::string& who);

 private:
  SqlDatabase& database_;
  const Clock& clock_;
};

}  // namespace stsfs::vend
