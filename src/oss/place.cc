#include "place.h"

#include <arpa/inet.h>

#include <algorithm>

#include "stsfs/base/text.h"

namespace stsfs::oss {
namespace {

struct Endpoint {
  std::string scheme;
  std::string host;  ///< With its port, if any.
};

Result<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint out;
  const auto scheme_end = text.find("://");
  out.scheme =
      scheme_end == std::string_view::npos ? "https" : to_lower(text.substr(0, scheme_end));
  if (scheme_end != std::string_view::npos) text.remove_prefix(scheme_end + 3);
  if (text.ends_with('/')) text.remove_suffix(1);
  const bool good_scheme = out.scheme == "https" || out.scheme == "http";
  const bool good_host = !text.empty() && text.find_first_of("/?#@ \t\r\n\\%") == text.npos;
  if (!good_scheme || !good_host)
    return fail(Errc::kInvalid, "endpoint \"" + printable(text) +
                                    "\" is not of the form https://oss-cn-hangzhou.aliyuncs.com");
  out.host = to_lower(text);
  return out;
}

/// Without the port, and without the brackets of IPv6.
std::string bare_host(std::string_view host) {
  if (host.starts_with('[')) return std::string(host.substr(1, host.find(']') - 1));
  return std::string(host.substr(0, host.find(':')));
}

bool wants_path_style(const std::string& host) {
  in6_addr address{};
  const std::string bare = bare_host(host);
  return bare == "localhost" || bare.ends_with(".localhost") ||
         inet_pton(AF_INET, bare.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, bare.c_str(), &address) == 1;
}

// Source: OSS documentation, "Bucket naming": 3 to 63 of a-z, 0-9 and -, not at either end.
Result<void> check_bucket(std::string_view bucket) {
  const bool good_characters = std::all_of(bucket.begin(), bucket.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (bucket.size() < 3 || bucket.size() > 63 || !good_characters || bucket.front() == '-' ||
      bucket.back() == '-')
    return fail(Errc::kInvalid,
                "\"" + printable(bucket) + "\" is no bucket's name: 3 to 63 of a-z, 0-9 and -");
  return {};
}

}  // namespace

std::string standard_region(std::string_view region) {
  if (region.starts_with("oss-")) region.remove_prefix(4);
  return std::string(region);
}

Result<void> OssStoreOptions::validate() const {
  if (auto parsed = parse_endpoint(endpoint); !parsed) return fail(parsed.error());
  if (auto good = check_bucket(bucket); !good) return good;
  const bool good_region = region.find_first_of("/ \t\r\n,=") == std::string::npos;
  if (!good_region || (signature == SignatureVersion::kV4 && standard_region(region).empty()))
    return fail(Errc::kInvalid,
                "region \"" + printable(region) + "\": name the bucket's region, as cn-hangzhou");
  return {};
}

Result<Place> Place::of(const OssStoreOptions& options) {
  if (auto good = options.validate(); !good) return fail(good.error());
  const auto endpoint = parse_endpoint(options.endpoint);
  if (!endpoint) return fail(endpoint.error());
  const bool path_style =
      options.url_style == UrlStyle::kPath ||
      (options.url_style == UrlStyle::kAutomatic && wants_path_style(endpoint->host));
  Place place;
  place.bucket_ = options.bucket;
  place.base_ = endpoint->scheme + "://" +
                (path_style ? endpoint->host + "/" + options.bucket + "/"
                            : options.bucket + "." + endpoint->host + "/");
  return place;
}

std::string Place::url(std::string_view key, const sign::Pairs& query) const {
  std::string out = base_ + percent_encode_path(key);
  char separator = '?';
  for (const auto& [name, value] : query) {
    out += separator;
    out += percent_encode(name);
    if (!value.empty()) out += "=" + percent_encode(value);
    separator = '&';
  }
  return out;
}

}  // namespace stsfs::oss
