#include "stsfs/sign/rpc.h"

#include <algorithm>
#include <map>
#include <set>

#include <openssl/crypto.h>

#include "canonical.h"
#include "stsfs/base/text.h"
#include "stsfs/sign/digest.h"

namespace stsfs::sign {
namespace rpc {

std::string string_to_sign(std::string_view method, const Pairs& parameters) {
  return std::string(method) + "&%2F&" + percent_encode(sorted_query(parameters));
}

std::string signature(std::string_view access_key_secret, std::string_view string_to_sign) {
  std::string key(access_key_secret);
  key += '&';
  std::string out = base64_encode(hmac_sha1(key, string_to_sign));
  OPENSSL_cleanse(key.data(), key.size());
  return out;
}

}  // namespace rpc

namespace acs3 {
namespace {

/// Trimmed values by lower-case name; several values of one name sorted and joined by commas.
std::map<std::string, std::string> folded(const Pairs& headers) {
  std::map<std::string, std::multiset<std::string>> values;
  for (const auto& [name, value] : headers) values[to_lower(name)].emplace(trim(value));
  std::map<std::string, std::string> out;
  for (const auto& [name, all] : values) {
    std::string& joined = out[name];
    for (const std::string& value : all) joined += (joined.empty() ? "" : ",") + value;
  }
  return out;
}

}  // namespace

std::string signed_headers_of(const Pairs& headers) {
  std::string out;
  for (const auto& [name, value] : folded(headers)) {
    if (name != "host" && name != "content-type" && !name.starts_with("x-acs-")) continue;
    out += (out.empty() ? "" : ";") + name;
  }
  return out;
}

std::string canonical_request(std::string_view method, std::string_view uri, const Pairs& query,
                              const Pairs& headers, std::string_view signed_headers,
                              std::string_view payload_sha256_hex) {
  const auto values = folded(headers);
  std::string out(method);
  out.append("\n").append(uri.empty() ? "/" : uri);
  out.append("\n").append(sorted_query(query)).append("\n");
  for (const std::string_view name : split(signed_headers, ';')) {
    const auto found = values.find(std::string(name));
    out.append(name).append(":").append(found == values.end() ? "" : found->second).append("\n");
  }
  return out.append("\n").append(signed_headers).append("\n").append(payload_sha256_hex);
}

std::string signature(std::string_view access_key_secret, std::string_view canonical_request) {
  const std::string to_sign = std::string(kAlgorithm) + "\n" + hex_lower(sha256(canonical_request));
  return hex_lower(hmac_sha256(as_bytes(access_key_secret), to_sign));
}

std::string authorization(std::string_view method, std::string_view uri, const Pairs& query,
                          const Pairs& headers, std::string_view payload_sha256_hex,
                          const KeyPair& key) {
  const std::string names = signed_headers_of(headers);
  const std::string canonical =
      canonical_request(method, uri, query, headers, names, payload_sha256_hex);
  return std::string(kAlgorithm) + " Credential=" + std::string(key.access_key_id) +
         ",SignedHeaders=" + names + ",Signature=" + signature(key.access_key_secret, canonical);
}

}  // namespace acs3
}  // namespace stsfs::sign
