// The tokens were made with the openssl command; their private keys are gone. They hold
//   {"iss":"https://id.example.com","sub":"person-1","aud":["other","stsfs"],"iat":1767322000,
//    "nbf":1767322000,"exp":1767326645}: from 2026-01-02T02:46:40Z to 2026-01-02T04:04:05Z.

#include <nlohmann/json.hpp>

#include "identities.h"
#include "sts/jwt.h"

namespace stsfs::sim {
namespace {

using nlohmann::json;

constexpr std::string_view kProvider = R"(
[[oidc_provider]]
name = "id"
issuer = "https://id.example.com"
client_ids = ["stsfs"]
[[oidc_provider.key]]
kid = "r1"
pem = '''
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAnxGnLKrJqiDde3mWziJR
NDkFf8DIjqdTnPYUeRBFTegLkk9mWMFvOZexDaZMsLl5NK7vvLHuVTh/TFV7LvzS
VrkilIvflf54ToQ9RtwEbR7ySUMToFz/mugSic02OxRXJMatZr6idIsBKySxr5hq
NeMXLYadPEB28ulNgqmxreNT3n3Ep2HL2C9lBu9rDww1tQzLrmz2OeddZfl98Hh7
2og2tODvgTFvs2z2eOlnv06SH+A99zt8AdHu6LDgDv27Fdm9YDtUkmVAu5rfi964
48EZmS1N3UkgB/WlM3eDgTl9CGdQp+6UrdGkl7QzdAlUVGiL7z68Ru6aOSwE1zG0
twIDAQAB
-----END PUBLIC KEY-----
'''
[[oidc_provider.key]]
kid = "e1"
pem = '''
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAED4iNxaLzYISnOTUf3TWy3DASL0AQ
BU3iC3LAFNANOo6XklgnIzvwhSGCzINhklFQJcjofiivFKcaqMqOweD2ng==
-----END PUBLIC KEY-----
'''
[[role]]
name = "federated"
policies = "folder"
trust_policy = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Federated":["acs:ram::123456789012:oidc-provider/id"]},"Condition":{"StringEquals":{"oidc:aud":"stsfs","oidc:iss":"https://id.example.com"},"StringLike":{"oidc:sub":"person-*"}}}]}'
)";

constexpr std::string_view kRs256 =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InIxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY2"
    "9tIiwic3ViIjoicGVyc29uLTEiLCJhdWQiOlsib3RoZXIiLCJzdHNmcyJdLCJpYXQiOjE3NjczMjIwMDAsIm5iZiI6"
    "MTc2NzMyMjAwMCwiZXhwIjoxNzY3MzI2NjQ1fQ.E4bo6d5OkLGf07ebYSkejVaBMJ6J12S2PA8TPU_O6pq88oBj0TZ"
    "JAuBdM7xzVJlqfLR96dDu93xpNft93Hfk9JdefA02Hf7OIkhShCgCE1kuFvRpe2VcWklHrE0Gaw-YqNL0g7NOjbRgV"
    "pbTiJWJhPtcEQmDAloc3ayNjU_Tgrc5aSxF9yC4fTC1TJ5h8eihkBOpp7uul-YISwVuNXlHgpcPoOY32IhIVny8j1x"
    "1DttT-594d1n4TFM58Z4wRJnbra0cwwl9br4i6ntrAH_rrpDvw81q7UQcKoY5_Md23YUh7HDO49raYQNbAfme0oVKJ"
    "hjx_DFYuxrh-9C-L1ep0Q";
constexpr std::string_view kEs256 =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUxIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY2"
    "9tIiwic3ViIjoicGVyc29uLTEiLCJhdWQiOlsib3RoZXIiLCJzdHNmcyJdLCJpYXQiOjE3NjczMjIwMDAsIm5iZiI6"
    "MTc2NzMyMjAwMCwiZXhwIjoxNzY3MzI2NjQ1fQ.ta8RZDkLQk-456qmBWrswoRWXrImv1fUwKm9i7hsCL5LAeT_ZUp"
    "MQp5F6kdffpDRB1lj8VQcttCXrfR7Ie8AAQ";

std::string document() { return std::string(kRam) + std::string(kProvider); }

StsAnswer assume(Doors& cloud, std::string_view token, std::string role = "federated",
                 WallTime now = vector_time(), std::string provider = "id") {
  WireRequest request = wire("POST", "/", now);
  request.query = {{"Action", "AssumeRoleWithOIDC"},
                   {"Version", "2015-04-01"},
                   {"Format", "JSON"},
                   {"OIDCProviderArn", "acs:ram::123456789012:oidc-provider/" + provider},
                   {"OIDCToken", std::string(token)},
                   {"RoleArn", "acs:ram::123456789012:role/" + role},
                   {"RoleSessionName", "alice"}};
  return cloud.sts.handle(request, "");
}

TEST(StsOidc, ATokenOfTheProviderOpensTheRole) {
  Doors cloud({}, {}, document());
  for (const std::string_view token : {kRs256, kEs256}) {
    const StsAnswer answer = assume(cloud, token);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const json body = json::parse(answer.body);
    EXPECT_EQ(body["OIDCTokenInfo"]["Subject"], "person-1");
    EXPECT_EQ(body["OIDCTokenInfo"]["ClientIds"], "stsfs");
    EXPECT_EQ(body["OIDCTokenInfo"]["ExpirationTime"], "2026-01-02T04:04:05Z");
    EXPECT_EQ(body["OIDCTokenInfo"]["VerificationInfo"], "Success");
    EXPECT_NE(cloud.sessions->find(body["Credentials"]["AccessKeyId"].get<std::string>()), nullptr);
  }
}

TEST(StsOidc, WhatIsNotTheProvidersIsRefused) {
  Doors cloud({}, {}, document());
  const std::string prefix = "AuthenticationFail.OIDCToken.";
  std::string forged(kRs256);
  forged[forged.find('.') + 20] ^= 1;  // in the claims
  EXPECT_NE(assume(cloud, forged).code, "");
  std::string unsigned_token = "eyJhbGciOiJub25lIn0" + std::string(kRs256.substr(kRs256.find('.')));
  EXPECT_EQ(assume(cloud, unsigned_token).code, prefix + "SignatureInvalid");
  const std::string swapped = std::string(kRs256.substr(0, kRs256.rfind('.'))) +
                              std::string(kEs256.substr(kEs256.rfind('.')));
  EXPECT_EQ(assume(cloud, swapped).code, prefix + "SignatureInvalid");
  EXPECT_EQ(assume(cloud, "no.token").code, prefix + "Invalid");
  EXPECT_EQ(assume(cloud, "abc").code, "InvalidParameter.OIDCToken");
  EXPECT_EQ(assume(cloud, kRs256, "federated", *parse_iso8601("2026-01-02T04:04:05Z")).code,
            prefix + "Expired");
  EXPECT_EQ(assume(cloud, kRs256, "federated", *parse_iso8601("2026-01-02T02:40:00Z")).code,
            prefix + "Invalid");
  EXPECT_EQ(assume(cloud, kRs256, "adminrole").code, "NoPermission");
  EXPECT_EQ(assume(cloud, kRs256, "none").code, "EntityNotExist.Role");
  EXPECT_EQ(assume(cloud, kRs256, "federated", vector_time(), "none").code,
            "EntityNotExist.OIDCProvider");
}

TEST(StsOidc, AnotherIssuerOrClientIsRefused) {
  std::string other = document();
  other.replace(other.find("issuer = \"https://id"), 19, "issuer = \"https://no");
  Doors issuer({}, {}, other);
  EXPECT_EQ(assume(issuer, kRs256).code, "AuthenticationFail.OIDCToken.IssuerNotMatch");
  other = document();
  other.replace(other.find("[\"stsfs\"]"), 9, "[\"xtsfs\"]");
  Doors client({}, {}, other);
  EXPECT_EQ(assume(client, kRs256).code, "AuthenticationFail.OIDCToken.ClientIdNotMatch");
}

}  // namespace
}  // namespace stsfs::sim
