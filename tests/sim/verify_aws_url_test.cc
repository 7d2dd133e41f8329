// AWS Signature Version 4 in a URL. One vector is the example of "Authenticating Requests: Using
// Query Parameters" in the API reference of S3, the other was computed with the hmac module of
// Python.

#include "identities.h"
#include "identity/verify.h"

namespace stsfs::sim {
namespace {

constexpr std::string_view kAwsRam = R"(
[[account]]
id = "123456789012"
access_key = { id = "AKIAIOSFODNN7EXAMPLE", secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" }
)";

Verdict<Verified> verify_url(const Doors& cloud, const WireRequest& request) {
  return cloud.access.verify(request, std::vector<Target>{{"b", "k"}});
}

std::string said_of(const Verdict<Verified>& verdict) {
  return verdict ? "accepted" : verdict.error().code + ": " + verdict.error().message;
}

WireRequest documented_url() {
  WireRequest out = wire("GET", "/test.txt", *parse_iso8601("2013-05-24T00:00:00Z"));
  out.headers = {{"Host", "examplebucket.s3.amazonaws.com"}};
  out.query = {
      {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
      {"X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"},
      {"X-Amz-Date", "20130524T000000Z"},
      {"X-Amz-Expires", "86400"},
      {"X-Amz-SignedHeaders", "host"},
      {"X-Amz-Signature", "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"}};
  return out;
}

/// Of names and values that have to be encoded, and parameters that are sent in another order than
/// they are signed in.
WireRequest computed_url() {
  WireRequest out = wire("PUT", "/b/a%20key/%E4%BF%A1+1.txt");
  out.headers = {{"Host", "127.0.0.1:9000"}, {"User-Agent", "none"}};
  out.query = {
      {"response-content-disposition", R"(attachment; filename="a+b/c.txt")"},
      {"X-Amz-Signature", "48c2f1ebbef32ab24de54f94818fe131dd9e9a3eb8425c627dab3ca9e0ed237a"},
      {"empty", ""},
      {"Zero", "1"},
      {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
      {"X-Amz-Credential", "ak/20260102/cn-hangzhou/s3/aws4_request"},
      {"X-Amz-Date", "20260102T030405Z"},
      {"X-Amz-Expires", "599"},
      {"X-Amz-SignedHeaders", "host"}};
  return out;
}

void replace(sign::Pairs& pairs, std::string_view name, std::string_view value) {
  for (auto& [known, old] : pairs)
    if (known == name) old = value;
}

TEST(VerifyAwsUrl, AcceptsTheDocumentationsExample) {
  const Doors cloud({.region = "us-east-1"}, {}, kAwsRam);
  const auto verdict = verify_url(cloud, documented_url());
  ASSERT_TRUE(verdict) << said_of(verdict);
  EXPECT_EQ(verdict->principal.kind, Principal::Kind::kAccount);
  EXPECT_EQ(verdict->signature, SignatureKind::kAwsV4);
  EXPECT_TRUE(verdict->presigned);
  EXPECT_EQ(verdict->payload.kind, PayloadTerms::Kind::kPlain);
}

TEST(VerifyAwsUrl, AcceptsWhatIsEncodedInAnyOrderUntilItExpires) {
  const Doors cloud;
  WireRequest put = computed_url();
  EXPECT_EQ(said_of(verify_url(cloud, put)), "accepted");
  put.now += std::chrono::seconds(599);
  EXPECT_EQ(said_of(verify_url(cloud, put)), "accepted");
  put.now += std::chrono::seconds(1);
  const auto late = verify_url(cloud, put);
  ASSERT_EQ(said_of(late), "AccessDenied: Request has expired.");
  EXPECT_EQ(late.error().status, 403);
  EXPECT_EQ(late.error().extra[0].second, "2026-01-02T03:14:04.000Z");
}

TEST(VerifyAwsUrl, IsGoodForWhatWasSignedAndNothingElse) {
  const Doors cloud;
  struct Row {
    const char* what;
    void (*change)(WireRequest&);
  };
  const Row rows[] = {
      {"another signature",
       [](WireRequest& r) { replace(r.query, "X-Amz-Signature", std::string(64, '0')); }},
      {"no signature",
       [](WireRequest& r) {
         std::erase_if(r.query, [](const auto& pair) { return pair.first == "X-Amz-Signature"; });
       }},
      {"another method", [](WireRequest& r) { r.method = "GET"; }},
      {"another key", [](WireRequest& r) { r.path += "x"; }},
      {"another host", [](WireRequest& r) { replace(r.headers, "Host", "127.0.0.1:9001"); }},
      {"a longer life", [](WireRequest& r) { replace(r.query, "X-Amz-Expires", "600"); }},
      {"another time", [](WireRequest& r) { replace(r.query, "X-Amz-Date", "20260102T030406Z"); }},
      {"another value", [](WireRequest& r) { replace(r.query, "Zero", "2"); }},
      {"one parameter more", [](WireRequest& r) { r.query.emplace_back("versionId", "1"); }},
      {"a header that is named and was not signed",
       [](WireRequest& r) { replace(r.query, "X-Amz-SignedHeaders", "host;user-agent"); }},
      {"somebody else's key",
       [](WireRequest& r) {
         replace(r.query, "X-Amz-Credential", "reader/20260102/cn-hangzhou/s3/aws4_request");
       }},
      {"the region as OSS's endpoints have it, which was not signed", [](WireRequest& r) {
         replace(r.query, "X-Amz-Credential", "ak/20260102/oss-cn-hangzhou/s3/aws4_request");
       }}};
  for (const Row& row : rows) {
    WireRequest request = computed_url();
    row.change(request);
    const auto verdict = verify_url(cloud, request);
    ASSERT_FALSE(verdict) << row.what;
    EXPECT_EQ(verdict.error().code, "SignatureDoesNotMatch") << row.what;
    EXPECT_EQ(verdict.error().status, 403) << row.what;
  }
}

TEST(VerifyAwsUrl, SaysWhatIsWrongWithItsParameters) {
  const Doors cloud;
  struct Row {
    const char* name;
    const char* value;
    const char* said;
  };
  const std::string parameters = "AuthorizationQueryParametersError: ";
  const std::string scope = "AuthorizationHeaderMalformed: The authorization header is malformed; ";
  const std::pair<Row, std::string> rows[] = {
      {{"X-Amz-Algorithm", "AWS4-HMAC-SHA1", "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""},
       parameters},
      {{"X-Amz-Credential", "ak/20260102/s3/aws4_request", "X-Amz-Credential is malformed"},
       parameters},
      {{"X-Amz-Credential", "ak/20260103/cn-hangzhou/s3/aws4_request", "invalid credential date."},
       scope},
      {{"X-Amz-Credential", "ak/20260102/us-east-1/s3/aws4_request",
        "the region is wrong; expecting 'cn-hangzhou'"},
       scope},
      {{"X-Amz-Credential", "ak/20260102/cn-hangzhou/sts/aws4_request",
        "the scope must end s3/aws4_request."},
       scope},
      {{"X-Amz-Credential", "ak/20260102/cn-hangzhou/s3/aws4",
        "the scope must end s3/aws4_request."},
       scope},
      {{"X-Amz-Date", "2026-01-02T03:04:05Z", "X-Amz-Date must be in the ISO8601 Long Format"},
       parameters},
      {{"X-Amz-Expires", "0", "X-Amz-Expires must be between 1 and 604800 seconds"}, parameters},
      {{"X-Amz-Expires", "604801", "X-Amz-Expires must be between 1 and 604800 seconds"},
       parameters},
      {{"X-Amz-Expires", "-1", "X-Amz-Expires must be between 1 and 604800 seconds"}, parameters},
      {{"X-Amz-SignedHeaders", "user-agent", "X-Amz-SignedHeaders must name host"}, parameters}};
  for (const auto& [row, code] : rows) {
    WireRequest request = computed_url();
    replace(request.query, row.name, row.value);
    const auto verdict = verify_url(cloud, request);
    EXPECT_EQ(said_of(verdict), code + row.said) << row.name << "=" << row.value;
    EXPECT_EQ(verdict ? 0 : verdict.error().status, 400) << row.name << "=" << row.value;
  }
}

TEST(VerifyAwsUrl, RefusesOneOfTheFuture) {
  const Doors cloud;
  WireRequest request = computed_url();
  request.now -= std::chrono::minutes(15);
  EXPECT_EQ(said_of(verify_url(cloud, request)), "accepted") << "a clock may be off";
  request.now -= std::chrono::seconds(1);
  EXPECT_EQ(said_of(verify_url(cloud, request)),
            "AuthorizationQueryParametersError: Request is not yet valid");
}

TEST(VerifyAwsUrl, RefusesKeysAndTokensInTheWordsOfS3) {
  const Doors cloud;
  WireRequest unknown = computed_url();
  replace(unknown.query, "X-Amz-Credential", "who/20260102/cn-hangzhou/s3/aws4_request");
  const auto verdict = verify_url(cloud, unknown);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().code, "InvalidAccessKeyId");
  EXPECT_EQ(verdict.error().extra[0], std::pair(std::string("AWSAccessKeyId"), std::string("who")));
  const auto role = cloud.directory->find_role("acs:ram::123456789012:role/adminrole");
  const auto session =
      cloud.sessions->create({role, "alice", "", nullptr, vector_time() + std::chrono::hours(1)});
  WireRequest token = computed_url();
  replace(token.query, "X-Amz-Credential",
          session.session->access_key_id + "/20260102/cn-hangzhou/s3/aws4_request");
  token.query.emplace_back("X-Amz-Security-Token", "CAIS");
  EXPECT_EQ(code_of(verify_url(cloud, token)), "InvalidToken");
  replace(token.query, "X-Amz-Security-Token", session.token.reveal());
  EXPECT_EQ(code_of(verify_url(cloud, token)), "SignatureDoesNotMatch");
  token.now += std::chrono::hours(1);
  EXPECT_EQ(code_of(verify_url(cloud, token)), "ExpiredToken");
}

/// As S3: who holds the URL must not add what its signer did not see.
TEST(VerifyAwsUrl, RefusesAHeaderOfAmazonsThatWasNotSigned) {
  const Doors cloud;
  WireRequest request = computed_url();
  request.headers.emplace_back("x-amz-acl", "public-read");
  EXPECT_EQ(said_of(verify_url(cloud, request)),
            "AccessDenied: There were headers present in the request which were not signed");
}

}  // namespace
}  // namespace stsfs::sim
