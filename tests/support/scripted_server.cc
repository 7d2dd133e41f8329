#include "support/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace stsfs::testing {

bool Connection::fill() {
  std::array<char, 65536> chunk{};
  const ssize_t count = recv(fd_.get(), chunk.data(), chunk.size(), 0);
  if (count <= 0) return false;
  buffer_.append(chunk.data(), static_cast<std::size_t>(count));
  return true;
}

std::string Connection::read_head() {
  for (;;) {
    const auto end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos) {
      std::string head = buffer_.substr(0, end + 4);
      buffer_.erase(0, end + 4);
      return head;
    }
    if (!fill()) return "";
  }
}

std::string Connection::read_body(std::size_t size) {
  while (buffer_.size() < size && fill()) {
  }
  std::string body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return body;
}

bool Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void Connection::reset() {
  const linger now{1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd_.reset();
}

bool Connection::wait_closed(std::chrono::milliseconds time, Unread unread) {
  const auto end = std::chrono::steady_clock::now() + time;
  const short wanted = unread == Unread::kTake ? POLLIN : POLLRDHUP;
  while (std::chrono::steady_clock::now() < end) {
    pollfd poll_fd{fd_.get(), wanted, 0};
    if (poll(&poll_fd, 1, 50) <= 0) continue;
    if (unread == Unread::kLeave || !fill()) return true;
    buffer_.clear();
  }
  return false;
}

ScriptedServer::ScriptedServer(std::function<void(Connection&)> script)
    : script_(std::move(script)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool good =
      bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      listen(listener_.get(), 1024) == 0 &&
      getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (!good) std::abort();
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
  stopping_ = true;
  shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  std::vector<std::jthread> threads;
  {
    MutexLock lock(mutex_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
    threads.swap(threads_);
  }
}

std::string ScriptedServer::url(std::string_view path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
}

void ScriptedServer::accept_all() {
  while (!stopping_) {
    UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) continue;
    ++connections_;
    MutexLock lock(mutex_);
    // A second descriptor, so that shutting down at the end cannot hit one that was closed and
    // reused.
    const int watch = dup(fd.get());
    open_.push_back(watch);
    threads_.emplace_back([this, watch, connection = Connection(std::move(fd))]() mutable {
      script_(connection);
      connection.close();
      MutexLock done(mutex_);
      std::erase(open_, watch);
      ::close(watch);
    });
  }
}

std::string ok_answer(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

}  // namespace stsfs::testing
