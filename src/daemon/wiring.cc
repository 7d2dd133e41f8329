#include "wiring.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "credential_choice.h"
#include "disk_cache.h"
#include "folder_place.h"
#include "memory_size.h"
#include "mount_point.h"
#include "state_lock.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"
#include "stsfs/base/worker_pool.h"
#include "stsfs/credentials/renewer.h"
#include "stsfs/fs/mounted_folder.h"
#include "stsfs/fuse/notifier.h"
#include "stsfs/fuse/session.h"
#include "stsfs/http/engine.h"
#include "stsfs/oss/counting_store.h"
#include "stsfs/oss/oss_store.h"
#include "stsfs/oss/retrying_store.h"

namespace stsfs::daemon {
namespace {

/// A mount right after an umount meets the daemon that is ending.
constexpr std::chrono::seconds kEndingDaemonPatience{5};

using credentials::Renewer;

// How often a refresh looks whether the renewal that it asked for has ended.
constexpr std::chrono::milliseconds kRefreshLook{20};

// --- from options to the layers' own ---

http::EngineOptions engine_options(const MountOptions& options) {
  http::EngineOptions out;
  out.connections_max = options.connections_max + 8;  // and a few for the vending server
  out.connections_per_host_max = options.connections_max;
  out.connect_timeout = options.connect_timeout;
  out.stall_timeout = options.stall_timeout;
  out.ca_file = options.cacert;
  out.client_certificate = options.client_cert;
  out.client_key = options.client_key;
  out.proxy = options.proxy;
  out.user_agent = "stsfs/" STSFS_VERSION;
  return out;
}

fuse::SessionOptions session_options(const MountRequest& request) {
  const MountOptions& options = request.options;
  return {.mount_point = request.mount_point,
          .source = request.source_text,
          .read_only = options.read_only,
          .allow_other = options.allow_other,
          .kernel_options = options.kernel_options,
          .receivers = options.receivers,
          .read_ahead_kib = options.read_ahead_kib,
          .metadata_timeout = options.metadata_timeout,
          .read_timeout = options.read_timeout,
          .debug = request.debug};
}

// More connections than this add nothing on two processors; half of them stay for those who wait.
constexpr int kPrefetchesMax = 32;
constexpr mode_t kAllPermissions = 0777, kFilePermissions = 0666;
// `private`: nobody else writes here, so nothing that is known grows old.
constexpr std::chrono::hours kForEver{24 * 365};
// `cached`: opening a file asks again what was confirmed longer ago than this.
constexpr std::chrono::seconds kOpenFresh{1};

fs::FolderOptions folder_options(const MountOptions& options, const credentials::Folder& place,
                                 std::string staging_directory) {
  fs::FolderOptions out;
  out.prefix = place.prefix;
  out.read_only = options.read_only || place.permissions == credentials::Permissions::kReadOnly;
  out.symlink_objects = !place.hierarchical_namespace;
  out.hierarchical_namespace = place.hierarchical_namespace;
  out.quota_bytes = place.quota_bytes;
  out.used_bytes = place.used_bytes;
  out.acls_hidden = !place.acls.value_or(true);
  out.uid = options.uid.value_or(geteuid());
  out.gid = options.gid.value_or(getegid());
  out.file_mode = options.file_mode.value_or(kFilePermissions & ~options.umask);
  out.directory_mode = options.dir_mode.value_or(kAllPermissions & ~options.umask);
  out.storage_class = options.storage_class.empty() ? place.storage_class : options.storage_class;
  out.acl = options.object_acl;
  out.fresh = options.freshness;
  out.open_fresh = std::min<std::chrono::milliseconds>(kOpenFresh, options.freshness);
  if (options.consistency == Consistency::kStrict) out.fresh = out.open_fresh = {};
  if (options.consistency == Consistency::kPrivate) out.fresh = out.open_fresh = kForEver;
  out.metadata_timeout = options.metadata_timeout;
  out.read_timeout = options.read_timeout;
  out.read_memory_bytes = options.memory_bytes != 0 ? options.memory_bytes : default_read_memory();
  out.prefetches_max = std::max(1, std::min(kPrefetchesMax, options.connections_max / 2));
  out.commit_timeout = std::chrono::duration_cast<std::chrono::seconds>(options.commit_timeout);
  out.commit = options.commit_in_background ? fs::CommitMode::kBackground : fs::CommitMode::kClose;
  out.hard_links = options.hard_links;
  out.strict_exclusive = options.strict_exclusive;
  out.sync_close = options.sync_close;
  out.staging_directory = std::move(staging_directory);
  out.staging_budget_bytes = options.staging_bytes;
  return out;
}

/// Names the folder, and the state where it has one of its own: two daemons share no files.
std::string mount_id(const MountRequest& request, const credentials::Folder& place) {
  std::string out = folder_id(place.endpoint, place.bucket, place.prefix);
  if (!request.options.state.empty()) out += "." + request.options.state;
  return out;
}

/// Below the mount point it would need itself: then nothing is remembered.
std::string attribute_file_of(const MountRequest& request, const credentials::Folder& place) {
  const std::string directory = request.paths.cache + "/" + mount_id(request, place);
  if (request.paths.cache.empty() || is_below(directory, request.mount_point)) return {};
  return directory + "/attributes.db";
}

/// With those that failed first.
control::Pending pending_of(const fs::MountedFolder& folder) {
  std::vector<fs::PendingFile> files = folder.pending();
  std::stable_partition(files.begin(), files.end(),
                        [](const fs::PendingFile& file) { return !file.last_error.empty(); });
  control::Pending out;
  for (fs::PendingFile& file : files) {
    ++(file.aside ? out.aside : out.files);
    if (!file.aside) out.bytes += file.bytes;
    if (out.some.size() < control::kPendingShownMax)
      out.some.push_back({std::move(file.path), file.bytes, std::move(file.last_error),
                          std::move(file.doing), file.aside});
  }
  return out;
}

std::uint64_t resident_bytes() {
  const auto text = read_file("/proc/self/statm", 4096);
  if (!text) return 0;
  const auto fields = split(*text, ' ');
  const auto pages = fields.size() > 1 ? parse_u64(fields[1]) : std::nullopt;
  return pages.value_or(0) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

const char* level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return "trace";
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      return "off";
  }
  return "";
}

// --- the stack ---

class Stack final : public Wiring, public control::Service {
 public:
  Stack(const MountRequest& request, const Clock& clock)
      : request_(request), clock_(clock), started_wall_(clock.wall()), started_(clock.steady()) {}

