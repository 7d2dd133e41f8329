#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "stsfs/base/fd.h"

namespace stsfs::sim {

/// One connection to a loopback port, byte by byte under the test's control. Waits at most 20 s.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval limit{20, 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    EXPECT_EQ(connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0)
        << strerror(errno);
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(count, 0) << strerror(errno);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  /// Up to and including the blank line.
  std::string read_head() {
    while (buffer_.find("\r\n\r\n") == std::string::npos && fill()) {
    }
    return take(std::min(buffer_.size(), buffer_.find("\r\n\r\n") + 4));
  }
  /// Shorter when the server ends the connection.
  std::string read_body(std::size_t size) {
    while (buffer_.size() < size && fill()) {
    }
    return take(std::min(buffer_.size(), size));
  }
  std::string read_all() {
    while (fill()) {
    }
    return take(buffer_.size());
  }
  /// The errno that the connection ended with; 0 while it goes on, or when it was closed in order.
  int error() const { return error_; }
  /// Leaves the way a killed process with unread bytes does.
  void leave() { fd_.reset(); }

 private:
  bool fill() {
    char bytes[65'536];
    const ssize_t count = recv(fd_.get(), bytes, sizeof bytes, 0);
    if (count < 0) error_ = errno;
    if (count <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }
  std::string take(std::size_t size) {
    std::string out = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return out;
  }

  UniqueFd fd_;
  std::string buffer_;
  int error_ = 0;
};

}  // namespace stsfs::sim
