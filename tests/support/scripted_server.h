#pragma once

#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "stsfs/base/fd.h"
#include "stsfs/base/mutex.h"

namespace stsfs::testing {

/// One accepted connection, in the hands of a test's script.
class Connection {
 public:
  explicit Connection(UniqueFd fd) : fd_(std::move(fd)) {}

  /// Reads up to and including the blank line after the headers; empty when the peer closed.
  std::string read_head();
  /// Exactly `size` bytes, of what came with the head or after it; shorter when the peer closed.
  std::string read_body(std::size_t size);
  /// False when the peer is gone.
  bool send(std::string_view bytes);
  /// Closes with RST instead of FIN.
  void reset();
  void close() { fd_.reset(); }
  enum class Unread { kTake, kLeave };
  /// Waits until the peer closes or resets; false after `time`. `kLeave` never reads, so that what
  /// the peer sends fills its window.
  bool wait_closed(std::chrono::milliseconds time, Unread unread = Unread::kTake);

 private:
  bool fill();
  UniqueFd fd_;
  std::string buffer_;
};

/// A raw TCP server on a loopback port: each connection is handed to `script` on a thread of its
/// own.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::function<void(Connection&)> script);
  ~ScriptedServer();

  int port() const { return port_; }
  std::string url(std::string_view path = "/") const;
  int connections() const { return connections_; }

 private:
  void accept_all();

  const std::function<void(Connection&)> script_;
  UniqueFd listener_;
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<bool> stopping_ = false;
  Mutex mutex_;
  std::vector<int> open_ STSFS_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_ STSFS_GUARDED_BY(mutex_);
  std::jthread acceptor_;
};

/// "HTTP/1.1 200 OK" with this body and a Content-Length.
std::string ok_answer(std::string_view body);

}  // namespace stsfs::testing
