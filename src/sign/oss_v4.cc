#include "stsfs/sign/oss_v4.h"

#include <algorithm>
#include <set>

#include <openssl/crypto.h>

#include "canonical.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/sign/oss_v1.h"

namespace stsfs::sign::v4 {
namespace {

constexpr std::string_view kTerminator = "aliyun_v4_request";
constexpr std::string_view kKeyPrefix = "aliyun_v4";

bool always_signed(std::string_view lower_name) {
  return lower_name == "content-type" || lower_name == "content-md5" ||
         lower_name.starts_with("x-oss-");
}

std::string canonical_uri(const CanonicalInput& input) {
  if (input.bucket.empty()) return "/";
  return "/" + percent_encode(input.bucket) + "/" + percent_encode_path(input.key);
}

std::string canonical_query(const Pairs& query, EmptyValue empty) {
  return sorted_query(query, [&](std::string_view name) {
    return empty == EmptyValue::kBareName ||
           (empty == EmptyValue::kSubresourceBare && v1::is_signed_subresource(name));
  });
}

/// Lower-case names of the headers that `wanted` names, are present, and are not signed anyway;
/// sorted.
std::set<std::string> additional_names(const Pairs& headers,
                                       const std::vector<std::string>& wanted) {
  std::set<std::string> out;
  for (const std::string& name : wanted) {
    const std::string lower = to_lower(name);
    if (always_signed(lower)) continue;
    const bool present = std::any_of(headers.begin(), headers.end(), [&](const auto& header) {
      return equals_ignoring_case(header.first, lower);
    });
    if (present) out.insert(lower);
  }
  return out;
}

std::string join(const std::set<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ";") + name;
  return out;
}

/// Sorted by name; several values of one name stay in the order sent, joined by commas.
std::string canonical_headers(const Pairs& headers, const std::set<std::string>& additional) {
  Pairs lines;
  for (const auto& [name, value] : headers) {
    std::string lower = to_lower(name);
    if (!always_signed(lower) && !additional.contains(lower)) continue;
    const auto same =
        std::find_if(lines.begin(), lines.end(), [&](const auto& l) { return l.first == lower; });
    if (same == lines.end())
      lines.emplace_back(std::move(lower), trim(value));
    else
      same->second.append(",").append(trim(value));
  }
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const auto& [name, value] : lines) out.append(name).append(":").append(value).append("\n");
  return out;
}

std::string payload_hash(const Pairs& headers) {
  for (const auto& [name, value] : headers)
    if (equals_ignoring_case(name, "x-oss-content-sha256")) return value;
  return std::string(kUnsignedPayload);
}

std::string credential_of(std::string_view access_key_id, const Scope& scope) {
  return std::string(access_key_id) + "/" + scope.to_string();
}

std::string authorize(const CanonicalInput& input, const KeyPair& key, WallTime now,
                      const Options& options, const Sha256& signing_key_of_day,
                      const Scope& scope) {
  const std::string to_sign = string_to_sign(format_compact(now), scope,
                                             canonical_request(input, options.additional_headers));
  std::string out(kAlgorithm);
  out += " Credential=" + credential_of(key.access_key_id, scope);
  const std::string additional = join(additional_names(input.headers, options.additional_headers));
  if (!additional.empty()) out += ",AdditionalHeaders=" + additional;
  return out + ",Signature=" + signature(signing_key_of_day, to_sign);
}

}  // namespace

std::string Scope::to_string() const {
  std::string out;
  for (const std::string_view part : {day, region, product}) out.append(part).append("/");
  return out.append(kTerminator);
}

std::string canonical_request(const CanonicalInput& input,
                              const std::vector<std::string>& additional_headers,
                              EmptyValue empty) {
  const auto additional = additional_names(input.headers, additional_headers);
  std::string out(input.method);
  out += "\n" + canonical_uri(input);
  out += "\n" + canonical_query(input.query, empty);
  out += "\n" + canonical_headers(input.headers, additional);
  out += "\n" + join(additional);
  return out + "\n" + payload_hash(input.headers);
}

std::string string_to_sign(std::string_view date, const Scope& scope,
                           std::string_view canonical_request) {
  return sign::string_to_sign(kAlgorithm, date, scope.to_string(), canonical_request);
}

Sha256 signing_key(std::string_view access_key_secret, const Scope& scope) {
  return sign::signing_key(kKeyPrefix, access_key_secret,
                           {scope.day, scope.region, scope.product, kTerminator});
}

std::string signature(const Sha256& signing_key, std::string_view string_to_sign) {
  return hex_lower(hmac_sha256(signing_key, string_to_sign));
}

std::string authorization(const CanonicalInput& input, const KeyPair& key, WallTime now,
                          const Options& options) {
  const std::string day = format_day(now);
  const Scope scope{day, options.region, options.product};
  Sha256 signing = signing_key(key.access_key_secret, scope);
  std::string out = authorize(input, key, now, options, signing, scope);
  OPENSSL_cleanse(signing.data(), signing.size());
  return out;
}

std::string authorization(const CanonicalInput& input, const KeyPair& key, WallTime now,
                          const Options& options, SigningKeyCache& cache) {
  const std::string day = format_day(now);
  const Scope scope{day, options.region, options.product};
  Sha256 signing = cache.get(key.access_key_secret, scope);
  std::string out = authorize(input, key, now, options, signing, scope);
  OPENSSL_cleanse(signing.data(), signing.size());
  return out;
}

Pairs presigned_query(const CanonicalInput& input, const KeyPair& key,
                      std::string_view security_token, WallTime now, std::chrono::seconds expires,
                      const Options& options) {
  const std::string day = format_day(now);
  const Scope scope{day, options.region, options.product};
  const std::string date = format_compact(now);
  Pairs query = input.query;
  query.emplace_back("x-oss-signature-version", kAlgorithm);
  query.emplace_back("x-oss-credential", credential_of(key.access_key_id, scope));
  query.emplace_back("x-oss-date", date);
  query.emplace_back("x-oss-expires", std::to_string(expires.count()));
  if (!security_token.empty()) query.emplace_back("x-oss-security-token", security_token);
  const std::string additional = join(additional_names(input.headers, options.additional_headers));
  if (!additional.empty()) query.emplace_back("x-oss-additional-headers", additional);
  const CanonicalInput whole{input.method, input.bucket, input.key, query, input.headers};
  const std::string to_sign =
      string_to_sign(date, scope, canonical_request(whole, options.additional_headers));
  Sha256 signing = signing_key(key.access_key_secret, scope);
  query.emplace_back("x-oss-signature", signature(signing, to_sign));
  OPENSSL_cleanse(signing.data(), signing.size());
  return query;
}

struct SigningKeyCache::Entry {
  ~Entry() { OPENSSL_cleanse(key.data(), key.size()); }
  Sha256 secret_hash;  // the secret itself is nobody's to keep
  std::string scope;
  Sha256 key;
};

Sha256 SigningKeyCache::get(std::string_view access_key_secret, const Scope& scope) {
  const Sha256 secret_hash = sha256(access_key_secret);
  const std::string scope_text = scope.to_string();
  {
    MutexLock lock(mutex_);
    if (last_ && last_->secret_hash == secret_hash && last_->scope == scope_text) return last_->key;
  }
  auto entry = std::make_shared<Entry>();
  entry->secret_hash = secret_hash;
  entry->scope = scope_text;
  entry->key = signing_key(access_key_secret, scope);
  const Sha256 key = entry->key;
  MutexLock lock(mutex_);
  last_ = std::move(entry);
  return key;
}

}  // namespace stsfs::sign::v4
