#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access.h"

/// The credentials that a request carries, taken apart. Whatever stands here came from outside.
namespace stsfs::sim {

/// `{id}/{day}/{region}/{product}/{terminator}`
struct CredentialScope {
  std::string access_key_id;
  std::string day;
  std::string region;
  std::string product;
  std::string terminator;
};
/// nullopt unless it has five parts. An id may hold `/`: the last four are the scope.
std::optional<CredentialScope> parse_credential(std::string_view text);

/// `OSS4-HMAC-SHA256 Credential=…[, AdditionalHeaders=a;b], Signature=…`, in any order, with or
/// without blanks behind the commas.
struct OssV4Authorization {
  CredentialScope credential;
  std::optional<std::string> additional_headers;  ///< As sent; may be empty.
  std::string signature;
};
std::optional<OssV4Authorization> parse_oss_v4(std::string_view header);

/// `OSS {id}:{signature}`
struct OssV1Authorization {
  std::string access_key_id;
  std::string signature;
};
std::optional<OssV1Authorization> parse_oss_v1(std::string_view header);

/// `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`
struct AwsV4Authorization {
  CredentialScope credential;
  std::string signed_headers;
  std::string signature;
};
std::optional<AwsV4Authorization> parse_aws_v4(std::string_view header);

/// `ACS3-HMAC-SHA256 Credential={id},SignedHeaders=…,Signature=…`
struct Acs3Authorization {
  std::string access_key_id;
  std::string signed_headers;
  std::string signature;
};
std::optional<Acs3Authorization> parse_acs3(std::string_view header);

/// What a request is signed with, by where its credentials stand.
enum class CredentialForm {
  kNone,
  kOssV1Header,
  kOssV1Url,
  kOssV4Header,
  kOssV4Url,
  kAwsV4Header,
  kAwsV4Url,
  kUnknownHeader,  ///< An Authorization of another kind.
  kSeveral,        ///< In the header and in the URL.
};
CredentialForm credential_form_of(const WireRequest& request);

/// `20260102`
bool is_day(std::string_view text);

}  // namespace stsfs::sim
