#include "verify.h"

#include <cassert>

namespace stsfs::sim {

Verdict<Verified> SignatureVerifier::verify(const WireRequest& request,
                                            std::span<const Target> candidates,
                                            const AccessOptions& options) {
  assert(!candidates.empty());
  switch (credential_form_of(request)) {
    case CredentialForm::kNone:
      return Verified{};
    case CredentialForm::kOssV1Header:
      return oss_v1_header(request, candidates, options);
    case CredentialForm::kOssV1Url:
      return oss_v1_url(request, candidates, options);
    case CredentialForm::kOssV4Header:
      return oss_v4_header(request, candidates, options);
    case CredentialForm::kOssV4Url:
      return oss_v4_url(request, candidates, options);
    case CredentialForm::kAwsV4Header:
      return aws_v4_header(request, options);
    case CredentialForm::kAwsV4Url:
      return aws_v4_url(request, options);
    case CredentialForm::kUnknownHeader:
      return tl::unexpected(malformed("Authorization", request.header("authorization").substr(0, 8),
                                      "The authorization mechanism is not supported; sign with "
                                      "OSS4-HMAC-SHA256, OSS or AWS4-HMAC-SHA256.",
                                      "0002-00000061"));
    case CredentialForm::kSeveral:
      return tl::unexpected(malformed("Authorization", "",
                                      "Only one of the Authorization header and the signature in "
                                      "the URL is allowed."));
  }
  return tl::unexpected(malformed("Authorization", "", "Authorization is invalid."));
}

}  // namespace stsfs::sim
