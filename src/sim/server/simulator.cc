#include "stsfs/sim/simulator.h"

#include <set>

#include "http_server.h"
#include "oss/faults.h"
#include "oss/records.h"
#include "oss/switch_names.h"
#include "ram/ram_default.h"
#include "ram/ram_directory.h"
#include "service.h"
#include "store/cloud.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

Result<void> write_key(const std::string& path, const SimulatorKey& key) {
  if (path.empty()) return {};
  std::string text = "{\"AccessKeyId\": \"" + key.access_key_id + "\", \"AccessKeySecret\": \"";
  text.append(key.access_key_secret.reveal()).append("\"}\n");
  auto written = write_file_atomically(path, text, 0600);
  wipe(text);
  return written;
}

/// Who may do what, and, when the document was made here, the keys that it was made with.
struct Identities {
  std::shared_ptr<const Directory> directory;
  std::string role_arn;
  SimulatorKey vending;
  SimulatorKey admin;
};

Result<Identities> identities_of(const SimulatorOptions& options) {
  Identities out;
  if (!options.ram_file.empty()) {
    if (!(options.vending_key_file + options.admin_key_file).empty())
      return fail(Errc::kInvalid,
                  "--init-vending and --init-admin are for the document that is made when --ram is "
                  "absent");
    auto directory = load_ram_document(options.ram_file);
    if (!directory) return fail(std::move(directory.error()));
    out.directory = std::move(*directory);
    return out;
  }
  DefaultRamOptions wanted;
  if (!options.buckets.empty()) wanted.bucket = options.buckets.front().name;
  DefaultRam made = make_default_ram(wanted);
  auto directory = read_ram_document(made.document.reveal(), "the document made at start");
  if (!directory) return fail(std::move(directory.error()));
  out.directory = std::move(*directory);
  out.role_arn = made.role_arn;
  out.vending = {made.vending_key_id, std::move(made.vending_key_secret)};
  out.admin = {made.admin_key_id, std::move(made.admin_key_secret)};
  return out;
}

Result<BucketOptions> bucket_options(const BucketSetup& setup) {
  BucketOptions out{setup.name, setup.acl, setup.storage_class, Versioning::kOff,
                    setup.hierarchical_namespace};
  if (!is_bucket_name(setup.name))
    return fail(Errc::kInvalid, "not a name for a bucket: " + printable(setup.name));
  if (setup.versioning == "Enabled")
    out.versioning = Versioning::kEnabled;
  else if (setup.versioning == "Suspended")
    out.versioning = Versioning::kSuspended;
  else if (!setup.versioning.empty())
    return fail(Errc::kInvalid, "bucket " + setup.name +
                                    ": versioning is Enabled, Suspended or nothing, not " +
                                    printable(setup.versioning));
  if (!is_bucket_acl(out.acl))
    return fail(Errc::kInvalid, "bucket " + setup.name +
                                    ": the ACL is private, public-read or public-read-write, not " +
                                    printable(out.acl));
  if (!is_storage_class(out.storage_class))
    return fail(Errc::kInvalid, "bucket " + setup.name + ": there is no storage class " +
                                    printable(out.storage_class));
  if (out.hierarchical && out.versioning != Versioning::kOff)
    return fail(Errc::kInvalid,
                "bucket " + setup.name + ": a hierarchical namespace excludes versioning");
  return out;
}

Result<Switches> switches_of(const std::vector<std::string>& settings) {
  Switches out;
  for (const std::string& setting : settings) {
    const auto equals = setting.find('=');
    const std::string value = equals == std::string::npos ? "on" : setting.substr(equals + 1);
    if ((value != "on" && value != "off") ||
        !set_switch(out, setting.substr(0, equals), value == "on"))
      return fail(Errc::kInvalid, "no such switch, or not on or off: " + printable(setting));
  }
  return out;
}

Result<std::shared_ptr<Storage>> storage_of(const SimulatorOptions& options) {
  if (options.storage_directory.empty()) return Storage::in_memory(options.memory_max_bytes);
  if (auto made = make_directories(options.storage_directory); !made)
    return fail(std::move(made.error()));
  return Storage::in_directory(options.storage_directory);
}

class SimulatorImpl final : public Simulator {
 public:
  SimulatorImpl(const SimulatorOptions& options, Identities identities,
                std::shared_ptr<Storage> storage, const Clock& clock)
      : identities_(std::move(identities)),
        address_(options.address),
        scheme_(options.tls_certificate_file.empty() ? "http" : "https"),
        cloud_(
            options.region, identities_.directory,
            StsOptions{.region = options.region, .allow_short_tokens = options.allow_short_tokens},
            std::move(storage), clock) {
    services_.set_profile(options.profile);
    cloud_.set_clock_offset(options.clock_offset);
  }

  Result<void> prepare(const SimulatorOptions& options);
  Result<void> set_up(const BucketSetup& setup);
  Result<void> listen(const SimulatorOptions& options);

  std::string oss_endpoint() const override {
    return scheme_ + "://" + address_ + ":" + std::to_string(oss_->port());
  }
  std::string sts_endpoint() const override {
    return scheme_ + "://" + address_ + ":" + std::to_string(sts_->port());
  }
  std::string admin_endpoint() const override {
    return "http://127.0.0.1:" + std::to_string(admin_->port());
  }
  std::string role_arn() const override { return identities_.role_arn; }
  const SimulatorKey& vending_key() const override { return identities_.vending; }
  const SimulatorKey& admin_key() const override { return identities_.admin; }