  ~Stack() override {
    // No request comes any more and none waits; then whoever works for them ends, before what they
    // use.
    if (folder_ != nullptr) folder_->stop();
    session_.reset();
    pool_.reset();
    if (engine_ != nullptr) engine_->stop();
  }

  Result<void> start(std::function<void()> ended) {
    const Deadline deadline = Deadline::in(clock_, request_.options.mount_timeout);
    if (auto done = connect(deadline); !done) return done;
    if (auto done = open_folder(deadline); !done) return done;
    return mount(std::move(ended));
  }

  // --- Wiring ---
  control::Service& service() override { return *this; }
  Result<void> unmount(bool lazy) override { return session_->unmount(lazy); }
  bool wait_ended(Deadline deadline) override { return session_->wait_ended(deadline); }
  void interrupt_operations() override { session_->interrupt_all(); }
  void renew_now() override { renewer_->renew_now(); }
  const std::string& state_directory() const override { return lock_->directory(); }

  // --- control::Service ---
  control::Status status() override;
  control::Pending pending() override { return pending_of(*folder_); }
  Result<void> refresh(Deadline deadline) override;
  void forget(const std::string& path) override { folder_->refresh(path); }
  void hurry() override;
  void set_log_level(LogLevel level) override {
    stsfs::set_log_level(level);
    log_info("daemon", "log level is {}", level_name(level));
  }

 private:
  Result<void> connect(Deadline deadline);
  Result<void> open_folder(Deadline deadline);
  Result<void> mount(std::function<void()> ended);

