#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sql.h"
#include "stsfs/base/clock.h"

namespace stsfs::vend {

/// What lay below a prefix when it was counted.
struct Usage {
  std::uint64_t bytes = 0;
  std::uint64_t objects = 0;
  WallTime counted_at;
};

struct FolderUsage {
  std::string folder;  ///< `bucket/prefix/`
  Usage usage;
};

/// Whose turn it is to count a folder.
struct UsageTurn {
  std::optional<Usage> known;
  bool mine = false;                  ///< The caller counts now; nobody else will for a while.
  std::chrono::milliseconds wait{0};  ///< Until it is somebody's turn again.
};

/// How much is in each folder, as the last who counted it found, over all replicas.
///
/// Threads:  every call on any thread, in several processes at once.
/// Errors:   those of SqlDatabase.
/// Lifetime: the database outlives it.
class UsageStore {
 public:
  UsageStore(SqlDatabase& database, const Clock& clock) : database_(database), clock_(clock) {}

  /// Takes the turn when it is due; the next one is `every` later, whatever becomes of this.
  Result<UsageTurn> begin(const std::string& folder, std::chrono::milliseconds every);
  Result<void> put(const std::string& folder, std::uint64_t bytes, std::uint64_t objects);
  /// Counting failed: the next turn is `pause` from now, if that is sooner.
  Result<void> failed(const std::string& folder, std::chrono::milliseconds pause);
  /// Of those that have been counted, by their names.
  Result<std::vector<FolderUsage>> list();

 private:
  SqlDatabase& database_;
  const Clock& clock_;
};

}  // namespace stsfs::vend
