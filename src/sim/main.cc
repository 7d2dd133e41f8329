// stsfs-sim: options in, endpoints out, until it is told to end.

#include <signal.h>
#include <sys/resource.h>

#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>

#include "stsfs/base/fd.h"
#include "stsfs/base/process.h"
#include "stsfs/base/text.h"
#include "stsfs/sim/simulator.h"

namespace {

using stsfs::sim::BucketSetup;
using stsfs::sim::Simulator;
using stsfs::sim::SimulatorOptions;

struct CommandLine {
  SimulatorOptions options;
  std::vector<std::string> buckets;
  std::string config_file;
  std::string profile;
  std::optional<std::uint64_t> latency_ms;
  std::optional<std::int64_t> clock_offset_ms;
  std::optional<std::int64_t> body_timeout_ms;
  std::string bandwidth;
  std::string bandwidth_in_all;
  std::string memory_max;
};

/// `NAME[,versioning=Enabled][,hns][,acl=…][,class=…]`
std::optional<BucketSetup> parse_bucket(const std::string& text) {
  BucketSetup out;
  bool first = true;
  for (const std::string_view part : stsfs::split(text, ',')) {
    if (std::exchange(first, false)) {
      out.name = part;
    } else if (part == "hns") {
      out.hierarchical_namespace = true;
    } else if (part.starts_with("versioning=")) {
      out.versioning = part.substr(11);
    } else if (part.starts_with("acl=")) {
      out.acl = part.substr(4);
    } else if (part.starts_with("class=")) {
      out.storage_class = part.substr(6);
    } else {
      return std::nullopt;
    }
  }
  return out;
}

void declare(CLI::App& app, CommandLine& line) {
  SimulatorOptions& options = line.options;
  app.set_version_flag("-V,--version", "stsfs-sim " STSFS_VERSION);
  app.add_option("--config", line.config_file,
                 "TOML file with these options; flags stand above it");
  app.add_option("--address", options.address, "Where OSS and STS listen")->capture_default_str();
  app.add_option("--oss-port", options.oss_port, "0: any free one");
  app.add_option("--sts-port", options.sts_port, "0: any free one");
  app.add_option("--admin-port", options.admin_port, "0: any free one; always on loopback");
  app.add_option("--tls-certificate", options.tls_certificate_file, "PEM; with --tls-key: HTTPS");
  app.add_option("--tls-key", options.tls_key_file, "PEM");
  app.add_option("--region", options.region)->capture_default_str();
  app.add_option(
      "--bucket", line.buckets,
      "NAME[,versioning=Enabled|Suspended][,hns][,acl=ACL][,class=CLASS]; may be repeated");
  app.add_option("--ram", options.ram_file,
                 "RAM document (TOML or JSON, mode 0600); absent: one is made");
  app.add_option("--init-vending", options.vending_key_file,
                 "Write the made vending user's key to this file (0600)");
  app.add_option("--init-admin", options.admin_key_file,
                 "Write the made administrator's key to this file (0600)");
  app.add_option("--storage", options.storage_directory,
                 "Directory that keeps what is stored; absent: in memory, gone at the end");
  app.add_option("--memory-max", line.memory_max,
                 "Contents in memory, as 8G; absent: three quarters of the machine's");
  app.add_flag("--allow-short-tokens", options.allow_short_tokens,
               "AssumeRole gives lifetimes down to 1 s");
  app.add_option("--clock-offset-ms", line.clock_offset_ms,
                 "The service's clock is so far ahead of the machine's; may be negative")
      ->check(
          CLI::Range(-stsfs::sim::kClockOffsetMax.count(), stsfs::sim::kClockOffsetMax.count()));
  app.add_option("--body-timeout-ms", line.body_timeout_ms,
                 "RequestTimeout when a body stops coming for so long; absent: 60000")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{stsfs::sim::kBodyTimeoutMax.count()}));
  app.add_option("--threads", options.threads, "That serve OSS")
      ->check(CLI::Range(1, stsfs::sim::kThreadsMax))
      ->capture_default_str();
  app.add_option("--profile", line.profile, "wan: 20 ms a request and 100 MB/s a connection")
      ->check(CLI::IsMember({"wan"}));
  app.add_option("--latency-ms", line.latency_ms, "Before each answer")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--bandwidth", line.bandwidth, "Bytes a second and connection, as 100M");
  app.add_option("--bandwidth-in-all", line.bandwidth_in_all,
                 "Bytes a second over all connections, as 100M");
  app.add_option("--fault", options.faults, "A fault as POST /faults takes it; may be repeated");
  app.add_option("--switch", options.switches, "NAME=on|off; may be repeated");
}

