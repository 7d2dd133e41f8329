// Vectors 1 to 6 are those of the official Go SDK's signer tests, 7 stands in the OSS
// documentation.

#include "stsfs/sign/oss_v1.h"

#include <gtest/gtest.h>

namespace stsfs::sign {
namespace {

constexpr std::string_view kDate = "Wed, 28 Dec 2022 10:27:41 GMT";
const KeyPair kKey{"ak", "sk"};
const Pairs kNelson{{"Content-MD5", "eB5eJF1ptWaXm4bijSPyxw=="},
                    {"Content-Type", "text/html"},
                    {"x-oss-meta-author", "alice"},
                    {"x-oss-meta-magic", "abracadabra"},
                    {"x-oss-date", std::string(kDate)}};

std::string nelson(const Pairs& query) {
  return v1::authorization({"PUT", "examplebucket", "nelson", query, kNelson}, kKey, kDate);
}

std::string bucket(const Pairs& query) {
  const Pairs headers{{"x-oss-date", std::string(kDate)}};
  return v1::authorization({"GET", "examplebucket", "", query, headers}, kKey, kDate);
}

TEST(OssV1, SignsAnObjectRequest) {
  EXPECT_EQ(nelson({}), "OSS ak:kSHKmLxlyEAKtZPkJhG9bZb5k7M=");
  EXPECT_EQ(nelson({{"acl", ""}}), "OSS ak:/afkugFbmWDQ967j1vr6zygBLQk=");
}

TEST(OssV1, SignsOnlyTheSubresourcesOfABucketRequest) {
  EXPECT_EQ(bucket({{"resourceGroup", ""}, {"non-resousce", "null"}}),
            "OSS ak:vkQmfuUDyi1uDi3bKt67oemssIs=");
  EXPECT_EQ(bucket({{"resourceGroup", ""}, {"acl", ""}}), "OSS ak:x3E5TgOvl/i7PN618s5mEvpJDYk=");
}

TEST(OssV1, SignsAUrl) {
  const Pairs query{{"versionId", "versionId"}};
  const Pairs signed_query =
      v1::presigned_query({"GET", "bucket", "key", query, {}}, kKey, "", 1699807420);
  EXPECT_EQ(signed_query.back().second, "dcLTea+Yh9ApirQ8o8dOPqtvJXQ=");
}

TEST(OssV1, SignsAUrlWithAToken) {
  const Pairs query{{"versionId", "versionId"}};
  const Pairs signed_query =
      v1::presigned_query({"GET", "bucket", "key+123", query, {}}, kKey, "token", 1699808204);
  EXPECT_EQ(signed_query.back().second, "jzKYRrM5y6Br0dRFPaTGOsbrDhY=");
}

TEST(OssV1, AgreesWithTheDocumentation) {
  EXPECT_EQ(v1::signature("OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV",
                          "PUT\nODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM=\ntext/html\n"
                          "Thu, 17 Nov 2005 18:49:58 GMT\nx-oss-magic:abracadabra\n"
                          "x-oss-meta-author:foo@bar.com\n/oss-example/nelson"),
            "26NBxoKdsyly4EDv6inkoDft/yA=");
}

}  // namespace
}  // namespace stsfs::sign
