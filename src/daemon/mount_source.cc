#include "mount_source.h"

#include <algorithm>

#include "credential_choice.h"
#include "stsfs/base/text.h"

namespace stsfs::daemon {
namespace {

constexpr std::size_t kSourceMax = 4096;
constexpr std::size_t kPrefixMax = 1000;  // leaves room for a name: a key has at most 1,023 bytes

// OSS documentation, "Bucket naming conventions".
bool is_bucket_name(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  if (name.front() == '-' || name.back() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool is_prefix(std::string_view prefix) {
  if (prefix.empty()) return true;
  if (prefix.size() > kPrefixMax || prefix.find('\0') != std::string_view::npos) return false;
  const auto components = split(prefix.substr(0, prefix.size() - 1), '/');
  return std::none_of(components.begin(), components.end(), [](std::string_view component) {
    return component.empty() || component == "." || component == "..";
  });
}

Result<MountSource> parse_bucket(std::string_view place) {
  const auto slash = place.find('/');
  BucketSource out{
      .bucket = std::string(place.substr(0, slash)),
      .prefix = slash == std::string_view::npos ? "" : std::string(place.substr(slash + 1))};
  if (!is_bucket_name(out.bucket))
    return fail(Errc::kInvalid,
                "no bucket name: " + printable(out.bucket, 80) + " (3 to 63 of a-z, 0-9 and -)");
  if (!out.prefix.empty() && !out.prefix.ends_with('/')) out.prefix += '/';
  if (!is_prefix(out.prefix))
    return fail(Errc::kInvalid, "no prefix for a folder: " + printable(out.prefix, 80) +
                                    " (no empty component, no . or ..)");
  return out;
}

/// `cn-hangzhou` of `https://oss-cn-hangzhou.aliyuncs.com` and of `oss-cn-hangzhou-internal.…`.
std::string region_of(std::string_view endpoint) {
  if (const auto scheme = endpoint.find("://"); scheme != std::string_view::npos)
    endpoint.remove_prefix(scheme + 3);
  constexpr std::string_view kDomain = ".aliyuncs.com", kInternal = "-internal", kStart = "oss-";
  const auto end = endpoint.find(kDomain);
  if (!endpoint.starts_with(kStart) || end == std::string_view::npos) return {};
  std::string_view region = endpoint.substr(kStart.size(), end - kStart.size());
  if (region.ends_with(kInternal)) region.remove_suffix(kInternal.size());
  return std::string(region);
}

}  // namespace

Result<MountSource> parse_source(const std::string& text) {
  if (text.size() > kSourceMax) return fail(Errc::kInvalid, "the source is too long");
  if (text.starts_with("https://") || text.starts_with("http://")) return VendingSource{text};
  constexpr std::string_view kOss = "oss://";
  if (text.starts_with(kOss)) return parse_bucket(std::string_view(text).substr(kOss.size()));
  return fail(Errc::kInvalid, printable(text, 80) +
                                  " is neither a vending server (https://vend.example.com) nor a "
                                  "folder (oss://bucket/prefix)");
}

Result<MountOptions> fit_to_source(MountOptions options, const MountSource& source) {
  if (options.region.empty()) options.region = region_of(options.endpoint);
  if (std::holds_alternative<VendingSource>(source)) {
    if (options.credentials != CredentialKind::kVending &&
        options.credentials != CredentialKind::kAutomatic)
      return fail(Errc::kInvalid,
                  "a vending server gives the credentials itself: leave credentials= "
                  "out, or mount oss://bucket/prefix");
    options.credentials = CredentialKind::kVending;
    options.vend = std::get<VendingSource>(source).url;
    return options;
  }
  if (auto whole = check_credentials(options); !whole) return fail(std::move(whole.error()));
  if (options.endpoint.empty())
    return fail(Errc::kInvalid,
                "oss:// needs endpoint=URL, such as "
                "endpoint=https://oss-cn-hangzhou.aliyuncs.com");
  if (options.region.empty() && options.signature_version == 4)
    return fail(Errc::kInvalid,
                "the endpoint does not name its region: add region=, such as "
                "region=cn-hangzhou");
  return options;
}

}  // namespace stsfs::daemon
