#include "stsfs/sign/oss_v1.h"

#include <algorithm>
#include <array>

#include "stsfs/base/text.h"
#include "stsfs/sign/digest.h"

namespace stsfs::sign::v1 {
namespace {

// The union of what the official SDKs sign; a name that only some of them list is one that the
// others never send. Sorted, for the binary search.
constexpr std::array kSubresources{std::string_view("accessPoint"),
                                   std::string_view("accessPointPolicy"),
                                   std::string_view("acl"),
                                   std::string_view("append"),
                                   std::string_view("asyncFetch"),
                                   std::string_view("batchGet"),
                                   std::string_view("bucketArchiveDirectRead"),
                                   std::string_view("bucketInfo"),
                                   std::string_view("callback"),
                                   std::string_view("callback-var"),
                                   std::string_view("cloudboxes"),
                                   std::string_view("cname"),
                                   std::string_view("comp"),
                                   std::string_view("continuation-token"),
                                   std::string_view("cors"),
                                   std::string_view("delete"),
                                   std::string_view("encryption"),
                                   std::string_view("endTime"),
                                   std::string_view("group"),
                                   std::string_view("httpsConfig"),
                                   std::string_view("img"),
                                   std::string_view("inventory"),
                                   std::string_view("inventoryId"),
                                   std::string_view("lifecycle"),
                                   std::string_view("link"),
                                   std::string_view("live"),
                                   std::string_view("location"),
                                   std::string_view("logging"),
                                   std::string_view("metaQuery"),
                                   std::string_view("objectInfo"),
                                   std::string_view("objectMeta"),
                                   std::string_view("partNumber"),
                                   std::string_view("policy"),
                                   std::string_view("policyStatus"),
                                   std::string_view("position"),
                                   std::string_view("processConf"),
                                   std::string_view("publicAccessBlock"),
                                   std::string_view("qos"),
                                   std::string_view("qosInfo"),
                                   std::string_view("qosRequester"),
                                   std::string_view("redundancyTransition"),
                                   std::string_view("referer"),
                                   std::string_view("regionList"),
                                   std::string_view("replication"),
                                   std::string_view("replicationLocation"),
                                   std::string_view("replicationProgress"),
                                   std::string_view("requestPayment"),
                                   std::string_view("requesterQosInfo"),
                                   std::string_view("resourceGroup"),
                                   std::string_view("resourcePool"),
                                   std::string_view("resourcePoolBuckets"),
                                   std::string_view("resourcePoolInfo"),
                                   std::string_view("response-cache-control"),
                                   std::string_view("response-content-disposition"),
                                   std::string_view("response-content-encoding"),
                                   std::string_view("response-content-language"),
                                   std::string_view("response-content-type"),
                                   std::string_view("response-expires"),
                                   std::string_view("restore"),
                                   std::string_view("seal"),
                                   std::string_view("security-token"),
                                   std::string_view("sequential"),
                                   std::string_view("startTime"),
                                   std::string_view("stat"),
                                   std::string_view("status"),
                                   std::string_view("style"),
                                   std::string_view("styleName"),
                                   std::string_view("symlink"),
                                   std::string_view("tagging"),
                                   std::string_view("transferAcceleration"),
                                   std::string_view("uploadId"),
                                   std::string_view("uploads"),
                                   std::string_view("versionId"),
                                   std::string_view("versioning"),
                                   std::string_view("versions"),
                                   std::string_view("vip"),
                                   std::string_view("vod"),
                                   std::string_view("vpcip"),
                                   std::string_view("website"),
                                   std::string_view("worm"),
                                   std::string_view("wormExtend"),
                                   std::string_view("wormId")};
static_assert(std::is_sorted(kSubresources.begin(), kSubresources.end()));

std::string canonical_resource(const CanonicalInput& input) {
  std::string out = "/";
  if (!input.bucket.empty()) out.append(input.bucket).append("/").append(input.key);
  Pairs signed_query;
  for (const auto& pair : input.query)
    if (is_signed_subresource(pair.first)) signed_query.push_back(pair);
  std::sort(signed_query.begin(), signed_query.end());
  char separator = '?';
  for (const auto& [name, value] : signed_query) {
    out += separator;
    out += name;
    if (!value.empty()) out += "=" + value;
    separator = '&';
  }
  return out;
}

std::string header_value(const Pairs& headers, std::string_view lower_name) {
  for (const auto& [name, value] : headers)
    if (equals_ignoring_case(name, lower_name)) return std::string(trim(value));
  return "";
}

std::string canonical_oss_headers(const Pairs& headers) {
  Pairs lines;
  for (const auto& [name, value] : headers) {
    std::string lower = to_lower(name);
    if (lower.starts_with("x-oss-")) lines.emplace_back(std::move(lower), trim(value));
  }
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const auto& [name, value] : lines) out.append(name).append(":").append(value).append("\n");
  return out;
}

}  // namespace

bool is_signed_subresource(std::string_view name) {
  return name.starts_with("x-oss-") ||
         std::binary_search(kSubresources.begin(), kSubresources.end(), name);
}

std::string string_to_sign(const CanonicalInput& input, std::string_view date) {
  std::string out(input.method);
  out += "\n" + header_value(input.headers, "content-md5");
  out += "\n" + header_value(input.headers, "content-type");
  out.append("\n").append(date).append("\n");
  return out + canonical_oss_headers(input.headers) + canonical_resource(input);
}

std::string signature(std::string_view access_key_secret, std::string_view string_to_sign) {
  return base64_encode(hmac_sha1(access_key_secret, string_to_sign));
}

std::string authorization(const CanonicalInput& input, const KeyPair& key, std::string_view date) {
  return "OSS " + std::string(key.access_key_id) + ":" +
         signature(key.access_key_secret, string_to_sign(input, date));
}

Pairs presigned_query(const CanonicalInput& input, const KeyPair& key,
                      std::string_view security_token, std::int64_t expires_unix) {
  const std::string expires = std::to_string(expires_unix);
  Pairs query = input.query;
  if (!security_token.empty()) query.emplace_back("security-token", security_token);
  const CanonicalInput whole{input.method, input.bucket, input.key, query, input.headers};
  std::string signed_text = signature(key.access_key_secret, string_to_sign(whole, expires));
  query.emplace_back("OSSAccessKeyId", key.access_key_id);
  query.emplace_back("Expires", expires);
  query.emplace_back("Signature", std::move(signed_text));
  return query;
}

}  // namespace stsfs::sign::v1
