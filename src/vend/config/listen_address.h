#pragma once

#include <sys/socket.h>

#include <string>

#include "stsfs/base/fd.h"
#include "stsfs/base/result.h"

namespace stsfs::vend {

/// A numeric address and port.
struct ListenAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  bool loopback = false;
};

/// `127.0.0.1:7443`, `[::1]:7443`; kInvalid for names: they could resolve to something else
/// tomorrow.
Result<ListenAddress> parse_listen_address(const std::string& text);
/// That it is one, and that without TLS it is on loopback. Errors: kInvalid.
Result<void> check_listen(const std::string& text, bool tls);
/// A listening TCP socket there.
Result<UniqueFd> listen_on(const ListenAddress& address);
/// The address without its port.
std::string host_of(const sockaddr* address);
/// `127.0.0.1:41234`, `[::1]:41234` of a bound socket.
std::string bound_address(int fd);

}  // namespace stsfs::vend
