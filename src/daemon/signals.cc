#include "signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>

#include "exit_codes.h"
#include "stsfs/base/log.h"
#include "stsfs/fuse/mounts.h"

namespace stsfs::daemon {

Result<Signals> Signals::block() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  UniqueFd fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return fail_errno("signalfd");
  return Signals(std::move(fd));
}

std::optional<int> Signals::take() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof(info)) != sizeof(info)) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

Result<Event> Event::create() {
  UniqueFd fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return fail_errno("eventfd");
  return Event(std::move(fd));
}

void Event::set() const {
  const std::uint64_t one = 1;
  (void)!::write(fd_.get(), &one, sizeof(one));
}

EndOnSignal::EndOnSignal(Signals& signals, std::string mount_point)
    : signals_(signals), mount_point_(std::move(mount_point)), stop_(Event::create()) {
  if (stop_) thread_ = std::jthread([this] { watch(); });
}

EndOnSignal::~EndOnSignal() {
  if (stop_) stop_->set();
}

void EndOnSignal::watch() {
  for (;;) {
    std::array<pollfd, 2> fds{pollfd{signals_.fd(), POLLIN, 0}, pollfd{stop_->fd(), POLLIN, 0}};
    if (poll(fds.data(), fds.size(), -1) < 0) continue;
    if (fds[1].revents != 0) return;
    const auto signal = signals_.take();
    if (signal != SIGTERM && signal != SIGINT) continue;
    log_info("daemon", "ended by a signal before the mount was ready");
    const auto mount = fuse::find_mount(mount_point_);
    if (mount && *mount && (*mount)->type == fuse::kMountType)
      (void)fuse::unmount(mount_point_, true);
    flush_log();
    _exit(kExitInterrupt);
  }
}

}  // namespace stsfs::daemon
