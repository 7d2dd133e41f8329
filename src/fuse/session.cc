#include "stsfs/fuse/session.h"

#include <fcntl.h>
#include <fuse_log.h>
#include <poll.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <thread>
#include <utility>

#include "driver.h"
#include "fuse_handles.h"
#include "kernel_io.h"
#include "operations.h"
#include "receivers.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/log.h"
#include "stsfs/fuse/mounts.h"

namespace stsfs::fuse {

Result<void> SessionOptions::validate() const {
  if (mount_point.empty() || mount_point.front() != '/')
    return fail(Errc::kInvalid, "the mount point must be an absolute path: " + mount_point);
  if (receivers < 0 || receivers > 64)
    return fail(Errc::kInvalid, "receivers must be between 0 (automatic) and 64");
  if (background_max < 1 || background_max > 1024)
    return fail(Errc::kInvalid, "background_max must be between 1 and 1024");
  if (read_ahead_kib < 0 || read_ahead_kib > 65'536)
    return fail(Errc::kInvalid, "read_ahead_kib must be between 0 and 65536");
  if (metadata_timeout.count() <= 0 || read_timeout.count() <= 0 || commit_timeout_max.count() <= 0)
    return fail(Errc::kInvalid, "timeouts must be longer than 0");
  return {};
}

namespace {

int receiver_count(const SessionOptions& options) {
  if (options.receivers != 0) return options.receivers;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 4);
}

// --- the session with libfuse ---

/// A comma or backslash in a value would end it.
std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == ',' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string mount_options(const SessionOptions& options) {
  // The kernel checks modes, as on a local disk: they are the ones that the objects carry.
  std::string out = "default_permissions,subtype=stsfs,fsname=" + escaped(options.source);
  if (options.allow_other) out += ",allow_other";
  if (options.read_only) out += ",ro";
  for (const std::string& option : options.kernel_options) out += "," + escaped(option);
  return out;
}

// With the mount gone this only frees libfuse's own. Otherwise (detached, but files are open on it)
// fuse_session_unmount would unmount whatever is at that path by now.
void destroy_session(fuse_session* session) noexcept {
  pollfd device{.fd = fuse_session_fd(session), .events = 0, .revents = 0};
  const bool gone = poll(&device, 1, 0) == 1 && (device.revents & POLLERR) != 0;
  if (gone) fuse_session_unmount(session);
  fuse_session_destroy(session);
}

void init(void* userdata, fuse_conn_info* connection) noexcept {
  const SessionOptions& options = static_cast<Driver*>(userdata)->options();
  // Pages go when we say so, and not because a write of ours changed the mtime.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_SPLICE_READ |
                                             FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
  // After an asynchronous write with O_DIRECT the kernel leaves in place pages that others filled
  // while it was on its way, as old as they are; after one that it waits for it drops them. Source:
  // Linux 6.18, fuse_direct_IO, kiocb_invalidate_post_direct_write.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_ASYNC_DIO);
  connection->want |= connection->capable & FUSE_CAP_EXPLICIT_INVAL_DATA;
  // The kernel takes the smaller of this, which is 128 KiB unless said, and of what the device has
  // (raise_read_ahead).
  if (options.read_ahead_kib != 0)
    connection->max_readahead = static_cast<unsigned>(options.read_ahead_kib) * 1024;
  connection->max_background = static_cast<unsigned>(options.background_max);
  connection->congestion_threshold = static_cast<unsigned>(options.background_max * 3 / 4);
  connection->time_gran = 1;
}

fuse_lowlevel_ops all_operations() {
  fuse_lowlevel_ops operations{};
  operations.init = init;
  add_name_operations(operations);
  add_attribute_operations(operations);
  add_space_operations(operations);
  add_file_operations(operations);
  add_directory_operations(operations);
  return operations;
}

void log_libfuse(fuse_log_level level, const char* format, va_list arguments) noexcept {
  std::array<char, 1024> line;
  vsnprintf(line.data(), line.size(), format, arguments);
  const std::string_view text = line.data();
  const bool ends = text.ends_with('\n');
  log_line(level <= FUSE_LOG_ERR ? LogLevel::kError : LogLevel::kDebug, "libfuse",
           ends ? text.substr(0, text.size() - 1) : text);
}

// The session's userdata is the driver, which therefore lives as long.
Result<FuseSession> new_session(const SessionOptions& options,
                                const std::shared_ptr<Driver>& driver) {
  fuse_set_log_func(log_libfuse);
  std::string program = "stsfs", option_flag = "-o", debug_flag = "-d",
              list = mount_options(options);
  std::vector<char*> arguments{program.data(), option_flag.data(), list.data()};
  if (options.debug) arguments.push_back(debug_flag.data());
  fuse_args args = FUSE_ARGS_INIT(static_cast<int>(arguments.size()), arguments.data());
  const fuse_lowlevel_ops operations = all_operations();
  fuse_session* raw = fuse_session_new(&args, &operations, sizeof(operations), driver.get());
  fuse_opt_free_args(&args);
  if (raw == nullptr)
    return fail(Errc::kInvalid, "libfuse does not take the mount options: " + list);
  // Its reference goes with the session itself: the driver's weak one keeps the control block, and
  // this deleter in it, alive.
  return FuseSession(
      raw, [owned = std::shared_ptr<Driver>(driver)](fuse_session* session) mutable noexcept {
        destroy_session(session);
        owned.reset();
      });
}

// --- the kernel's read-ahead ---

/// The kernel's own 128 KiB keeps too few reads waiting while bytes are on their way. Only root
/// may. Before INIT is answered.
void raise_read_ahead(const SessionOptions& options, const MountEntry& mount) {
  if (options.read_ahead_kib == 0 || geteuid() != 0) return;
  const std::string path = "/sys/class/bdi/" + mount.device + "/read_ahead_kb";
  const std::string value = std::to_string(options.read_ahead_kib);
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), value.data(), value.size()) < 0)
    log_info("fuse", "read-ahead stays at the kernel's default: {} cannot be written", path);
}

