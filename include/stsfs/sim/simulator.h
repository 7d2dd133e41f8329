#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stsfs/base/clock.h"
#include "stsfs/base/result.h"
#include "stsfs/base/secret.h"

namespace stsfs::sim {

inline constexpr int kThreadsMax = 64;
inline constexpr std::chrono::milliseconds kClockOffsetMax{3'000'000'000'000};  // some 95 years

inline constexpr std::chrono::milliseconds kBodyTimeoutMax{100'000};

/// A bucket that is there from the start.
struct BucketSetup {
  std::string name = "examplebucket";
  std::string versioning;  ///< "", "Enabled" or "Suspended".
  bool hierarchical_namespace = false;
  std::string acl = "private";
  std::string storage_class = "Standard";
};

/// What every request is slowed to; all zero: nothing is.
struct NetworkProfile {
  std::chrono::milliseconds latency{0};       ///< Before each answer.
  std::uint64_t bytes_per_second = 0;         ///< A connection, each way.
  std::uint64_t bytes_per_second_in_all = 0;  ///< All connections together, each way.
};

/// `profile = "wan"`
inline constexpr NetworkProfile kWan{std::chrono::milliseconds(20), 100'000'000};

struct SimulatorOptions {
  std::string address = "127.0.0.1";  ///< The admin port listens on loopback whatever this is.
  std::uint16_t oss_port = 0;         ///< 0: any that is free.
  std::uint16_t sts_port = 0;
  std::uint16_t admin_port = 0;
  std::string tls_certificate_file;  ///< PEM; with the key: OSS and STS speak HTTPS.
  std::string tls_key_file;
  std::string region = "cn-hangzhou";
  std::vector<BucketSetup> buckets = {BucketSetup{}};
  /// A RAM document; empty: one is made for the first bucket, with random keys.
  std::string ram_file;
  /// Where the keys of that document are written, as JSON, mode 0600; empty: nowhere.
  std::string vending_key_file;
  std::string admin_key_file;
  /// What is stored is kept here over restarts; empty: in memory, and gone with the process.
  std::string storage_directory;
  std::uint64_t memory_max_bytes = 0;  ///< Of contents in memory; 0: three quarters of all.
  bool allow_short_tokens = false;     ///< DurationSeconds down to 1 s.
  int threads = 2;                     ///< That serve OSS.
  NetworkProfile profile;
  /// A request to OSS whose body stops coming for so long is answered with RequestTimeout.
  std::chrono::milliseconds body_timeout{60'000};
  std::chrono::milliseconds clock_offset{0};  ///< The service's clock ahead of ours.
  std::vector<std::string> faults;            ///< JSON objects, as POST /faults takes them.
  std::vector<std::string> switches;          ///< `name=on|off`
};

/// Options from a TOML (or JSON) file; see stsfs-sim(8) for its keys.
/// Errors: kInvalid with `file:line`, the key and what it takes; those of reading a file.
Result<SimulatorOptions> load_options(const std::string& file);

/// Whether buckets, switches and faults make sense, whatever else is there: what start() would
/// find wrong with them is found without it.
/// Errors: kInvalid, naming what is wrong and what it takes.
Result<void> check_options(const SimulatorOptions& options);

/// A long-term key of the RAM document that was made.
struct SimulatorKey {
  std::string access_key_id;
  Secret access_key_secret;
};

/// OSS, STS and RAM on one machine. See stsfs-sim(8) for what it does and what its admin port
/// takes.
///
/// Threads:  every call on any thread; it serves on threads of its own.
/// Lifetime: until destroyed, which closes every connection.
class Simulator {
 public:
  static Result<std::unique_ptr<Simulator>> start(const SimulatorOptions& options,
                                                  const Clock& clock);
  virtual ~Simulator() = default;

  virtual std::string oss_endpoint() const = 0;  ///< `http://127.0.0.1:40001`
  virtual std::string sts_endpoint() const = 0;
  virtual std::string admin_endpoint() const = 0;

  // Only when no `ram_file` was given:
  virtual std::string role_arn() const = 0;
  virtual const SimulatorKey& vending_key() const = 0;  ///< May assume the role and nothing else.
  virtual const SimulatorKey& admin_key() const = 0;    ///< May do everything in OSS.
};

}  // namespace stsfs::sim
