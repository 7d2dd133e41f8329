#include "canonical.h"

#include <algorithm>

#include <openssl/crypto.h>

#include "stsfs/base/text.h"

namespace stsfs::sign {

std::string sorted_query(const Pairs& query, const std::function<bool(std::string_view)>& is_bare) {
  Pairs encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query)
    encoded.emplace_back(percent_encode(name), percent_encode(value));
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    if (!out.empty()) out += '&';
    out += name;
    if (!value.empty() || !is_bare(name)) out.append("=").append(value);
  }
  return out;
}

std::string string_to_sign(std::string_view algorithm, std::string_view date,
                           std::string_view scope, std::string_view canonical_request) {
  std::string out(algorithm);
  out.append("\n").append(date).append("\n").append(scope).append("\n");
  return out + hex_lower(sha256(canonical_request));
}

Sha256 signing_key(std::string_view prefix, std::string_view secret,
                   std::initializer_list<std::string_view> scope) {
  std::string start;
  start.reserve(prefix.size() + secret.size());  // which moves nothing of the secret
  start.append(prefix).append(secret);
  Sha256 key{};
  std::span<const std::byte> last = as_bytes(start);
  for (const std::string_view part : scope) {
    Sha256 next = hmac_sha256(last, part);
    key = next;
    last = key;
    OPENSSL_cleanse(next.data(), next.size());
  }
  OPENSSL_cleanse(start.data(), start.size());
  return key;
}

}  // namespace stsfs::sign
