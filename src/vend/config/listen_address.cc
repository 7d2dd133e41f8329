#include "listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstring>

#include "stsfs/base/text.h"

namespace stsfs::vend {
namespace {

constexpr int kBacklog = 512;

bool set_four(ListenAddress& address, const std::string& host, std::uint16_t port) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &four.sin_addr) != 1) return false;
  std::memcpy(&address.storage, &four, sizeof four);
  address.size = sizeof four;
  address.loopback = (ntohl(four.sin_addr.s_addr) >> 24) == 127;
  return true;
}

bool set_six(ListenAddress& address, const std::string& host, std::uint16_t port) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  if (inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) != 1) return false;
  std::memcpy(&address.storage, &six, sizeof six);
  address.size = sizeof six;
  address.loopback = IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
  return true;
}

}  // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
  const auto colon = text.rfind(':');
  const auto port = colon == std::string::npos ? std::nullopt : parse_u64(text.substr(colon + 1));
  ListenAddress address;
  if (port && *port <= 65535) {
    std::string host = text.substr(0, colon);
    const auto number = static_cast<std::uint16_t>(*port);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed ? set_six(address, host.substr(1, host.size() - 2), number)
                  : set_four(address, host, number))
      return address;
  }
  return fail(
      Errc::kInvalid,
      "an address to listen on reads ADDRESS:PORT or [ADDRESS]:PORT with a numeric address, "
      "not " +
          printable(text));
}

Result<void> check_listen(const std::string& text, bool tls) {
  const auto address = parse_listen_address(text);
  if (!address) return fail(address.error());
  if (tls || address->loopback) return {};
  return fail(Errc::kInvalid, "without TLS only a loopback address is served, not " +
                                  printable(text) + "; remedy: set tls_certificate and tls_key");
}

Result<UniqueFd> listen_on(const ListenAddress& address) {
  UniqueFd fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno("socket");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0)
    return fail_errno("listen: bind");
  if (listen(fd.get(), kBacklog) != 0) return fail_errno("listen");
  return fd;
}

std::string host_of(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address != nullptr && address->sa_family == AF_INET)
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text.data(),
              text.size());
  else if (address != nullptr && address->sa_family == AF_INET6)
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text.data(),
              text.size());
  return text.data();
}

std::string bound_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  const auto* address = reinterpret_cast<const sockaddr*>(&storage);
  const std::string host = host_of(address);
  if (address->sa_family == AF_INET)
    return host + ":" + std::to_string(ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port));
  return "[" + host +
         "]:" + std::to_string(ntohs(reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port));
}

}  // namespace stsfs::vend
