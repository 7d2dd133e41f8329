#include "verify_parse.h"

#include <algorithm>
#include <map>

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/sign/aws_v4.h"
#include "stsfs/sign/oss_v4.h"
#include "stsfs/sign/rpc.h"

namespace stsfs::sim {
namespace {

using Fields = std::map<std::string, std::string, std::less<>>;

/// `a=1, b=2` behind the name of the algorithm; nullopt when a part has no `=`, or a name twice.
std::optional<Fields> fields_of(std::string_view header, std::string_view algorithm) {
  if (!header.starts_with(algorithm)) return std::nullopt;
  header.remove_prefix(algorithm.size());
  if (header.empty() || (header[0] != ' ' && header[0] != '\t')) return std::nullopt;
  Fields out;
  for (const std::string_view part : split(trim(header), ',')) {
    const std::string_view field = trim(part);
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos || equals == 0) return std::nullopt;
    if (!out.emplace(field.substr(0, equals), field.substr(equals + 1)).second) return std::nullopt;
  }
  return out;
}

/// Moves `name` out of `fields`; empty when it is not there.
std::string take(Fields& fields, std::string_view name) {
  auto node = fields.extract(std::string(name));
  return node.empty() ? std::string() : std::move(node.mapped());
}

}  // namespace

std::optional<CredentialScope> parse_credential(std::string_view text) {
  constexpr std::size_t kScopeParts = 4;
  std::string parts[kScopeParts];
  for (std::size_t i = kScopeParts; i-- > 0;) {
    const std::size_t slash = text.rfind('/');
    if (slash == std::string_view::npos) return std::nullopt;
    parts[i] = text.substr(slash + 1);
    text = text.substr(0, slash);
  }
  if (text.empty()) return std::nullopt;
  return CredentialScope{std::string(text), parts[0], parts[1], parts[2], parts[3]};
}

std::optional<OssV4Authorization> parse_oss_v4(std::string_view header) {
  auto fields = fields_of(header, sign::v4::kAlgorithm);
  if (!fields) return std::nullopt;
  auto credential = parse_credential(take(*fields, "Credential"));
  std::string signature = take(*fields, "Signature");
  std::optional<std::string> additional;
  if (fields->contains("AdditionalHeaders")) additional = take(*fields, "AdditionalHeaders");
  if (!credential || signature.empty() || !fields->empty()) return std::nullopt;
  return OssV4Authorization{std::move(*credential), std::move(additional), std::move(signature)};
}

std::optional<OssV1Authorization> parse_oss_v1(std::string_view header) {
  constexpr std::string_view kPrefix = "OSS ";
  if (!header.starts_with(kPrefix)) return std::nullopt;
  const std::string_view rest = trim(header.substr(kPrefix.size()));
  const std::size_t colon = rest.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == rest.size())
    return std::nullopt;
  return OssV1Authorization{std::string(rest.substr(0, colon)),
                            std::string(rest.substr(colon + 1))};
}

std::optional<AwsV4Authorization> parse_aws_v4(std::string_view header) {
  auto fields = fields_of(header, sign::aws4::kAlgorithm);
  if (!fields) return std::nullopt;
  auto credential = parse_credential(take(*fields, "Credential"));
  std::string names = take(*fields, "SignedHeaders");
  std::string signature = take(*fields, "Signature");
  if (!credential || names.empty() || signature.empty()) return std::nullopt;
  return AwsV4Authorization{std::move(*credential), std::move(names), std::move(signature)};
}

std::optional<Acs3Authorization> parse_acs3(std::string_view header) {
  auto fields = fields_of(header, sign::acs3::kAlgorithm);
  if (!fields) return std::nullopt;
  Acs3Authorization out{take(*fields, "Credential"), take(*fields, "SignedHeaders"),
                        take(*fields, "Signature")};
  if (out.access_key_id.empty() || out.signed_headers.empty() || out.signature.empty())
    return std::nullopt;
  return out;
}

CredentialForm credential_form_of(const WireRequest& request) {
  CredentialForm url = CredentialForm::kNone;
  if (request.parameter("x-oss-signature-version") != nullptr ||
      request.parameter("x-oss-signature") != nullptr)
    url = CredentialForm::kOssV4Url;
  else if (request.parameter("X-Amz-Algorithm") != nullptr)
    url = CredentialForm::kAwsV4Url;
  else if (request.parameter("OSSAccessKeyId") != nullptr)
    url = CredentialForm::kOssV1Url;
  const std::string_view header = request.header("authorization");
  if (header.empty()) return url;
  if (url != CredentialForm::kNone) return CredentialForm::kSeveral;
  if (header.starts_with("OSS4-")) return CredentialForm::kOssV4Header;
  if (header.starts_with("OSS ")) return CredentialForm::kOssV1Header;
  if (header.starts_with("AWS4-")) return CredentialForm::kAwsV4Header;
  return CredentialForm::kUnknownHeader;
}

bool is_day(std::string_view text) {
  return parse_compact(std::string(text) + "T000000Z").has_value() && text.size() == 8;
}

}  // namespace stsfs::sim
