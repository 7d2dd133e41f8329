// Vectors A to G are those of the official Go SDK's signer tests (also in the C++ and Python SDKs).

#include "stsfs/sign/oss_v4.h"

#include <gtest/gtest.h>

#include "stsfs/base/text.h"

namespace stsfs::sign {
namespace {

const KeyPair kV4Key{"ak", "sk"};
const Pairs kQuery{{"param1", "value1"}, {"+param1", "value3"}, {"|param1", "value4"},
                   {"+param2", ""},      {"|param2", ""},       {"param2", ""}};
constexpr std::string_view kObjectKey = "1234+-/123/1.txt";

WallTime at(std::int64_t unix_seconds) { return WallTime(std::chrono::seconds(unix_seconds)); }

Pairs header_form(std::string_view date) {
  return {{"x-oss-head1", "value"},
          {"abc", "value"},
          {"ZAbc", "value"},
          {"XYZ", "value"},
          {"content-type", "text/plain"},
          {"x-oss-content-sha256", "UNSIGNED-PAYLOAD"},
          {"x-oss-date", std::string(date)}};
}

CanonicalInput put(const Pairs& headers) { return {"PUT", "bucket", kObjectKey, kQuery, headers}; }

TEST(OssV4, SignsAHeader) {
  const Pairs headers = header_form("20231216T162057Z");
  EXPECT_EQ(hex_lower(sha256(v4::canonical_request(put(headers), {}))),
            "f4613657f1b108998e8dbd10a1aa5da621dc2c6e02c9ddec0f163664848704c4");
  EXPECT_EQ(v4::authorization(put(headers), kV4Key, at(1702743657), {.region = "cn-hangzhou"}),
            "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,Signature="
            "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe");
}

TEST(OssV4, DerivesTheSigningKeyOfADay) {
  EXPECT_EQ(hex_lower(v4::signing_key("sk", {"20231216", "cn-hangzhou"})),
            "b412a03b134ebddd720f5167b5de6db66620ebb3b01cff4d49e3ccb09f8de97f");
}

TEST(OssV4, SignsTheSecurityToken) {
  Pairs headers = header_form("20231217T034736Z");
  headers.emplace_back("x-oss-security-token", "token");
  EXPECT_EQ(v4::authorization(put(headers), kV4Key, at(1702784856), {.region = "cn-hangzhou"}),
            "OSS4-HMAC-SHA256 Credential=ak/20231217/cn-hangzhou/oss/aliyun_v4_request,Signature="
            "b94a3f999cf85bcdc00d332fbd3734ba03e48382c36fa4d5af5df817395bd9ea");
}

TEST(OssV4, SignsAdditionalHeadersThatArePresentAndNotSignedAnyway) {
  const Pairs headers = header_form("20231216T172512Z");
  const v4::Options options{
      .region = "cn-hangzhou",
      .additional_headers = {"ZAbc", "abc", "x-oss-head1", "x-oss-no-exist", "absent"}};
  EXPECT_EQ(v4::authorization(put(headers), kV4Key, at(1702747512), options),
            "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,"
            "AdditionalHeaders=abc;zabc,Signature="
            "4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f");
}

TEST(OssV4, SignsForACloudBox) {
  const Pairs headers = header_form("20231216T162057Z");
  EXPECT_EQ(
      v4::authorization(put(headers), kV4Key, at(1702743657),
                        {.region = "cb-123", .product = "oss-cloudbox"}),
      "OSS4-HMAC-SHA256 Credential=ak/20231216/cb-123/oss-cloudbox/aliyun_v4_request,Signature="
      "94ce1f12c17d148ea681030275a94449d3357f5b5b21133996eec80af3e08a43");
}

struct UrlVector {
  const char* name;
  std::int64_t time;
  const char* token;
  std::vector<std::string> additional;
  const char* signature;
};

class OssV4Url : public ::testing::TestWithParam<UrlVector> {};

TEST_P(OssV4Url, SignsAQuery) {
  const UrlVector& vector = GetParam();
  const Pairs headers{{"x-oss-head1", "value"},
                      {"abc", "value"},
                      {"ZAbc", "value"},
                      {"XYZ", "value"},
                      {"content-type", "application/octet-stream"}};
  const v4::Options options{.region = "cn-hangzhou", .additional_headers = vector.additional};
  const Pairs query = v4::presigned_query(put(headers), kV4Key, vector.token, at(vector.time),
                                          std::chrono::seconds(599), options);
  EXPECT_EQ(query.back().first, "x-oss-signature");
  EXPECT_EQ(query.back().second, vector.signature);
}

INSTANTIATE_TEST_SUITE_P(
    Sdk, OssV4Url,
    ::testing::Values(UrlVector{"plain",
                                1702781677,
                                "",
                                {},
                                "a39966c61718be0d5b14e668088b3fa07601033f6518ac7b523100014269c0fe"},
                      UrlVector{"token",
                                1702785388,
                                "token",
                                {},
                                "3817ac9d206cd6dfc90f1c09c00be45005602e55898f26f5ddb06d7892e1f8b5"},
                      UrlVector{
                          "additional",
                          1702783809,
                          "",
                          {"ZAbc", "abc"},
                          "6bd984bfe531afb6db1f7550983a741b103a8c58e5e14f83ea474c2322dfa2b7"}),
    [](const auto& vector) { return vector.param.name; });

TEST(OssV4, WritesAnEmptyValueAsABareNameOrWithEquals) {
  const Pairs query{{"acl", ""}};
  const CanonicalInput input{"GET", "b", "k", query, {}};
  EXPECT_NE(v4::canonical_request(input, {}).find("\nacl\n"), std::string::npos);
  EXPECT_NE(v4::canonical_request(input, {}, v4::EmptyValue::kWithEquals).find("\nacl=\n"),
            std::string::npos);
}

TEST(OssV4, JoinsSeveralHeadersOfOneNameAndTrimsThem) {
  const Pairs headers{{"X-Oss-Meta-A", " 1 "}, {"x-oss-meta-a", "2"}};
  const Pairs none;
  EXPECT_NE(
      v4::canonical_request({"GET", "b", "k", none, headers}, {}).find("\nx-oss-meta-a:1,2\n"),
      std::string::npos);
}

TEST(OssV4, EncodesTheKeyButItsSlashes) {
  const Pairs none;
  EXPECT_TRUE(v4::canonical_request({"GET", "b", "a b/*+~%\n/\xE4\xB8\xAD", none, none}, {})
                  .starts_with("GET\n/b/a%20b/%2A%2B~%25%0A/%E4%B8%AD\n"));
}

TEST(OssV4, SortsAQueryByItsEncodedNamesAndThenValues) {
  const Pairs query{{"b", "2"}, {"a/", "1"}, {"b", "1"}, {"a", "2"}, {"A", "1"}};
  EXPECT_NE(
      v4::canonical_request({"GET", "b", "", query, {}}, {}).find("\nA=1&a=2&a%2F=1&b=1&b=2\n"),
      std::string::npos);
}

TEST(OssV4, KeepsAnEmptyHeaderThatIsSigned) {
  const Pairs headers{{"x-oss-meta-a", ""}};
  const Pairs none;
  EXPECT_NE(v4::canonical_request({"GET", "b", "k", none, headers}, {}).find("\nx-oss-meta-a:\n"),
            std::string::npos);
}

TEST(OssV4, UsesTheRootForServiceRequests) {
  const Pairs none;
  EXPECT_EQ(v4::canonical_request({"GET", "", "", none, none}, {}),
            "GET\n/\n\n\n\nUNSIGNED-PAYLOAD");
}

TEST(SigningKeyCache, GivesTheKeyOfEachSecretAndDay) {
  v4::SigningKeyCache cache;
  const v4::Scope today{"20231216", "cn-hangzhou"};
  const v4::Scope tomorrow{"20231217", "cn-hangzhou"};
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(cache.get("sk", today), v4::signing_key("sk", today));
    EXPECT_EQ(cache.get("other", today), v4::signing_key("other", today));
    EXPECT_EQ(cache.get("sk", tomorrow), v4::signing_key("sk", tomorrow));
  }
}

}  // namespace
}  // namespace stsfs::sign