 private:
  const Identities identities_;
  const std::string address_;
  const std::string scheme_;
  Cloud cloud_;
  FaultPlan faults_;
  Records records_;
  Services services_{cloud_, faults_, records_, {}, {}};
  // Last: they use all of the above until they are gone.
  std::unique_ptr<HttpServer> oss_;
  std::unique_ptr<HttpServer> sts_;
  std::unique_ptr<HttpServer> admin_;
};

/// A bucket that the directory holds already takes the options given now; what it is cannot change.
Result<void> SimulatorImpl::set_up(const BucketSetup& setup) {
  auto options = bucket_options(setup);
  if (!options) return fail(std::move(options.error()));
  const auto present = cloud_.find_bucket(setup.name);
  if (!present) {
    const auto added = cloud_.add_bucket(std::move(*options));
    return added ? Result<void>() : fail(Errc::kIo, added.error().message);
  }
  if (present->options().hierarchical != options->hierarchical)
    return fail(Errc::kInvalid, "bucket " + setup.name +
                                    " is kept with another kind of namespace, which cannot change");
  const auto changed = present->set_options(*options);
  return changed ? Result<void>() : fail(Errc::kIo, changed.error().message);
}

Result<void> SimulatorImpl::prepare(const SimulatorOptions& options) {
  if (!options.storage_directory.empty()) {
    auto journal = Journal::open(options.storage_directory, cloud_.storage());
    if (!journal) return fail(std::move(journal.error()));
    auto buckets = (*journal)->read();
    if (!buckets) return fail(std::move(buckets.error()));
    cloud_.adopt(std::move(*journal), std::move(*buckets));
  }
  for (const BucketSetup& setup : options.buckets)
    if (auto done = set_up(setup); !done) return done;
  auto switches = switches_of(options.switches);
  if (!switches) return fail(std::move(switches.error()));
  cloud_.set_switches(*switches);
  for (const std::string& fault : options.faults)
    if (auto added = faults_.add(fault); !added) return fail(std::move(added.error()));
  return {};
}

Result<void> SimulatorImpl::listen(const SimulatorOptions& options) {
  HttpServerOptions server{.address = options.address, .threads = options.threads};
  server.line = &services_.line;
  if (options.tls_certificate_file.empty() != options.tls_key_file.empty())
    return fail(Errc::kInvalid, "TLS needs both a certificate and its key");
  if (!options.tls_certificate_file.empty()) {
    auto certificate = read_file(options.tls_certificate_file);
    auto key = read_file(options.tls_key_file);
    if (!certificate) return fail(std::move(certificate.error()), "TLS certificate");
    if (!key) return fail(std::move(key.error()), "TLS key");
    server.tls_certificate = std::move(*certificate);
    server.tls_key = std::move(*key);
  }
  const auto open = [&](std::uint16_t port, auto answer,
                        std::unique_ptr<HttpServer>& out) -> Result<void> {
    server.port = port;
    auto started = HttpServer::start(server, [this, answer](WireRequest request) {
      return answer(services_, std::move(request));
    });
    if (!started) return fail(std::move(started.error()));
    out = std::move(*started);
    return {};
  };
  server.body_idle = options.body_timeout;
  if (auto opened = open(options.oss_port, answer_oss, oss_); !opened) return opened;
  server.body_idle = {};
  server.threads = 1;
  if (auto opened = open(options.sts_port, answer_sts, sts_); !opened) return opened;
  server.address = "127.0.0.1";
  server.tls_certificate.clear();
  server.line = nullptr;
  return open(options.admin_port, answer_admin, admin_);
}

}  // namespace

Result<void> check_options(const SimulatorOptions& options) {
  std::set<std::string> names;
  for (const BucketSetup& setup : options.buckets) {
    if (auto good = bucket_options(setup); !good) return fail(std::move(good.error()));
    if (!names.insert(setup.name).second)
      return fail(Errc::kInvalid, "a bucket is given twice: " + printable(setup.name));
  }
  if (auto good = switches_of(options.switches); !good) return fail(std::move(good.error()));
  FaultPlan plan;
  for (const std::string& fault : options.faults)
    if (auto good = plan.add(fault); !good) return fail(std::move(good.error()));
  return {};
}

Result<std::unique_ptr<Simulator>> Simulator::start(const SimulatorOptions& options,
                                                    const Clock& clock) {
  if (auto good = check_options(options); !good) return fail(std::move(good.error()));
  auto identities = identities_of(options);
  if (!identities) return fail(std::move(identities.error()));
  auto storage = storage_of(options);
  if (!storage) return fail(std::move(storage.error()));
  auto simulator =
      std::make_unique<SimulatorImpl>(options, std::move(*identities), std::move(*storage), clock);
  if (auto ready = simulator->prepare(options); !ready) return fail(std::move(ready.error()));
  if (auto ready = simulator->listen(options); !ready) return fail(std::move(ready.error()));
  if (auto written = write_key(options.vending_key_file, simulator->vending_key()); !written)
    return fail(std::move(written.error()));
  if (auto written = write_key(options.admin_key_file, simulator->admin_key()); !written)
    return fail(std::move(written.error()));
  return simulator;
}

}  // namespace stsfs::sim
