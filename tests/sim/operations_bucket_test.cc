#include <gmock/gmock.h>

#include "sim/oss_fixture.h"

namespace stsfs::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kXml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

class BucketOperations : public OssTest {};

TEST_F(BucketOperations, InfoTellsWhatAMountAsksFor) {
  clock_.advance(std::chrono::milliseconds(678));  // times have whole seconds
  make({.acl = "public-read", .storage_class = "IA"});
  const Seen answer = ask({.query = {{"bucketInfo", ""}}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr("<BucketInfo><Bucket>"));
  EXPECT_EQ(answer.element("Name"), "bucket");
  EXPECT_EQ(answer.element("CreationDate"), "2026-01-02T03:04:05.000Z");
  EXPECT_EQ(answer.element("Location"), "oss-cn-hangzhou");
  EXPECT_EQ(answer.element("ExtranetEndpoint"), "oss-cn-hangzhou.aliyuncs.com");
  EXPECT_EQ(answer.element("StorageClass"), "IA");
  EXPECT_THAT(answer.body,
              HasSubstr("<AccessControlList><Grant>public-read</Grant></AccessControlList>"));
  EXPECT_THAT(answer.body, HasSubstr("<Owner><ID>123456789012</ID>"));
  EXPECT_THAT(answer.elements("Versioning"), IsEmpty());
  EXPECT_THAT(answer.elements("HierarchicalNamespace"), IsEmpty());
}

TEST_F(BucketOperations, InfoTellsVersioningAndNamespaceWhereTheyAreOn) {
  make({.name = "versioned", .versioning = Versioning::kSuspended});
  make({.name = "tree", .hierarchical = true});
  EXPECT_EQ(ask({.query = {{"bucketInfo", ""}}, .bucket = "versioned"}).element("Versioning"),
            "Suspended");
  EXPECT_EQ(ask({.query = {{"bucketInfo", ""}}, .bucket = "tree"}).element("HierarchicalNamespace"),
            "Enabled");
}

TEST_F(BucketOperations, LocationIsOneElement) {
  make();
  EXPECT_EQ(ask({.query = {{"location", ""}}}).body,
            std::string(kXml) + "<LocationConstraint>oss-cn-hangzhou</LocationConstraint>");
}

TEST_F(BucketOperations, StatCountsObjectsBytesAndUploads) {
  make();
  put("a", "123");
  put("b", "4567");
  initiate("c");
  const Seen answer = ask({.query = {{"stat", ""}}});
  EXPECT_EQ(answer.element("Storage"), "7");
  EXPECT_EQ(answer.element("ObjectCount"), "2");
  EXPECT_EQ(answer.element("MultipartUploadCount"), "1");
}

TEST_F(BucketOperations, VersioningAndAclAreRead) {
  make({.versioning = Versioning::kEnabled});
  EXPECT_EQ(ask({.query = {{"versioning", ""}}}).body,
            std::string(kXml) +
                "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
  EXPECT_EQ(ask({.query = {{"acl", ""}}}).element("Grant"), "private");
}

TEST_F(BucketOperations, ServiceListsItsBuckets) {
  make({.name = "one"});
  make({.name = "two"});
  const Seen answer = ask({.bucket = ""});
  EXPECT_THAT(answer.body, HasSubstr("<ListAllMyBucketsResult><Owner>"));
  EXPECT_THAT(answer.elements("Name"), ElementsAre("one", "two"));
  EXPECT_THAT(answer.elements("Region"), ElementsAre("cn-hangzhou", "cn-hangzhou"));
}

// --- making and changing buckets ---

TEST_F(BucketOperations, BucketsAreMadeAndRemoved) {
  const Ask make_it{.method = "PUT",
                    .headers = {{"x-oss-acl", "public-read"}},
                    .body =
                        "<CreateBucketConfiguration><StorageClass>IA</StorageClass>"
                        "</CreateBucketConfiguration>",
                    .bucket = "fresh"};
  EXPECT_EQ(ask(make_it).status, 200);
  const Seen info = ask({.query = {{"bucketInfo", ""}}, .bucket = "fresh"});
  EXPECT_EQ(info.element("StorageClass"), "IA");
  EXPECT_EQ(info.element("Grant"), "public-read");
  EXPECT_EQ(ask(make_it).status, 200);  // one's own may be made again
  EXPECT_EQ(ask({.method = "DELETE", .bucket = "fresh"}).status, 204);
  EXPECT_EQ(ask({.method = "DELETE", .bucket = "fresh"}).code(), "NoSuchBucket");
  EXPECT_EQ(ask({.method = "PUT", .bucket = "Bad_Name"}).code(), "InvalidBucketName");
}

TEST_F(BucketOperations, FullBucketIsNotRemoved) {
  make();
  put("k", "");
  const Seen answer = ask({.method = "DELETE"});
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.code(), "BucketNotEmpty");
  EXPECT_EQ(answer.element("EC"), "0015-00000301");
}

TEST_F(BucketOperations, VersioningIsTurnedOnAndSuspendedButNotOff) {
  make();
  const auto set = [&](const std::string& status) {
    return ask({.method = "PUT",
                .query = {{"versioning", ""}},
                .body = "<VersioningConfiguration><Status>" + status +
                        "</Status></VersioningConfiguration>"});
  };
  EXPECT_EQ(set("Enabled").status, 200);
  EXPECT_NE(put("k", "").header("x-oss-version-id"), "");
  EXPECT_EQ(set("Suspended").status, 200);
  EXPECT_EQ(put("k", "").header("x-oss-version-id"), "null");
  EXPECT_EQ(set("Off").code(), "MalformedXML");
  make({.name = "tree", .hierarchical = true});
  EXPECT_EQ(ask({.method = "PUT",
                 .query = {{"versioning", ""}},
                 .body = "<VersioningConfiguration><Status>Enabled</Status>"
                         "</VersioningConfiguration>",
                 .bucket = "tree"})
                .code(),
            "OperationNotSupported");
}

TEST_F(BucketOperations, AclOpensABucketToAll) {
  make();
  put("k", "x");
  EXPECT_EQ(ask({.key = "k", .id = ""}).status, 403);
  EXPECT_EQ(
      ask({.method = "PUT", .query = {{"acl", ""}}, .headers = {{"x-oss-acl", "public-read"}}})
          .status,
      200);
  EXPECT_EQ(ask({.key = "k", .id = ""}).status, 200);
  EXPECT_EQ(
      ask({.method = "PUT", .query = {{"acl", ""}}, .headers = {{"x-oss-acl", "all"}}}).code(),
      "InvalidArgument");
}

TEST_F(BucketOperations, PolicyOfABucketIsKeptAndHeeded) {
  make();
  put("k", "x");
  const std::string policy =
      R"({"Version":"1","Statement":[{"Effect":"Deny","Principal":["*"],"Action":"oss:GetObject",)"
      R"("Resource":"acs:oss:*:*:bucket/*"}]})";
  EXPECT_EQ(ask({.method = "PUT", .query = {{"policy", ""}}, .body = policy}).status, 200);
  EXPECT_EQ(ask({.query = {{"policy", ""}}}).body, policy);
  EXPECT_EQ(get("k").code(), "AccessDenied");
  EXPECT_EQ(ask({.method = "DELETE", .query = {{"policy", ""}}}).status, 204);
  EXPECT_EQ(get("k").status, 200);
  EXPECT_EQ(ask({.query = {{"policy", ""}}}).code(), "NoSuchBucketPolicy");
  EXPECT_EQ(ask({.method = "PUT", .query = {{"policy", ""}}, .body = "{"}).code(),
            "InvalidPolicyDocument");
}

// --- listings ---

class Listings : public OssTest {
 protected:
  void SetUp() override { make(); }
};

TEST_F(Listings, V2IsAsTheReferencePrintsIt) {
  put("fun/movie/001.avi", "12345", {{"x-oss-storage-class", "IA"}});
  put("fun/test.jpg", "1");
  const Seen answer = list({{"prefix", "fun/"}, {"delimiter", "/"}, {"start-after", "b"}});
  EXPECT_EQ(answer.body, std::string(kXml) +
                             "<ListBucketResult><Name>bucket</Name><Prefix>fun/</Prefix>"
                             "<StartAfter>b</StartAfter><MaxKeys>100</MaxKeys><Delimiter>/"
                             "</Delimiter><IsTruncated>false</IsTruncated>"
                             "<Contents><Key>fun/test.jpg</Key>"
                             "<LastModified>2026-01-02T03:04:05.000Z</LastModified>"
                             "<ETag>\"C4CA4238A0B923820DCC509A6F75849B\"</ETag><Type>Normal</Type>"
                             "<Size>1</Size><StorageClass>Standard</StorageClass></Contents>"
                             "<CommonPrefixes><Prefix>fun/movie/</Prefix></CommonPrefixes>"
                             "<KeyCount>2</KeyCount></ListBucketResult>");
}

TEST_F(Listings, V1HasTheOwnerInEveryEntryAndV2OnRequest) {
  put("k", "");
  EXPECT_THAT(ask({}).body, HasSubstr("<Owner><ID>123456789012</ID>"));
  EXPECT_THAT(list({}).elements("Owner"), IsEmpty());
  EXPECT_THAT(list({{"fetch-owner", "true"}}).body, HasSubstr("<Owner>"));
}

TEST_F(Listings, PagesFollowTheirTokens) {
  std::vector<std::string> wanted;
  for (int i = 0; i < 7; ++i) {
    wanted.push_back("k" + std::to_string(i) + std::string(200, 'x'));
    put(wanted.back(), "");
  }
  std::vector<std::string> seen;
  std::string token;
  for (int page = 0; page < 4; ++page) {
    sign::Pairs query{{"max-keys", "2"}, {"encoding-type", "url"}};
    if (!token.empty()) query.emplace_back("continuation-token", token);
    const Seen answer = list(query);
    for (const std::string& key : answer.elements("Key")) seen.push_back(key);
    EXPECT_EQ(answer.element("IsTruncated"), page < 3 ? "true" : "false");
    token = percent_decode(answer.element("NextContinuationToken")).value();
  }
  EXPECT_EQ(seen, wanted);
}

TEST_F(Listings, V1PagesFollowTheirMarkers) {
  for (const char* key : {"a/1", "a/2", "b", "c/1"}) put(key, "");
  const Seen first = ask({.query = {{"delimiter", "/"}, {"max-keys", "1"}}});
  EXPECT_THAT(first.elements("Prefix"), ElementsAre("", "a/"));
  EXPECT_EQ(first.element("NextMarker"), "a/");
  const Seen second = ask({.query = {{"delimiter", "/"}, {"max-keys", "2"}, {"marker", "a/"}}});
  EXPECT_THAT(second.elements("Key"), ElementsAre("b"));
  EXPECT_EQ(second.element("IsTruncated"), "false");
  EXPECT_THAT(second.elements("NextMarker"), IsEmpty());
}

TEST_F(Listings, NamesAreEncodedOnRequestAndEscapedOtherwise) {
  put("a <&>+\xE4\xB8\xAD\n\r\x01", "");
  EXPECT_THAT(list({}).elements("Key"), ElementsAre("a &lt;&amp;&gt;+\xE4\xB8\xAD\n&#13;&#01;"));
  const Seen encoded = list({{"encoding-type", "url"}, {"prefix", "a "}});
  EXPECT_THAT(encoded.elements("Key"), ElementsAre("a%20%3C%26%3E%2B%E4%B8%AD%0A%0D%01"));
  EXPECT_EQ(encoded.element("Prefix"), "a%20");
  EXPECT_EQ(encoded.element("EncodingType"), "url");
  turn("list_space_as_plus");
  EXPECT_THAT(list({{"encoding-type", "url"}}).elements("Key"),
              ElementsAre("a+%3C%26%3E%2B%E4%B8%AD%0A%0D%01"));
}

TEST_F(Listings, BadArgumentsAreRefused) {
  for (const sign::Pairs& query :
       {sign::Pairs{{"max-keys", "1001"}}, sign::Pairs{{"max-keys", "-1"}},
        sign::Pairs{{"max-keys", "x"}}, sign::Pairs{{"prefix", std::string(1024, 'p')}},
        sign::Pairs{{"encoding-type", "base64"}}, sign::Pairs{{"continuation-token", "???"}},
        sign::Pairs{{"fetch-owner", "yes"}}})
    EXPECT_EQ(list(query).code(), "InvalidArgument") << query[0].first;
  for (const char* type : {"1", "3", "x", ""})
    EXPECT_EQ(ask({.query = {{"list-type", type}}}).code(), "InvalidArgument") << type;
}

TEST_F(Listings, KindsOfObjectsAreTold) {
  put("normal", "");
  ask({.method = "POST",
       .key = "appended",
       .query = {{"append", ""}, {"position", "0"}},
       .body = "x"});
  ask({.method = "PUT",
       .key = "link",
       .query = {{"symlink", ""}},
       .headers = {{"x-oss-symlink-target", "normal"}}});
  EXPECT_THAT(list({}).elements("Type"), ElementsAre("Appendable", "Symlink", "Normal"));
  EXPECT_THAT(list({}).elements("Size"), ElementsAre("1", "6", "0"));
  EXPECT_THAT(ask({.query = {{"versions", ""}}}).elements("Size"), ElementsAre("1", "6", "0"));
}

TEST_F(Listings, VersionsAreListedNewestFirstWithMarkers) {
  make({.name = "v", .versioning = Versioning::kEnabled});
  for (const char* body : {"1", "2"})
    ask({.method = "PUT", .key = "k", .body = body, .bucket = "v"});
  ask({.method = "DELETE", .key = "k", .bucket = "v"});
  const Seen all = ask({.query = {{"versions", ""}}, .bucket = "v"});
  EXPECT_THAT(all.elements("IsLatest"), ElementsAre("true", "false", "false"));
  EXPECT_THAT(all.body, HasSubstr("<DeleteMarker><Key>k</Key>"));
  EXPECT_EQ(all.elements("Version").size(), 2U);
  const Seen page = ask({.query = {{"versions", ""}, {"max-keys", "1"}}, .bucket = "v"});
  EXPECT_EQ(page.element("NextKeyMarker"), "k");
  const Seen next = ask({.query = {{"versions", ""},
                                   {"key-marker", "k"},
                                   {"version-id-marker", page.element("NextVersionIdMarker")}},
                         .bucket = "v"});
  EXPECT_EQ(next.elements("VersionId").size(), 2U);
}

}  // namespace
}  // namespace stsfs::sim