/// The file that --config names, before the flags are read: what they name they replace. Empty when
/// there is none; what else is wrong with the line is found when all of it is read.
std::string config_file_in(int argc, char** argv) {
  constexpr std::string_view kFlag = "--config";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == kFlag && i + 1 < argc) return argv[i + 1];
    if (word.starts_with("--config=")) return std::string(word.substr(kFlag.size() + 1));
  }
  return "";
}

/// What CLI11 cannot read by itself; a message when it makes no sense.
std::string finish(CommandLine& line) {
  if (!line.buckets.empty()) line.options.buckets.clear();
  for (const std::string& text : line.buckets) {
    const auto bucket = parse_bucket(text);
    if (!bucket) return "--bucket: not understood: " + stsfs::printable(text);
    line.options.buckets.push_back(*bucket);
  }
  if (line.profile == "wan") line.options.profile = stsfs::sim::kWan;
  if (line.latency_ms) line.options.profile.latency = std::chrono::milliseconds(*line.latency_ms);
  if (line.clock_offset_ms)
    line.options.clock_offset = std::chrono::milliseconds(*line.clock_offset_ms);
  if (line.body_timeout_ms)
    line.options.body_timeout = std::chrono::milliseconds(*line.body_timeout_ms);
  struct Size {
    const char* name;
    const std::string& text;
    std::uint64_t& out;
  };
  for (const Size& size :
       {Size{"--bandwidth", line.bandwidth, line.options.profile.bytes_per_second},
        Size{"--bandwidth-in-all", line.bandwidth_in_all,
             line.options.profile.bytes_per_second_in_all},
        Size{"--memory-max", line.memory_max, line.options.memory_max_bytes}}) {
    if (size.text.empty()) continue;
    const auto bytes = stsfs::parse_size(size.text);
    if (!bytes) return std::string(size.name) + ": not a size: " + stsfs::printable(size.text);
    size.out = *bytes;
  }
  const auto good = stsfs::sim::check_options(line.options);
  return good ? "" : good.error().message;
}

void announce(const Simulator& simulator, const SimulatorOptions& options) {
  std::cout << "OSS_ENDPOINT=" << simulator.oss_endpoint()
            << "\nSTS_ENDPOINT=" << simulator.sts_endpoint()
            << "\nADMIN_ENDPOINT=" << simulator.admin_endpoint() << "\nREGION=" << options.region;
  if (!options.buckets.empty()) std::cout << "\nBUCKET=" << options.buckets.front().name;
  if (!simulator.role_arn().empty()) std::cout << "\nROLE_ARN=" << simulator.role_arn();
  std::cout << "\nREADY=1" << std::endl;
}

/// As many descriptors as the system lets us have.
void allow_many_connections() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
}

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

int fail_with(int code, const std::string& message) {
  std::cerr << "stsfs-sim: " << message << '\n';
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  // Before any thread: they inherit the mask, and only sigwait below takes these.
  sigset_t ends;
  sigemptyset(&ends);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ends, number);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  signal(SIGPIPE, SIG_IGN);
  static_cast<void>(stsfs::harden_process());
  allow_many_connections();

  CommandLine line;
  if (const std::string file = config_file_in(argc, argv); !file.empty()) {
    auto options = stsfs::sim::load_options(file);
    if (!options) return fail_with(kExitFailed, options.error().message);
    if (auto good = stsfs::sim::check_options(*options); !good)
      return fail_with(kExitFailed, file + ": " + good.error().message);
    line.options = std::move(*options);
  }
  CLI::App app("OSS, STS and RAM on one machine");
  declare(app, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (const std::string problem = finish(line); !problem.empty())
    return fail_with(kExitUsage, problem);
  auto simulator = Simulator::start(line.options, stsfs::system_clock());
  if (!simulator) return fail_with(kExitFailed, simulator.error().message);
  announce(**simulator, line.options);
  int number = 0;
  sigwait(&ends, &number);
  return 0;
}
