#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stsfs::vend {

/// Whether `address` is one of `blocks`, or lies in one: addresses and CIDR blocks of IPv4 and
/// IPv6.
bool is_among(const std::string& address, const std::vector<std::string>& blocks);

/// Who really asked: `peer`, or, where that is a proxy that we trust, the last address of
/// `X-Forwarded-For` that is none. What stands before it anybody could have written.
std::string client_address(const std::string& peer, std::string_view forwarded_for,
                           const std::vector<std::string>& trusted_proxies);

}  // namespace stsfs::vend
