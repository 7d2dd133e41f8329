#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "audit.h"
#include "config/folder_config.h"
#include "metrics.h"
#include "session_maker.h"
#include "stores/usage_store.h"
#include "stsfs/base/await.h"
#include "stsfs/base/clock.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/worker_pool.h"

namespace stsfs::vend {

struct Settings;

/// How much is used of folders that have a quota, for `UsedBytes`.
///
/// OSS does not tell how much lies below a prefix, so it is listed: behind the requests that ask,
/// once in `usage_interval` over all replicas, with a session of its own that may list this prefix
/// and nothing else. Only folders that somebody asks for are counted.
///
/// Threads:  every call on any thread that may wait.
/// Lifetime: all that it is given outlives it; the interrupt is raised before it goes.
class UsageCounter {
 public:
  UsageCounter(SqlDatabase& database, SessionMaker& sessions, AuditLog& audit, Metrics& metrics,
               const Clock& clock, Interrupt& interrupt)
      : store_(database, clock),
        sessions_(sessions),
        audit_(audit),
        metrics_(metrics),
        clock_(clock),
        interrupt_(interrupt) {}

  /// As it was counted last; 0 where there is no quota, or while nobody has counted yet. The first
  /// who asks waits a moment, so that small folders show what is in them from the beginning.
  std::uint64_t used_bytes(const std::string& user, const FolderConfig& folder,
                           const std::shared_ptr<const Settings>& settings) STSFS_EXCLUDES(mutex_);

 private:
  struct Entry {
    std::uint64_t bytes = 0;
    bool looked = false;   ///< Once at least, or it has not been possible.
    bool looking = false;  ///< A task is on its way.
    SteadyTime look_at;    ///< When it may be due again.
  };
  struct Task {
    std::string name;  ///< `bucket/prefix/`
    std::string user, prefix;
    FolderConfig folder;
    std::shared_ptr<const Settings> settings;
  };

  void wait_a_moment(const std::string& name) STSFS_REQUIRES(mutex_);
  void look(const Task& task) STSFS_EXCLUDES(mutex_);
  /// How long until it is worth looking again.
  std::chrono::milliseconds count_if_due(const Task& task) STSFS_EXCLUDES(mutex_);
  Result<Usage> count(const Task& task);
  void publish(const std::string& name, std::uint64_t bytes) STSFS_EXCLUDES(mutex_);

  UsageStore store_;
  SessionMaker& sessions_;
  AuditLog& audit_;
  Metrics& metrics_;
  const Clock& clock_;
  Interrupt& interrupt_;

  Mutex mutex_;  // a leaf; never held while something is counted
  Condition changed_;
  std::unordered_map<std::string, Entry> entries_ STSFS_GUARDED_BY(mutex_);
  int waiting_ STSFS_GUARDED_BY(mutex_) = 0;

  WorkerPool pool_{{.threads_max = 2, .queue_max = 10'000}};  // last: its tasks use the rest
};

}  // namespace stsfs::vend
