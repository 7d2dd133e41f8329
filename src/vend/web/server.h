#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "service.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/result.h"
#include "stsfs/base/secret.h"

namespace stsfs::vend {

struct ServerOptions {
  std::string listen;           ///< `ADDRESS:PORT`, numeric; port 0: any that is free.
  std::string tls_certificate;  ///< PEM text; empty: plain HTTP, refused off loopback.
  Secret tls_key;               ///< PEM text.
  std::string
      tls_client_ca;  ///< PEM text; not empty: clients without a certificate of it are refused.
  std::vector<std::string> trusted_proxies;
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
  /// `listener`: bound already, as open_listener made it.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, UniqueFd listener,
                                               Service& service);
  virtual ~Server() = default;

  /// `http://127.0.0.1:41234`
  virtual std::string url() const = 0;
  /// New connections get the new certificate and limits; those that are open go on as they are.
  /// `listen`, and whether TLS is spoken at all, stay. Errors: kInvalid, kIo; everything is then as
  /// before.
  virtual Result<void> reload(ServerOptions options) = 0;
  /// Refuses new connections, gives requests under way up to `grace`, answers what comes on open
  /// connections for a second and says with each answer that it is the last, then ends.
  virtual void stop(std::chrono::milliseconds grace) = 0;
};

/// A listening socket for these options.
/// Errors: kInvalid for an address that is not numeric, or that without TLS is not loopback.
Result<UniqueFd> open_listener(const std::string& listen, bool tls);

/// Reads certificate and key (0600) as the configuration names them, and tries whether TLS can be
/// spoken with them. Errors: those of the files; kInvalid with the file that is wrong.
Result<ServerOptions> server_options(const Config& config);

}  // namespace stsfs::vend
