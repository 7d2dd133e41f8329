// AWS's own: the aws-sig-v4-test-suite, and the examples of the S3 documentation.

#include "stsfs/sign/aws_v4.h"

#include <gtest/gtest.h>

#include "stsfs/base/text.h"

namespace stsfs::sign {
namespace {

constexpr std::string_view kSuiteSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr std::string_view kS3Secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr std::string_view kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string suite(std::string_view method, const Pairs& query, Pairs headers,
                  std::string_view names, std::string_view body = "") {
  headers.insert(headers.end(),
                 {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", "20150830T123600Z"}});
  const aws4::Scope scope{"20150830", "us-east-1", "service"};
  const std::string canonical =
      aws4::canonical_request(method, "/", query, headers, names, hex_lower(sha256(body)));
  return aws4::signature(aws4::signing_key(kSuiteSecret, scope),
                         aws4::string_to_sign("20150830T123600Z", scope, canonical));
}

TEST(AwsV4, SignsTheTestSuite) {
  EXPECT_EQ(suite("GET", {}, {}, "host;x-amz-date"),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");  // get-vanilla
  EXPECT_EQ(suite("GET", {{"Param2", "value2"}, {"Param1", "value1"}}, {}, "host;x-amz-date"),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");  // query order
  EXPECT_EQ(suite("GET", {}, {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
                  "host;my-header1;my-header2;x-amz-date"),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");  // header trim
  EXPECT_EQ(suite("POST", {}, {{"Content-Type", "application/x-www-form-urlencoded"}},
                  "content-type;host;x-amz-date", "Param1=value1"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");  // form
}

std::string s3(std::string_view method, std::string_view path, const Pairs& query, Pairs headers,
               std::string_view names, std::string_view hash) {
  headers.insert(headers.end(), {{"Host", "examplebucket.s3.amazonaws.com"},
                                 {"x-amz-date", "20130524T000000Z"},
                                 {"x-amz-content-sha256", std::string(hash)}});
  const aws4::Scope scope{"20130524", "us-east-1"};
  return aws4::signature(
      aws4::signing_key(kS3Secret, scope),
      aws4::string_to_sign("20130524T000000Z", scope,
                           aws4::canonical_request(method, path, query, headers, names, hash)));
}

TEST(AwsV4, SignsTheExamplesOfS3) {
  EXPECT_EQ(s3("GET", "/test.txt", {}, {{"Range", "bytes=0-9"}},
               "host;range;x-amz-content-sha256;x-amz-date", kEmptyHash),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(
      s3("PUT", "/test%24file.text", {},
         {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
         "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
         "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  EXPECT_EQ(
      s3("GET", "/", {{"lifecycle", ""}}, {}, "host;x-amz-content-sha256;x-amz-date", kEmptyHash),
      "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  EXPECT_EQ(s3("GET", "/", {{"max-keys", "2"}, {"prefix", "J"}}, {},
               "host;x-amz-content-sha256;x-amz-date", kEmptyHash),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(AwsV4, SignsTheChunksOfTheDocumentation) {
  const aws4::Scope scope{"20130524", "us-east-1"};
  const Sha256 key = aws4::signing_key(kS3Secret, scope);
  std::string previous = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
  const std::pair<std::string, std::string_view> chunks[] = {
      {std::string(65'536, 'a'),
       "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
      {std::string(1'024, 'a'), "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
      {"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"}};
  for (const auto& [data, expected] : chunks) {
    previous = aws4::chunk_signature(key, "20130524T000000Z", scope.to_string(), previous,
                                     hex_lower(sha256(data)));
    EXPECT_EQ(previous, expected);
  }
}

}  // namespace
}  // namespace stsfs::sign
