#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "config.h"
#include "service.h"
#include "stsfs/base/result.h"
#include "stsfs/base/secret.h"

namespace stsfs::vend {

struct ServerOptions {
  std::string listen;           ///< `ADDRESS:PORT`, numeric; port 0: any that is free.
  std::string tls_certificate;  ///< PEM text; empty: plain HTTP, refused off loopback.
  Secret tls_key;               ///< PEM text.
  Limits limits;
};

/// The service on a socket. One thread speaks HTTP; passwords are hashed on as many threads as
/// there are CPUs, the rest is served by up to 32 that may wait for STS.
///
/// Bounds: connections in all and from one address, 16 KiB of headers, 8 KiB of body, a total time
/// for each request to arrive (libmicrohttpd's own time-out is inactivity only: a byte a second
/// would pass it), and queues in front of the threads that answer 503 when they are full.
class Server {
 public:
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Service& service);
  virtual ~Server() = default;

  /// `http://127.0.0.1:41234`
  virtual std::string url() const = 0;
  /// Takes no new connections, gives requests under way up to `grace`, then ends.
  virtual void stop(std::chrono::milliseconds grace) = 0;
};

/// Reads certificate and key (0600) as the configuration names them.
Result<ServerOptions> server_options(const Config& config);

}  // namespace stsfs::vend
