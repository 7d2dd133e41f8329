#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "stsfs/base/clock.h"
#include "stsfs/base/transfer.h"
#include "stsfs/http/body.h"

namespace stsfs::http {

enum class Method { kGet, kHead, kPut, kPost, kDelete };
const char* name_of(Method method);

/// How to reach servers; one engine, one set.
struct EngineOptions {
  int connections_max = 128;  ///< In all; further requests wait their turn.
  int connections_per_host_max = 64;
  std::chrono::milliseconds connect_timeout{5'000};
  /// A transfer that moved less than a byte for so long is given up (kUnavailable), well before its
  /// deadline.
  std::chrono::milliseconds stall_timeout{15'000};
  std::chrono::seconds idle_connection_max{50};
  std::string ca_file;  ///< PEM with the CAs to trust; empty: the system's.
  /// PEM with the certificate to show to a server that asks for one, and its key; empty: none. The
  /// key's file is the owner's only. It may be the same file.
  std::string client_certificate, client_key;
  std::string proxy;  ///< URL; empty: from the environment as curl reads it.
  std::string user_agent = "stsfs";
  std::uint64_t response_body_max_bytes = std::uint64_t{16} << 20;  ///< Of answers without a sink.

  Result<void> validate() const;
};

/// One request. Whoever starts it has signed it already. Redirects are never followed: a signed
/// request must not go elsewhere.
struct Request {
  Method method = Method::kGet;
  std::string url;  ///< Encoded, absolute; http or https.
  Headers headers;
  std::shared_ptr<BodySource> body;  ///< May be null. Its size becomes Content-Length.
  Sink* sink = nullptr;  ///< For 2xx bodies; null: they are collected in `Response::body`.
  Deadline deadline;
  /// Zero: the engine's. Longer for what a server works on before it answers, as copies are.
  std::chrono::milliseconds stall_timeout{0};
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;  ///< Empty when a sink took it; the body of an error otherwise.
};

struct EngineCounters {
  std::uint64_t requests = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t connections_opened = 0;
  int in_flight = 0;
};

/// Many transfers on one thread, over pooled connections.
///
/// An HTTP status of any value is a result, not a failure: what it means is for the layer above.
/// Failures are what kept an answer from coming: kUnavailable (refused, reset, unresolved, stalled,
/// truncated), kTimedOut (the deadline), kProtocol (not HTTP, a body over the
/// limit), kInvalid (TLS: the certificate is not trusted; the message says which and names
/// `cacert=`), and whatever a sink or source said.
///
/// Threads:  `start` and dropping a transfer on any thread; callbacks, sinks and sources on the
///           loop.
/// Lifetime: every transfer must be dropped or done before the engine goes, and nobody may start
///           one while it goes: where completions do, `stop` comes first.
/// Errors name host and path, never headers or the query (they can hold signatures).
class Engine : public Scheduler {
 public:
  static Result<std::unique_ptr<Engine>> create(const EngineOptions& options, const Clock& clock);
  ~Engine() override = default;

  virtual Transfer start(Request request, Callback<Response> done) = 0;
  virtual EngineCounters counters() const = 0;

  /// Ends what is under way, and what its completions start, with kInterrupted, and the loop. When
  /// it returns no callback runs any more; what is started later is never answered.
  virtual void stop() = 0;
};

}  // namespace stsfs::http
