#pragma once

#include <string>
#include <string_view>

#include "stsfs/base/result.h"
#include "stsfs/oss/oss_store.h"
#include "stsfs/sign/request.h"

namespace stsfs::oss {

/// Where the bucket is on the wire: the one place where a URL is made.
class Place {
 public:
  /// Errors: kInvalid, saying which option is wrong and what it should look like.
  static Result<Place> of(const OssStoreOptions& options);

  /// Encoded and absolute. `key` raw, empty for the bucket itself; a parameter with an empty value
  /// is a bare name.
  std::string url(std::string_view key, const sign::Pairs& query) const;

  const std::string& bucket() const { return bucket_; }

 private:
  std::string bucket_;
  std::string base_;  ///< Up to where the key begins.
};

/// `oss-cn-hangzhou` and `cn-hangzhou` both as the latter.
std::string standard_region(std::string_view region);

}  // namespace stsfs::oss