  const MountRequest request_;
  const Clock& clock_;
  const WallTime started_wall_;
  const SteadyTime started_;
  credentials::Folder place_;
  // In the order in which each needs those before it.
  std::optional<StateLock> lock_;
  std::unique_ptr<http::Engine> engine_;
  std::unique_ptr<Renewer> renewer_;
  std::unique_ptr<oss::OssStore> oss_store_;
  std::unique_ptr<oss::CountingStore> counting_;
  std::unique_ptr<oss::RetryingStore> retrying_;
  std::unique_ptr<DiskCache> disk_cache_;
  std::unique_ptr<fuse::Notifier> notifier_;
  std::unique_ptr<fs::MountedFolder> folder_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<fuse::Session> session_;
};

Result<void> Stack::connect(Deadline deadline) {
  auto engine = http::Engine::create(engine_options(request_.options), clock_);
  if (!engine) return fail(std::move(engine.error()));
  engine_ = std::move(*engine);
  auto source = make_source(
      request_.options, request_.paths.state, [](const char* name) { return getenv(name); },
      *engine_, clock_);
  if (!source) return fail(std::move(source.error()));
  auto renewer = Renewer::start(std::move(*source), {.patience = request_.options.metadata_timeout},
                                clock_, deadline);
  if (!renewer) return fail(std::move(renewer.error()), "no credential");
  renewer_ = std::move(*renewer);
  auto place = place_of(request_.source, request_.options, renewer_->folder());
  if (!place) return fail(std::move(place.error()));
  place_ = std::move(*place);
  if (place_.permissions == credentials::Permissions::kUploadOnly)
    return fail(Errc::kDenied,
                "the folder oss://" + place_.bucket + "/" + place_.prefix +
                    " is for uploading only: what cannot be listed or read is not mounted; remedy: "
                    "upload with another program on the same login (stsfs credentials), or ask who "
                    "runs the vending server for more");
  return {};
}

Result<void> Stack::open_folder(Deadline deadline) {
  const std::string directory = state_directory_of(request_, place_);
  if (is_below(directory, request_.mount_point))
    return fail(Errc::kInvalid,
                "the state directory " + directory +
                    " would lie under the mount point; set another with state_dir=");
  auto lock = StateLock::take(directory, request_.mount_point, kEndingDaemonPatience);
  if (!lock) return fail(std::move(lock.error()));
  lock_ = std::move(*lock);
  auto store =
      oss::OssStore::create(*engine_, *renewer_, clock_, store_options(request_.options, place_));
  if (!store) return fail(std::move(store.error()));
  oss_store_ = std::move(*store);
  counting_ = std::make_unique<oss::CountingStore>(*oss_store_);
  retrying_ = std::make_unique<oss::RetryingStore>(*counting_, *engine_, clock_);
  auto cache = DiskCache::open(request_, place_, *retrying_, *engine_, clock_);
  if (!cache) return fail(std::move(cache.error()));
  disk_cache_ = std::move(*cache);
  fs::FolderOptions options = folder_options(request_.options, place_, directory + "/staging");
  options.attribute_file = attribute_file_of(request_, place_);
  auto folder = fs::MountedFolder::make(disk_cache_ ? disk_cache_->store() : *retrying_, *engine_,
                                        clock_, options);
  if (!folder) return fail(std::move(folder.error()));
  folder_ = std::move(*folder);
  // What is wrong with endpoint, bucket, prefix or credential shows here, before anything is
  // mounted.
  if (auto works = folder_->probe(deadline, nullptr); !works)
    return fail(std::move(works.error()),
                "the folder oss://" + place_.bucket + "/" + place_.prefix + " cannot be listed");
  notifier_ = std::make_unique<fuse::Notifier>();
  folder_->set_notifier(notifier_.get());
  return {};
}

// Commits are started; waiting for them is for whoever asked.
void Stack::hurry() {
  if (auto done = folder_->drain(Deadline::in(clock_, std::chrono::nanoseconds(0))); !done)
    log_debug("daemon", "not all is in OSS yet: {}", done.error().message);
}

Result<void> Stack::mount(std::function<void()> ended) {
  // Not before all else holds: whoever cannot mount again keeps what shows that it is to be done.
  if (auto clear = clear_mount_point(request_.mount_point); !clear) return clear;
  pool_ = std::make_unique<WorkerPool>(WorkerPool::Options{});
  auto session = fuse::Session::mount(session_options(request_), *folder_, *pool_, *notifier_,
                                      clock_, std::move(ended));
  if (!session) return fail(std::move(session.error()));
  session_ = std::move(*session);
  folder_->resume();
  renewer_->on_folder([this](const credentials::Folder& folder) {
    folder_->set_read_only(request_.options.read_only ||
                           folder.permissions == credentials::Permissions::kReadOnly);
    folder_->set_space(folder.quota_bytes, folder.used_bytes);
  });
  return {};
}

control::Status Stack::status() {
  control::Status out;
  out.version = STSFS_VERSION;
  out.pid = getpid();
  out.started_at = started_wall_;
  out.uptime = std::chrono::duration_cast<std::chrono::seconds>(clock_.steady() - started_);
  out.log_level = level_name(log_level());
  out.mount_point = request_.mount_point;
  out.state_directory = state_directory();
  out.source = request_.source_text;
  out.endpoint = place_.endpoint;
  out.region = place_.region;
  out.bucket = place_.bucket;
  out.prefix = place_.prefix;
  const auto granted = renewer_->folder();
  out.read_only = request_.options.read_only ||
                  (granted && granted->permissions == credentials::Permissions::kReadOnly);
  out.credential = renewer_->status();
  out.pending = pending();
  const oss::StoreCounters counters = counting_->counters();
  for (std::size_t i = 0; i < oss::kOperationCount; ++i) {
    const auto& line = counters.by_operation[i];
    out.operations[oss::name_of(static_cast<oss::Operation>(i))] = {line.started, line.failed};
  }
  out.bytes_read = counters.bytes_read;
  out.bytes_written = counters.bytes_written;
  const http::EngineCounters http = engine_->counters();
  out.http_requests = http.requests;
  out.http_bytes_sent = http.bytes_sent;
  out.http_bytes_received = http.bytes_received;
  out.connections_opened = http.connections_opened;
  out.http_in_flight = http.in_flight;
  const fuse::SessionCounters kernel = session_->counters();
  out.kernel_requests = kernel.requests;
  out.kernel_errors = kernel.errors;
  out.kernel_under_way = kernel.under_way;
  out.memory_bytes = resident_bytes();
  if (disk_cache_) {
    const cache::BlockStore::Figures figures = disk_cache_->figures();
    out.disk_cache = {disk_cache_->size_max_bytes(), figures.used_bytes, figures.hits,
                      figures.misses, figures.refused};
  }
  const fs::ReadMemory reading = folder_->read_memory();
  out.read_memory = {.budget_bytes = reading.budget_bytes,
                     .used_bytes = reading.used_bytes,
                     .highest_bytes = reading.highest_bytes,
                     .taken_away = reading.taken_away,
                     .waiting = reading.waiting};
  out.names_left_out = folder_->names_left_out();
  return out;
}

// The renewer says only when one has ended, well or not, by counting it.
Result<void> Stack::refresh(Deadline deadline) {
  const auto ended = [](const credentials::RenewalStatus& status) {
    return status.renewals + status.failures;
  };
  const auto before = ended(renewer_->status());
  renewer_->renew_now();
  while (!deadline.passed(clock_)) {
    const auto status = renewer_->status();
    if (ended(status) != before)
      return status.last_error.empty() ? Result<void>()
                                       : fail(Errc::kCredential, status.last_error);
    std::this_thread::sleep_for(kRefreshLook);
  }
  return fail(Errc::kTimedOut,
              "the renewal did not end in time; stsfs status shows how it goes on");
}

}  // namespace

std::string state_directory_of(const MountRequest& request, const credentials::Folder& place) {
  const MountOptions& options = request.options;
  std::string out = options.state_dir.empty() ? request.paths.state : options.state_dir;
  return out + "/mounts/" + mount_id(request, place);
}

Result<std::unique_ptr<Wiring>> Wiring::build(const MountRequest& request, const Clock& clock,
                                              std::function<void()> ended) {
  auto stack = std::make_unique<Stack>(request, clock);
  if (auto started = stack->start(std::move(ended)); !started)
    return fail(std::move(started.error()));
  return stack;
}

}  // namespace stsfs::daemon
