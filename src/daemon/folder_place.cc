#include "folder_place.h"

namespace stsfs::daemon {
namespace {

oss::UrlStyle url_style(UrlStyleChoice choice) {
  switch (choice) {
    case UrlStyleChoice::kAutomatic:
      return oss::UrlStyle::kAutomatic;
    case UrlStyleChoice::kVirtualHosted:
      return oss::UrlStyle::kVirtualHosted;
    case UrlStyleChoice::kPath:
      return oss::UrlStyle::kPath;
  }
  return oss::UrlStyle::kAutomatic;
}

}  // namespace

Result<credentials::Folder> place_of(const MountSource& source, const MountOptions& options,
                                     const std::optional<credentials::Folder>& granted) {
  credentials::Folder place = granted.value_or(credentials::Folder{});
  if (const auto* bucket = std::get_if<BucketSource>(&source)) {
    place.bucket = bucket->bucket;
    place.prefix = bucket->prefix;
    place.endpoint = options.endpoint;
    place.region = options.region;
  }
  if (place.endpoint.empty()) place.endpoint = options.endpoint;
  if (place.region.empty()) place.region = options.region;
  place.hierarchical_namespace = place.hierarchical_namespace || options.hierarchical_namespace;
  if (place.bucket.empty() || place.endpoint.empty())
    return fail(Errc::kProtocol,
                "the vending server does not say where the folder is; mount "
                "oss://bucket/prefix with endpoint= and vend=" +
                    options.vend);
  return place;
}

oss::OssStoreOptions store_options(const MountOptions& options, const credentials::Folder& place) {
  return {.endpoint = place.endpoint,
          .region = place.region,
          .bucket = place.bucket,
          .url_style = url_style(options.url_style),
          .signature = options.signature_version == 1 ? oss::SignatureVersion::kV1
                                                      : oss::SignatureVersion::kV4,
          .hierarchical_namespace = place.hierarchical_namespace};
}

}  // namespace stsfs::daemon
