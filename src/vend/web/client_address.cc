#include "client_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "stsfs/base/text.h"

namespace stsfs::vend {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

/// IPv4 as it is mapped into IPv6 (RFC 4291, section 2.5.5.2), so that both compare alike.
std::optional<Bytes> parse(const std::string& text) {
  Bytes bytes{};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  if (inet_pton(AF_INET, text.c_str(), bytes.data() + 12) != 1) return std::nullopt;
  bytes[10] = bytes[11] = 0xff;
  return bytes;
}

bool share(const Bytes& a, const Bytes& b, std::size_t bits) {
  if (std::memcmp(a.data(), b.data(), bits / 8) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - bits % 8));
  return (a[bits / 8] & mask) == (b[bits / 8] & mask);
}

}  // namespace

bool is_among(const std::string& address, const std::vector<std::string>& blocks) {
  const auto bytes = parse(address);
  if (!bytes) return false;
  return std::any_of(blocks.begin(), blocks.end(), [&](const std::string& block) {
    const auto slash = block.find('/');
    const std::string network = block.substr(0, slash);
    const auto base = parse(network);
    const bool four = network.find(':') == std::string::npos;
    std::uint64_t bits = four ? 32 : 128;
    if (slash != std::string::npos)
      bits = std::min(bits, parse_u64(block.substr(slash + 1)).value_or(bits));
    return base && share(*bytes, *base, bits + (four ? 96 : 0));
  });
}

std::string client_address(const std::string& peer, std::string_view forwarded_for,
                           const std::vector<std::string>& trusted_proxies) {
  if (forwarded_for.empty() || !is_among(peer, trusted_proxies)) return peer;
  const auto hops = split(forwarded_for, ',');
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    std::string address(trim(*hop));
    if (!parse(address)) return peer;
    if (!is_among(address, trusted_proxies)) return address;
  }
  return peer;
}

}  // namespace stsfs::vend