// --- the mount ---

/// `0:45` as st_dev says it.
dev_t device_number(const std::string& device) {
  unsigned major = 0, minor = 0;
  if (std::sscanf(device.c_str(), "%u:%u", &major, &minor) != 2) return 0;
  return makedev(major, minor);
}

class MountedSession final : public Session {
 public:
  MountedSession(FuseSession session, std::shared_ptr<Driver> driver, Notifier& notifier,
                 const Clock& clock, std::function<void()> ended)
      : session_(std::move(session)),
        driver_(std::move(driver)),
        notifier_(notifier),
        clock_(clock),
        receivers_(session_, receiver_count(driver_->options()), std::move(ended)) {}

  ~MountedSession() override {
    interrupt_all();
    if (!wait_ended(Deadline::in(clock_, std::chrono::nanoseconds(0)))) take_out_of_the_tree();
    receivers_.stop();
    notifier_.detach();
  }

  /// Of a mount that was detached, another one may have the place by now.
  Result<void> unmount(bool lazy) override {
    const std::string& mount_point = driver_->options().mount_point;
    const auto there = find_mount(mount_point);
    const bool known = driver_->device() != 0;
    if (there && known && (!*there || device_number((*there)->device) != driver_->device()))
      return fail(Errc::kNotFound, mount_point + " is not mounted by this daemon any more");
    return fuse::unmount(mount_point, lazy);
  }

  bool wait_ended(Deadline deadline) override { return receivers_.wait_ended(clock_, deadline); }
  void interrupt_all() override { driver_->interrupter().raise_all(); }
  SessionCounters counters() const override { return driver_->counters(); }

 private:
  void take_out_of_the_tree() {
    auto done = unmount(true);
    if (!done && done.error().code != Errc::kNotFound)
      log_warning("fuse", "{}", done.error().message);
  }

  const FuseSession session_;
  const std::shared_ptr<Driver> driver_;
  Notifier& notifier_;
  const Clock& clock_;
  Receivers receivers_;  // last: it uses all of the above
};

/// libfuse tells no reason.
Error refused_mount(const SessionOptions& options) {
  if (options.allow_other && geteuid() != 0 && !users_may_allow_others())
    return {Errc::kNotPermitted,
            "allow_other, at " + options.mount_point +
                ", is for root, unless root writes a line user_allow_other into /etc/fuse.conf: "
                "leave it out, or have that line written",
            {}};
  return {Errc::kIo,
          "the kernel refused to mount at " + options.mount_point +
              "; is /dev/fuse there, and may you use it?",
          {}};
}

}  // namespace

Result<std::unique_ptr<Session>> Session::mount(const SessionOptions& options,
                                                fs::FileSystem& file_system, WorkerPool& pool,
                                                Notifier& notifier, const Clock& clock,
                                                std::function<void()> ended) {
  if (auto valid = options.validate(); !valid) return fail(std::move(valid.error()));
  auto driver = std::make_shared<Driver>(options, file_system, pool, clock);
  auto session = new_session(options, driver);
  if (!session) return fail(std::move(session.error()));
  driver->attach(*session);
  if (fuse_session_mount(session->get(), options.mount_point.c_str()) != 0)
    return fail(refused_mount(options));
  if (auto hooked = use_kernel_io(session->get()); !hooked) {
    (void)fuse::unmount(options.mount_point, true);
    return fail(std::move(hooked.error()));
  }
  if (const auto mount = find_mount(options.mount_point); mount && *mount) {
    driver->device_is(device_number((*mount)->device));
    raise_read_ahead(options, **mount);
  }
  notifier.attach(*session);
  return std::make_unique<MountedSession>(std::move(*session), std::move(driver), notifier, clock,
                                          std::move(ended));
}

}  // namespace stsfs::fuse
