#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "commands.h"
#include "exit_codes.h"
#include "mount_point.h"
#include "paths.h"
#include "status_text.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "stsfs/control/client.h"
#include "stsfs/fuse/mounts.h"
#include "stsfs/staging/journal.h"

namespace stsfs::daemon {
namespace {

constexpr std::chrono::seconds kAskTimeout{10};
constexpr int kLookMilliseconds = 200;
constexpr std::chrono::seconds kLineAtLeastEvery{10};

Deadline soon() { return Deadline::in(system_clock(), kAskTimeout); }

/// The daemon of a mount, to be waited for.
struct Daemon {
  UniqueFd process;  ///< A pidfd: readable when it has ended.
  std::string socket;
  std::string state_directory;
};

/// nullopt when none answers: it was killed, or is another user's, or was started with another
/// XDG_RUNTIME_DIR.
std::optional<Daemon> find_daemon(const Paths& paths, const std::string& mount_point) {
  std::string socket = control_socket_path(paths, mount_point);
  const auto status = control::ask_status(socket, system_clock(), soon());
  if (!status || status->pid <= 0) return std::nullopt;
  UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, status->pid, 0)));
  if (!process) return std::nullopt;
  return Daemon{std::move(process), std::move(socket), status->state_directory};
}

bool has_ended(const Daemon& daemon, int wait_milliseconds) {
  pollfd process{daemon.process.get(), POLLIN, 0};
  return poll(&process, 1, wait_milliseconds) > 0;
}

/// One line that says how it goes: rewritten in place on a terminal, else a new one when the number
/// of files has changed, and now and then.
class ProgressLine {
 public:
  void show(const control::Status& status) {
    const SteadyTime now = system_clock().steady();
    const control::Pending& pending = status.pending;
    const bool is_news = pending.files != files_ || now - last_ >= kLineAtLeastEvery;
    if (pending.files == 0 || (!is_news && !terminal_)) return;
    std::string rate;
    if (last_ != SteadyTime{} && now > last_ && status.bytes_written >= written_) {
      const std::chrono::duration<double> passed = now - last_;
      const auto bytes = static_cast<double>(status.bytes_written - written_);
      rate = ", " + human_bytes(static_cast<std::uint64_t>(bytes / passed.count())) + "/s";
    }
    std::fprintf(stderr, "%swaiting for %s%s, not in OSS yet%s", terminal_ ? "\r\033[K" : "",
                 amount_text(pending.files, pending.bytes).c_str(), rate.c_str(),
                 terminal_ ? "" : "\n");
    files_ = pending.files;
    written_ = status.bytes_written;
    last_ = now;
  }
  ~ProgressLine() {
    if (terminal_ && files_ > 0) std::fputs("\n", stderr);
  }

 private:
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  std::uint64_t files_ = 0;
  std::uint64_t written_ = 0;
  SteadyTime last_;
};

/// Until the daemon has ended; tells what it waits for.
void wait_for(const Daemon& daemon) {
  ProgressLine line;
  while (!has_ended(daemon, kLookMilliseconds)) {
    const auto status = control::ask_status(daemon.socket, system_clock(), soon());
    if (status) line.show(*status);  // else it is about to end
  }
}

/// The journal tells what a daemon has left; what it said itself was before its last moments.
Result<int> say_what_is_left(const Daemon& daemon) {
  auto left = staging::Journal::owed_by(daemon.state_directory + "/staging/journal.db");
  if (!left) return fail(std::move(left.error()), "the daemon ended; what it left is not known");
  if (*left == 0) return kExitOk;
  std::fprintf(stderr,
               "stsfs: the daemon ended with %s not in OSS. All of it is kept: the next "
               "mount goes on with them, `stsfs rescue` shows the files and copies them out\n",
               count_of(*left, "change").c_str());
  return kExitFailed;
}

void say_what_is_pending(const Daemon& daemon) {
  const auto status = control::ask_status(daemon.socket, system_clock(), soon());
  if (!status || status->pending.files == 0) return;
  std::fprintf(stderr, "%s, not in OSS yet: the daemon goes on with it\n",
               amount_text(status->pending.files, status->pending.bytes).c_str());
}

Result<int> umount(const UmountArguments& arguments) {
  auto paths = our_paths();
  if (!paths) return fail(std::move(paths.error()));
  auto mount_point = fuse::resolve_mount_point(arguments.mount_point);
  if (!mount_point) return fail(std::move(mount_point.error()));
  auto mount = fuse::find_mount(*mount_point);
  if (!mount) return fail(std::move(mount.error()));
  const auto daemon = find_daemon(*paths, *mount_point);
  if (*mount && (*mount)->type != fuse::kMountType)
    return fail(Errc::kInvalid,
                *mount_point + " is a mount of type " + (*mount)->type + ", not ours");
  if (*mount) {
    // With its daemon gone nothing can be lost by detaching, and nothing else works.
    const bool dead = !daemon && is_dead_mount(*mount_point);
    auto gone = fuse::unmount(*mount_point, arguments.lazy || dead);
    if (!gone) return fail(std::move(gone.error()));
    if (!daemon && !dead)
      std::fprintf(
          stderr,
          "stsfs: unmounted; its daemon does not answer here and is not waited for. It is "
          "another user's, or runs with another XDG_RUNTIME_DIR; what is not in OSS yet it "
          "goes on with\n");
  } else if (!daemon) {
    return fail(Errc::kNotFound, *mount_point + " is not mounted");
  }
  if (daemon && arguments.no_wait) say_what_is_pending(*daemon);
  if (!daemon || arguments.no_wait) return kExitOk;
  wait_for(*daemon);
  return say_what_is_left(*daemon);
}

}  // namespace

int umount_command(const UmountArguments& arguments) {
  auto code = umount(arguments);
  return code ? *code : report(code.error());
}

}  // namespace stsfs::daemon
