// R1, R2, A1, A2: Alibaba's documentation and SDK tests; R5, R6, A3: what @alicloud/openapi-core
// signs.

#include "stsfs/sign/rpc.h"

#include <gtest/gtest.h>

#include "stsfs/base/text.h"
#include "stsfs/sign/digest.h"

namespace stsfs::sign {
namespace {

constexpr std::string_view kPolicy =
    R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:GetObject"],"Resource":["acs:oss:*:*:b/u/*"]}]})";
const Pairs kAssumeRole{{"DurationSeconds", "900"},
                        {"Policy", std::string(kPolicy)},
                        {"RoleArn", "acs:ram::123456789012:role/adminrole"},
                        {"RoleSessionName", "alice"}};

Pairs assume_role_over_rpc() {
  Pairs out = kAssumeRole;
  out.insert(out.end(), {{"Action", "AssumeRole"},
                         {"Format", "JSON"},
                         {"Version", "2015-04-01"},
                         {"SignatureMethod", "HMAC-SHA1"},
                         {"SignatureVersion", "1.0"},
                         {"SignatureNonce", "0123456789abcdef"},
                         {"Timestamp", "2026-01-02T03:04:05Z"},
                         {"AccessKeyId", "ak"}});
  return out;
}

TEST(Rpc, SignsTheDocumentationsExample) {
  const Pairs parameters{{"Action", "CreateUser"},
                         {"UserName", "test"},
                         {"Format", "JSON"},
                         {"SignatureMethod", "HMAC-SHA1"},
                         {"SignatureNonce", "6a6e0ca6-4557-11e5-86a2-b8e8563dc8d2"},
                         {"SignatureVersion", "1.0"},
                         {"Timestamp", "2015-08-18T03:15:45Z"},
                         {"Version", "2015-05-01"},
                         {"AccessKeyId", "testid"}};
  EXPECT_EQ(rpc::signature("testsecret", rpc::string_to_sign("GET", parameters)),
            "kRA2cnpJVacIhDMzXnoNZG9tDCI=");
}

TEST(Rpc, SignsAnEmptyMethod) {
  EXPECT_EQ(rpc::signature("accessKeySecret", rpc::string_to_sign("", {{"test", "ok"}})),
            "jHx/oHoHNrbVfhncHEvPdHXZwHU=");
}

TEST(Rpc, SignsAssumeRoleByGetAndByPost) {
  EXPECT_EQ(rpc::signature("sk", rpc::string_to_sign("GET", assume_role_over_rpc())),
            "2S4nQqdX2rY/gB84dxTXJbO99NM=");
  EXPECT_EQ(rpc::signature("sk", rpc::string_to_sign("POST", assume_role_over_rpc())),
            "nSQFi+oYUhojnO+TrH1/yDa1bMI=");
}

// R3
TEST(Rpc, KeepsTheEqualsSignOfEmptyValues) {
  const Pairs parameters{{"Action", ""},
                         {"Version", ""},
                         {"SignatureType", ""},
                         {"Format", "JSON"},
                         {"RegionId", "regionId"},
                         {"SignatureMethod", "HMAC-SHA1"},
                         {"SignatureVersion", "1.0"},
                         {"SignatureNonce", "MOCK_UUID"},
                         {"Timestamp", "mock date"},
                         {"AccessKeyId", "accessKeyId"}};
  EXPECT_EQ(rpc::signature("accessKeySecret", rpc::string_to_sign("GET", parameters)),
            "7loPmFjvDnzOVnQeQNj85S6nFGY=");
}

TEST(Rpc, WritesTheStringToSignOfTheSdkTests) {
  EXPECT_EQ(rpc::string_to_sign("GET", {{"key", "value"}}), "GET&%2F&key%3Dvalue");
  EXPECT_EQ(
      rpc::string_to_sign("GET", {{"q", "http://domain/?q=value&q2=value2"}, {"key", "value"}}),
      "GET&%2F&key%3Dvalue%26q%3Dhttp%253A%252F%252Fdomain%252F%253Fq%253Dvalue%2526q2"
      "%253Dvalue2");
}

TEST(Acs3, SignsSeveralValuesOfOneHeader) {
  const Pairs query{{"test", "ok"}, {"empty", ""}};
  const Pairs headers{{"x-acs-test", "http"}, {"x-acs-test", "https"}};
  const std::string payload = "55e12e91650d2fec56ec74e1d3e4ddbfce2ef3a65890c2a19ecf88a307e76a23";
  EXPECT_EQ(acs3::signature(
                "secret", acs3::canonical_request("", "/", query, headers, "x-acs-test", payload)),
            "4ab59fffe3c5738ff8a2729f90cc04fe18b02a4b15b2102cbaf92f9ff3df2ea3");
  EXPECT_EQ(acs3::signature("secret", acs3::canonical_request("GET", "/", query, headers,
                                                              "x-acs-test", payload)),
            "d16b30a7699ae9e43875b13195b2f81bcc3ed10c14a9b5eb780e51619aa50be1");
}

TEST(Acs3, SignsAssumeRole) {
  const std::string empty_sha256 = hex_lower(sha256(""));
  const Pairs headers{{"host", "sts.cn-hangzhou.aliyuncs.com"},
                      {"x-acs-action", "AssumeRole"},
                      {"x-acs-version", "2015-04-01"},
                      {"x-acs-date", "2026-01-02T03:04:05Z"},
                      {"x-acs-signature-nonce", "0123456789abcdef"},
                      {"x-acs-content-sha256", empty_sha256},
                      {"user-agent", "not signed"}};
  EXPECT_EQ(
      hex_lower(sha256(acs3::canonical_request("POST", "/", kAssumeRole, headers,
                                               acs3::signed_headers_of(headers), empty_sha256))),
      "f52806790fb56dcf66de708a88325c2738d62d220ceee256867500fb4d7d5736");
  EXPECT_EQ(acs3::authorization("POST", "/", kAssumeRole, headers, empty_sha256, {"ak", "sk"}),
            "ACS3-HMAC-SHA256 "
            "Credential=ak,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
            "x-acs-signature-nonce;x-acs-version,Signature="
            "93c8903699db2cfda6fdf31b8213feb2c40f872e5a91a5975bd973b7f6441abf");
}

TEST(Digest, AgreesWithKnownValues) {
  EXPECT_EQ(base64_encode(md5("0123456789")), "eB5eJF1ptWaXm4bijSPyxw==");
  EXPECT_EQ(base64_encode(hmac_sha1("secret", "source")), "Jv4yi8SobFhg5t1C7nWLbhBSFZQ=");
  // RFC 4231, test case 6: a key longer than the block.
  const std::vector<std::byte> long_key(131, std::byte{0xAA});
  EXPECT_EQ(
      hex_lower(hmac_sha256(long_key, "Test Using Larger Than Block-Size Key - Hash Key First")),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(EqualInConstantTime, ComparesTexts) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
}

}  // namespace
}  // namespace stsfs::sign
