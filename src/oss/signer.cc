#include "signer.h"

#include "stsfs/base/time_format.h"
#include "stsfs/sign/oss_v1.h"

namespace stsfs::oss {

Signer::Signer(Place place, const OssStoreOptions& options)
    : place_(std::move(place)),
      region_(standard_region(options.region)),
      version_(options.signature) {}

http::Request Signer::sign(const RequestSpec& spec, const credentials::Credential& credential,
                           WallTime now, Deadline deadline) {
  const bool v4 = version_ == SignatureVersion::kV4;
  sign::Pairs headers = spec.headers;
  const std::string date = v4 ? format_compact(now) : format_http_date(now);
  headers.emplace_back("x-oss-date", date);
  if (v4) headers.emplace_back("x-oss-content-sha256", sign::v4::kUnsignedPayload);
  if (!credential.security_token.empty())
    headers.emplace_back("x-oss-security-token", credential.security_token.reveal());

  const sign::CanonicalInput input{http::name_of(spec.method), place_.bucket(), spec.key,
                                   spec.query, headers};
  const sign::KeyPair key{credential.access_key_id, credential.access_key_secret.reveal()};
  std::string authorization =
      v4 ? sign::v4::authorization(input, key, now, sign::v4::Options{.region = region_}, keys_)
         : sign::v1::authorization(input, key, date);

  http::Request request{.method = spec.method,
                        .url = place_.url(spec.key, spec.query),
                        .headers = {},
                        .body = spec.body,
                        .deadline = deadline};
  request.headers.reserve(headers.size() + 1);
  for (auto& [name, value] : headers) request.headers.push_back({name, std::move(value)});
  request.headers.push_back({"Authorization", std::move(authorization)});
  return request;
}

}  // namespace stsfs::oss
