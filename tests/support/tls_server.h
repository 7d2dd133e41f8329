#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "stsfs/base/fd.h"

namespace stsfs::testing {

/// Certificates made on the spot. PEM.
struct Certificate {
  std::string certificate;
  std::string private_key;
};

struct CertificateOptions {
  std::string host = "127.0.0.1";   ///< A name or an IPv4 address.
  long valid_from_seconds = -3600;  ///< From now.
  long valid_for_seconds = 3600;    ///< From now.
};

Certificate make_ca(const std::string& name);
Certificate issue(const Certificate& ca, const CertificateOptions& options);

/// Answers every request on a loopback port over TLS, one connection after another.
class TlsServer {
 public:
  TlsServer(const Certificate& certificate, std::string answer, int version_max = 0);
  ~TlsServer();

  std::string url(std::string_view path = "/") const;
  int connections() const { return connections_; }
  int sessions_resumed() const { return resumed_; }

 private:
  struct Context;
  void serve();
  void answer(int fd);

  const std::string answer_;
  std::unique_ptr<Context> context_;
  UniqueFd listener_;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  std::atomic<int> resumed_ = 0;
  std::atomic<int> current_ = -1;
  std::jthread thread_;
};

}  // namespace stsfs::testing
