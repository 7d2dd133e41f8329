#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stsfs/base/clock.h"
#include "stsfs/base/result.h"
#include "stsfs/credentials/renewer.h"

namespace stsfs::control {

/// Data that was written and is not in OSS yet.
struct PendingFile {
  std::string path;  ///< Below the mount.
  std::uint64_t size_bytes = 0;
  std::string last_error;  ///< Empty: it is only not its turn yet.
  std::string doing{};     ///< Of a change of the tree: what it is; empty: bytes to be sent.
  bool aside = false;      ///< It is not tried any more: only a rescue gets it out.
};

struct Pending {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t aside = 0;        ///< Files that are not tried any more; not among `files`.
  std::vector<PendingFile> some;  ///< Those with errors first, at most kPendingShownMax.
};
inline constexpr std::size_t kPendingShownMax = 50;

struct OperationCount {
  std::uint64_t started = 0;
  std::uint64_t failed = 0;
};

/// What reading keeps in memory.
struct ReadMemory {
  std::uint64_t budget_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t highest_bytes = 0;  ///< Of `used_bytes`, ever.
  std::uint64_t taken_away = 0;     ///< Blocks that had to make room for others.
  std::uint64_t waiting = 0;        ///< Reads that wait for room.
};

/// All that `stsfs status` shows of one mount. Nothing in it is secret.
struct Status {
  std::string version;
  pid_t pid = 0;
  WallTime started_at;
  std::chrono::seconds uptime{0};
  std::string log_level;

  std::string mount_point;
  std::string state_directory;  ///< Where the journal is.
  std::string source;           ///< As it was given to `mount`.
  std::string endpoint, region, bucket, prefix;
  bool read_only = false;

  credentials::RenewalStatus credential;
  Pending pending;

  std::map<std::string, OperationCount> operations;  ///< By OSS's name of it: "GetObject".
  std::uint64_t bytes_read = 0, bytes_written = 0;   ///< Of object contents.
  std::uint64_t http_requests = 0, http_bytes_sent = 0, http_bytes_received = 0;
  std::uint64_t connections_opened = 0;
  int http_in_flight = 0;
  std::uint64_t kernel_requests = 0, kernel_errors = 0;
  int kernel_under_way = 0;
  std::uint64_t memory_bytes = 0;  ///< Resident.

  /// Blocks on the local disk.
  struct DiskCache {
    std::uint64_t size_max_bytes = 0;  ///< 0: there is none.
    std::uint64_t used_bytes = 0;      ///< Of every mount that shares the directory.
    std::uint64_t hits = 0, misses = 0;
    std::uint64_t refused = 0;  ///< Not kept: no room on the disk, or another failure.
  };
  DiskCache disk_cache;
  ReadMemory read_memory;
  std::uint64_t names_left_out = 0;  ///< Keys that were come across and have no name here.
};

/// One object, in one line.
std::string to_json(const Status& status);
/// What `to_json` gave; unknown members are ignored, absent ones have their defaults. kProtocol
/// when it is no JSON object.
Result<Status> parse_status(const std::string& json);

}  // namespace stsfs::control
