#include "receivers.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>

#include "raw_request.h"
#include "stsfs/base/handle.h"

namespace stsfs::fuse {
namespace {

using Memory = Handle<void, ::free>;

// A receiver sits in read(2) on /dev/fuse. What gets it out when the mount stays is a signal, which
// makes the read fail with EINTR. The signal may come just before the read; so it is repeated until
// they left.
constexpr std::chrono::milliseconds kWakeInterval{10};

int wake_signal() { return SIGRTMIN + 3; }

void install_wake_signal() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigemptyset(&action.sa_mask);
  sigaction(wake_signal(), &action, nullptr);  // without SA_RESTART
}

}  // namespace

Receivers::Receivers(FuseSession session, int count, std::function<void()> ended)
    : session_(std::move(session)), ended_(std::move(ended)), running_(count) {
  install_wake_signal();
  for (int i = 0; i < count; ++i) threads_.emplace_back([this] { receive(); });
}

void Receivers::receive() {
  pthread_setname_np(pthread_self(), "fuse-receiver");
  fuse_buf buffer{};
  Memory memory;  // libfuse allocates it with the first request and takes it again for the next
  while (fuse_session_exited(session_.get()) == 0) {
    const int size = fuse_session_receive_buf(session_.get(), &buffer);
    if (memory == nullptr) memory.reset(buffer.mem);
    if (size == -EINTR) continue;
    if (size <= 0) break;
    set_current_kills_set_id(
        asks_to_kill_set_id({static_cast<const std::byte*>(buffer.mem), buffer.size}));
    fuse_session_process_buf(session_.get(), &buffer);
  }
  fuse_session_exit(session_.get());
  leave();
}

void Receivers::leave() {
  bool last = false;
  {
    MutexLock lock(mutex_);
    last = --running_ == 0;
    left_.notify_all();
  }
  if (last && ended_) ended_();
}

void Receivers::stop() {
  fuse_session_exit(session_.get());
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (running_ == 0) break;
      left_.wait_for(mutex_, kWakeInterval);
      if (running_ == 0) break;
    }
    for (auto& thread : threads_) pthread_kill(thread.native_handle(), wake_signal());
  }
  threads_.clear();
}

bool Receivers::wait_ended(const Clock& clock, Deadline deadline) {
  MutexLock lock(mutex_);
  while (running_ != 0 && !deadline.passed(clock)) left_.wait_for(mutex_, deadline.left(clock));
  return running_ == 0;
}

}  // namespace stsfs::fuse
