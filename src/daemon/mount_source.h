#pragma once

#include <string>
#include <variant>

#include "mount_options.h"

namespace stsfs::daemon {

struct VendingSource {
  std::string url;
};
struct BucketSource {
  std::string bucket;
  std::string prefix;  ///< Empty, or ends in `/`.
};
/// What is mounted.
using MountSource = std::variant<VendingSource, BucketSource>;

/// `https://vend.example.com` or `oss://bucket/prefix`. kInvalid otherwise, with both forms named.
Result<MountSource> parse_source(const std::string& text);

/// Completes and checks the options that depend on the source: a vending source is also `vend`;
/// `oss://` needs an endpoint and credentials from somewhere; the region follows from the endpoint
/// where that names it.
Result<MountOptions> fit_to_source(MountOptions options, const MountSource& source);

}  // namespace stsfs::daemon
