#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stsfs::sign {

/// Name and decoded value.
using Pairs = std::vector<std::pair<std::string, std::string>>;

/// The part of a request that a signature covers, decoded: raw key, raw query values, headers as
/// sent. Both sides form it, the client before it sends and the simulator from what it received.
struct CanonicalInput {
  std::string_view method;  ///< Upper case.
  std::string_view bucket;  ///< Empty for service-level requests.
  std::string_view key;     ///< Raw UTF-8, empty for bucket-level requests.
  const Pairs& query;       ///< In any order; without the signature itself.
  const Pairs& headers;     ///< In any order, names in any case.
};

/// A key pair to sign with. Views: must outlive the call.
struct KeyPair {
  std::string_view access_key_id;
  std::string_view access_key_secret;
};

}  // namespace stsfs::sign
