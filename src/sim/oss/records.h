#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"

namespace stsfs::sim {

/// One request as the admin port shows it.
struct RequestRecord {
  std::uint64_t number = 0;  ///< Counts from 1 and never repeats.
  WallTime time{};
  std::string service;  ///< "oss" or "sts"
  std::string operation;
  std::string bucket;
  std::string key;
  std::string range;
  int status = 0;    ///< 0: the connection was reset.
  std::string code;  ///< Of an error.
  std::string access_key_id;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::chrono::microseconds duration{0};
  std::string fault;  ///< The id of the fault that was applied, if one was.
};

struct OperationCount {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;  ///< Status 400 and above, and resets.
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

/// What was asked of the simulator, so that a test can say "this took one PutObject and nothing
/// else".
///
/// Threads: every call may be made at once on any thread.
class Records {
 public:
  static constexpr std::size_t kKept = 100'000;  ///< The oldest go first.

  void add(RequestRecord record) STSFS_EXCLUDES(mutex_);
  /// Those with a number above `since`, oldest first.
  std::vector<RequestRecord> log(std::uint64_t since) const STSFS_EXCLUDES(mutex_);
  std::map<std::string, OperationCount> counts() const STSFS_EXCLUDES(mutex_);
  /// How often each error code was answered.
  std::map<std::string, std::uint64_t> codes() const STSFS_EXCLUDES(mutex_);
  void clear() STSFS_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;  // a leaf
  std::uint64_t last_ STSFS_GUARDED_BY(mutex_) = 0;
  std::deque<RequestRecord> log_ STSFS_GUARDED_BY(mutex_);
  std::map<std::string, OperationCount> counts_ STSFS_GUARDED_BY(mutex_);
  std::map<std::string, std::uint64_t> codes_ STSFS_GUARDED_BY(mutex_);
};

}  // namespace stsfs::sim
