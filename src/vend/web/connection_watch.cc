#include "connection_watch.h"

#include <sys/socket.h>

namespace stsfs::vend {
namespace {

constexpr std::chrono::milliseconds kLookEvery{250};

}  // namespace

ConnectionWatch::ConnectionWatch(std::chrono::seconds request_timeout,
                                 std::chrono::seconds idle_timeout)
    : request_timeout_(request_timeout),
      idle_timeout_(idle_timeout),
      thread_([this] { watch(); }) {}

ConnectionWatch::~ConnectionWatch() {
  MutexLock lock(mutex_);
  stopping_ = true;
  stop_.notify_all();
}

void ConnectionWatch::watch() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    const Time now = std::chrono::steady_clock::now();
    for (auto& [fd, until] : until_) {
      if (until > now) continue;
      shutdown(fd, SHUT_RDWR);  // libmicrohttpd sees the end and closes it
      until = Time::max();
    }
    stop_.wait_for(mutex_, kLookEvery);
  }
}

void ConnectionWatch::set(int fd, Time until) {
  MutexLock lock(mutex_);
  if (const auto found = until_.find(fd); found != until_.end()) found->second = until;
}

void ConnectionWatch::opened(int fd) {
  MutexLock lock(mutex_);
  until_[fd] = std::chrono::steady_clock::now() + request_timeout_;
}

void ConnectionWatch::closed(int fd) {
  MutexLock lock(mutex_);
  until_.erase(fd);
}

void ConnectionWatch::began(int fd) {
  const Time limit = std::chrono::steady_clock::now() + request_timeout_;
  MutexLock lock(mutex_);
  const auto found = until_.find(fd);
  if (found != until_.end() && found->second > limit) found->second = limit;
}
void ConnectionWatch::received(int fd) { set(fd, Time::max()); }
void ConnectionWatch::answered(int fd) {
  set(fd, std::chrono::steady_clock::now() + idle_timeout_);
}

}  // namespace stsfs::vend
