#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "identity/access.h"
#include "store/content.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/result.h"
#include "stsfs/sim/simulator.h"

namespace stsfs::sim {

/// A line that connections share: so many bytes a second over all of them together.
///
/// Threads: every call may be made at once on any thread.
class SharedPace {
 public:
  /// 0: as fast as it goes.
  void set_rate(std::uint64_t bytes_per_second) STSFS_EXCLUDES(mutex_);
  bool is_limited() const STSFS_EXCLUDES(mutex_);
  /// Until the next byte may pass.
  std::chrono::nanoseconds wait() const STSFS_EXCLUDES(mutex_);
  void passed(std::size_t bytes) STSFS_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;  // a leaf
  std::uint64_t rate_ STSFS_GUARDED_BY(mutex_) = 0;
  std::chrono::steady_clock::time_point free_at_ STSFS_GUARDED_BY(mutex_);
};

/// Both ways of one line.
struct SharedLine {
  SharedPace in;
  SharedPace out;

  void set_rate(std::uint64_t bytes_per_second) {
    in.set_rate(bytes_per_second);
    out.set_rate(bytes_per_second);
  }
};

/// How an answer is spoilt or slowed on its way out.
struct Delivery {
  std::chrono::milliseconds delay{0};  ///< Before the first byte.
  std::uint64_t bytes_per_second = 0;  ///< 0: as fast as it goes.
  bool reset = false;                  ///< RST instead of an answer.
  std::optional<std::uint64_t>
      truncate_at;  ///< The connection closes after so many bytes of the body.
  std::optional<std::uint64_t> corrupt_at;  ///< This byte of the body is changed.
  std::optional<std::uint64_t> stall_at;    ///< Here the body pauses, for:
  std::chrono::milliseconds stall{0};
};

struct HttpAnswer {
  int status = 200;
  sign::Pairs headers;
  std::string text;
  std::optional<Content> content;
  std::uint64_t head_size = 0;  ///< Content-Length of an answer to HEAD.
  Delivery delivery;
};

/// One request while it is being received and answered. Made by a Handler, once its headers are
/// there.
///
/// Threads: one at a time.
class Responder {
 public:
  virtual ~Responder() = default;
  /// A piece of the body, in order.
  virtual void take_body(std::string_view bytes) = 0;
  /// The body is complete (or too long to go on).
  virtual HttpAnswer answer() = 0;
  /// Instead of `answer`: nothing more came of the body for `body_idle`. nullopt: the connection
  /// just ends. What its Delivery says counts for nothing.
  virtual std::optional<HttpAnswer> timed_out() { return std::nullopt; }
  /// How fast the body may come; 0: as fast as it goes.
  virtual std::uint64_t upload_bytes_per_second() const { return 0; }
};

using Handler = std::function<std::unique_ptr<Responder>(WireRequest request)>;

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  int threads = 1;
  std::string tls_certificate;  ///< PEM text; empty: plain HTTP.
  std::string tls_key;
  std::chrono::milliseconds body_idle{0};  ///< Waits so long for more of a body; 0: for ever.
  SharedLine* line = nullptr;  ///< What all bodies pass through; null: none. Outlives the server.
};

/// An HTTP/1.1 server on libmicrohttpd. Whatever waits (latency, bandwidth, stalls) is a suspended
/// connection, never a blocked thread.
class HttpServer {
 public:
  static Result<std::unique_ptr<HttpServer>> start(const HttpServerOptions& options,
                                                   Handler handler);
  virtual ~HttpServer() = default;
  virtual std::uint16_t port() const = 0;
};

}  // namespace stsfs::sim
