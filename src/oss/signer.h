#pragma once

#include "place.h"
#include "requests.h"
#include "stsfs/base/clock.h"
#include "stsfs/credentials/credential.h"
#include "stsfs/sign/oss_v4.h"

namespace stsfs::oss {

/// Makes a request of the engine out of a spec: address, credential, moment, signature.
///
/// Threads: any.
class Signer {
 public:
  Signer(Place place, const OssStoreOptions& options);

  /// `now` by the server's clock.
  http::Request sign(const RequestSpec& spec, const credentials::Credential& credential,
                     WallTime now, Deadline deadline);
  const Place& place() const { return place_; }

 private:
  const Place place_;
  const std::string region_;
  const SignatureVersion version_;
  sign::v4::SigningKeyCache keys_;
};

}  // namespace stsfs::oss
