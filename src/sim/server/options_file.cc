// The configuration of stsfs-sim:
//
//   address oss_port sts_port admin_port tls_certificate tls_key region threads
//   storage memory_max ram init_vending init_admin allow_short_tokens clock_offset_ms
//   body_timeout_ms profile latency_ms bandwidth bandwidth_in_all switches[] faults[]
//   [[bucket]]  name versioning hierarchical_namespace acl class
//
// Names are those of the flags, and a flag stands above the file.

#include "ram/document_node.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "stsfs/sim/simulator.h"

namespace stsfs::sim {
namespace {

std::uint64_t size_or(Node& node, const std::string& name, std::uint64_t fallback) {
  const std::string text = node.text_or(name, "");
  if (text.empty()) return fallback;
  const auto size = parse_size(text);
  if (!size) node.complain(name, "must be a size, as \"100M\"");
  return size.value_or(fallback);
}

void read_ports(Node& root, SimulatorOptions& out) {
  const auto port = [&](const char* name) {
    return static_cast<std::uint16_t>(root.number_or(name, 0, 0, 65'535));
  };
  out.address = root.text_or("address", out.address);
  out.oss_port = port("oss_port");
  out.sts_port = port("sts_port");
  out.admin_port = port("admin_port");
  out.tls_certificate_file = root.text_or("tls_certificate", "");
  out.tls_key_file = root.text_or("tls_key", "");
}

void read_profile(Node& root, SimulatorOptions& out) {
  const std::string name = root.text_or("profile", "");
  if (name == "wan")
    out.profile = kWan;
  else if (!name.empty())
    root.complain("profile", "must be \"wan\"");
  NetworkProfile& profile = out.profile;
  profile.latency = std::chrono::milliseconds(
      root.number_or("latency_ms", profile.latency.count(), 0, 3'600'000));
  profile.bytes_per_second = size_or(root, "bandwidth", profile.bytes_per_second);
  profile.bytes_per_second_in_all = size_or(root, "bandwidth_in_all", 0);
}

BucketSetup read_bucket(Node& node) {
  BucketSetup out;
  out.name = node.text("name");
  out.versioning = node.text_or("versioning", "");
  out.hierarchical_namespace = node.flag_or("hierarchical_namespace", false);
  out.acl = node.text_or("acl", out.acl);
  out.storage_class = node.text_or("class", out.storage_class);
  node.expect_no_more();
  return out;
}

}  // namespace

Result<SimulatorOptions> load_options(const std::string& file) {
  auto text = read_file(file);
  if (!text) return fail(std::move(text.error()), "configuration");
  auto document = Document::parse(*text, file);
  if (!document) return fail(std::move(document.error()));
  Node root = (*document)->root();
  SimulatorOptions out;
  read_ports(root, out);
  out.region = root.text_or("region", out.region);
  out.threads = static_cast<int>(root.number_or("threads", out.threads, 1, kThreadsMax));
  out.storage_directory = root.text_or("storage", "");
  out.memory_max_bytes = size_or(root, "memory_max", 0);
  out.ram_file = root.text_or("ram", "");
  out.vending_key_file = root.text_or("init_vending", "");
  out.admin_key_file = root.text_or("init_admin", "");
  out.allow_short_tokens = root.flag_or("allow_short_tokens", false);
  read_profile(root, out);
  out.body_timeout = std::chrono::milliseconds(
      root.number_or("body_timeout_ms", out.body_timeout.count(), 1, kBodyTimeoutMax.count()));
  out.clock_offset = std::chrono::milliseconds(
      root.number_or("clock_offset_ms", 0, -kClockOffsetMax.count(), kClockOffsetMax.count()));
  out.switches = root.texts("switches");
  out.faults = root.texts("faults");
  auto buckets = root.tables("bucket");
  if (!buckets.empty()) out.buckets.clear();
  for (Node& bucket : buckets) out.buckets.push_back(read_bucket(bucket));
  root.expect_no_more();
  if (auto good = (*document)->check(); !good) return fail(std::move(good.error()));
  return out;
}

}  // namespace stsfs::sim
