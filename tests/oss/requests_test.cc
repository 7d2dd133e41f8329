#include "requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "place.h"
#include "stsfs/base/text.h"

namespace stsfs::oss {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;
using ::testing::Pair;

std::string body_of(const RequestSpec& spec) {
  std::string out(spec.body->size_bytes(), '\0');
  EXPECT_TRUE(spec.body->read(0, std::as_writable_bytes(std::span(out))));
  return out;
}

Place place(const std::string& endpoint, UrlStyle style = UrlStyle::kAutomatic) {
  auto made = Place::of({.endpoint = endpoint,
                         .region = "cn-hangzhou",
                         .bucket = "examplebucket",
                         .url_style = style});
  EXPECT_TRUE(made) << made.error().message;
  return *made;
}

TEST(Place, PutsTheBucketBeforeTheHost) {
  EXPECT_EQ(place("https://oss-cn-hangzhou.aliyuncs.com").url("a/b", {}),
            "https://examplebucket.oss-cn-hangzhou.aliyuncs.com/a/b");
}

TEST(Place, TakesHttpsWhereTheEndpointNamesNoScheme) {
  EXPECT_EQ(place("oss-cn-hangzhou.aliyuncs.com/").url("", {}),
            "https://examplebucket.oss-cn-hangzhou.aliyuncs.com/");
}

TEST(Place, PutsTheBucketIntoThePathOfAnAddress) {
  EXPECT_EQ(place("http://127.0.0.1:9000").url("a", {}), "http://127.0.0.1:9000/examplebucket/a");
  EXPECT_EQ(place("http://[::1]:9000").url("a", {}), "http://[::1]:9000/examplebucket/a");
  EXPECT_EQ(place("http://localhost:9000").url("a", {}), "http://localhost:9000/examplebucket/a");
}

TEST(Place, HeedsTheStyleThatIsAskedFor) {
  EXPECT_EQ(place("http://oss.example", UrlStyle::kPath).url("a", {}),
            "http://oss.example/examplebucket/a");
  EXPECT_EQ(place("http://localhost", UrlStyle::kVirtualHosted).url("a", {}),
            "http://examplebucket.localhost/a");
}

TEST(Place, EncodesEveryByteOfAKey) {
  EXPECT_EQ(place("http://h.example")
                .url("a b+c%d\"e\n\xF0\x9F\x98\x80\xFF'(*)/../x", {{"acl", ""}, {"p", "a/b c"}}),
            "http://examplebucket.h.example/"
            "a%20b%2Bc%25d%22e%0A%F0%9F%98%80%FF%27%28%2A%29/../x?acl&p=a%2Fb%20c");
}

TEST(Place, RefusesWhatCanBeNoEndpointBucketOrRegion) {
  const OssStoreOptions good{
      .endpoint = "https://oss.example", .region = "cn-hangzhou", .bucket = "examplebucket"};
  EXPECT_TRUE(Place::of(good));
  for (const char* endpoint : {"", "ftp://x", "https://", "https://a/b", "https://u@h", "h%20"}) {
    OssStoreOptions bad = good;
    bad.endpoint = endpoint;
    EXPECT_FALSE(Place::of(bad)) << endpoint;
  }
  for (const char* bucket : {"", "ab", "Upper", "-ab", "ab-", "a/b", "a.b"}) {
    OssStoreOptions bad = good;
    bad.bucket = bucket;
    EXPECT_FALSE(Place::of(bad)) << bucket;
  }
  for (const char* region : {"", "oss-", "a/b", "a b"}) {
    OssStoreOptions bad = good;
    bad.region = region;
    EXPECT_FALSE(Place::of(bad)) << region;
  }
}

TEST(Requests, ListAsksForEncodedKeysAndGoesOnFromItsToken) {
  ListRequest request{.prefix = "users/a/", .delimiter = "/", .start_after = "users/a/m"};
  EXPECT_THAT(list_request(request).query,
              ElementsAre(Pair("list-type", "2"), Pair("encoding-type", "url"),
                          Pair("max-keys", "1000"), Pair("prefix", "users/a/"),
                          Pair("delimiter", "/"), Pair("start-after", "users/a/m")));
  request.continuation_token = "CgJiYw--";
  EXPECT_THAT(list_request(request).query, Contains(Pair("continuation-token", "CgJiYw--")));
  EXPECT_THAT(list_request(request).query, Not(Contains(Pair("start-after", "users/a/m"))));
}

TEST(Requests, GetNamesRangeBehaviourAndVersion) {
  EXPECT_THAT(get_request("k", "\"E\"", {100, 50}).headers,
              ElementsAre(Pair("Range", "bytes=100-149"), Pair("x-oss-range-behavior", "standard"),
                          Pair("If-Match", "\"E\"")));
  EXPECT_THAT(get_request("k", "", {0, 1}).headers, Not(Contains(Pair("If-Match", ""))));
}

TEST(Requests, PutCarriesEverythingThatIsKeptWithAnObject) {
  PutOptions options;
  options.headers.content_type = "text/plain";
  options.headers.encryption = {.method = "KMS", .key_id = "a-key", .data_method = "SM4"};
  options.headers.user = {{"Mode", "33188"}};
  options.storage_class = "IA";
  options.acl = "private";
  options.tagging = "a=1&b=2";
  options.forbid_overwrite = true;
  EXPECT_THAT(
      put_request("k", nullptr, options).headers,
      ElementsAre(Pair("Content-Type", "text/plain"), Pair("x-oss-meta-mode", "33188"),
                  Pair("x-oss-server-side-encryption", "KMS"),
                  Pair("x-oss-server-side-encryption-key-id", "a-key"),
                  Pair("x-oss-server-side-data-encryption", "SM4"),
                  Pair("x-oss-storage-class", "IA"), Pair("x-oss-object-acl", "private"),
                  Pair("x-oss-tagging", "a=1&b=2"), Pair("x-oss-forbid-overwrite", "true")));
}

TEST(Requests, CopySendsMetadataOnlyToReplaceIt) {
  CopyOptions options;
  options.source_key = "a b/\xE4\xBD\xA0";
  options.source_etag = "\"E\"";
  options.put.headers.user = {{"mode", "1"}};
  EXPECT_THAT(copy_request("bucket", "k", options).headers,
              ElementsAre(Pair("x-oss-copy-source", "/bucket/a%20b/%E4%BD%A0"),
                          Pair("x-oss-copy-source-if-match", "\"E\""),
                          Pair("x-oss-metadata-directive", "COPY")));
  options.replace_metadata = true;
  const auto headers = copy_request("bucket", "k", options).headers;
  EXPECT_THAT(headers, Contains(Pair("x-oss-metadata-directive", "REPLACE")));
  EXPECT_THAT(headers, Contains(Pair("x-oss-meta-mode", "1")));
}

// A copy inherits no encryption, whatever becomes of the metadata; a link has none.
TEST(Requests, NameTheEncryptionWhereverOneCanBeGiven) {
  CopyOptions options;
  options.source_key = "a";
  options.put.headers.encryption = {.method = "AES256", .key_id = "", .data_method = ""};
  const auto is_named = Contains(Pair("x-oss-server-side-encryption", "AES256"));
  EXPECT_THAT(copy_request("bucket", "k", options).headers, is_named);
  options.replace_metadata = true;
  EXPECT_THAT(copy_request("bucket", "k", options).headers, is_named);
  EXPECT_THAT(initiate_request("k", options.put).headers, is_named);
  EXPECT_THAT(complete_request("k", "id", {}, options.put).headers, Not(is_named));
  EXPECT_THAT(put_symlink_request("k", "t", options.put).headers, Not(is_named));
}

TEST(Requests, DeleteManyEscapesKeysAndSumsTheBody) {
  const RequestSpec spec = delete_many_request({"a&b<c>\"'", "tab\tline\nreturn\r", "plain"});
  EXPECT_EQ(body_of(spec),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Delete><Quiet>false</Quiet>"
            "<Object><Key>a&amp;b&lt;c&gt;\"'</Key></Object>"
            "<Object><Key>tab&#x9;line&#xA;return&#xD;</Key></Object>"
            "<Object><Key>plain</Key></Object></Delete>");
  EXPECT_EQ(delete_many_request({}).headers.back().first, "Content-MD5");
  EXPECT_EQ(delete_many_request({}).headers.back().second.size(), 24u);
}

TEST(Requests, KnowsWhichKeysXmlCanHold) {
  for (const char* good : {"a", "a\tb\nc\rd", "\xC2\x80", "\xE4\xBD\xA0", "\xF0\x9F\x98\x80"})
    EXPECT_TRUE(fits_xml(good)) << printable(good);
  for (const char* bad : {"\x01", "a\x1F", "\xFF", "\xC0\x80", "\xE4\xBD", "\xED\xA0\x80",
                          "\xEF\xBF\xBE", "\xF4\x90\x80\x80", "\x80"})
    EXPECT_FALSE(fits_xml(bad)) << printable(bad);
}

TEST(Requests, CompleteListsThePartsInOrder) {
  PutOptions options;
  options.acl = "private";
  options.forbid_overwrite = true;
  const RequestSpec spec =
      complete_request("k", "U", {{1, "\"A\"", 5, {}}, {3, "\"B\"", 5, {}}}, options);
  EXPECT_EQ(body_of(spec),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CompleteMultipartUpload>"
            "<Part><PartNumber>1</PartNumber><ETag>\"A\"</ETag></Part>"
            "<Part><PartNumber>3</PartNumber><ETag>\"B\"</ETag></Part></CompleteMultipartUpload>");
  EXPECT_THAT(spec.headers, Contains(Pair("x-oss-forbid-overwrite", "true")));
  // The ACL of an upload is set by Complete, not by Initiate.
  EXPECT_THAT(spec.headers, Contains(Pair("x-oss-object-acl", "private")));
  EXPECT_THAT(initiate_request("k", options).headers,
              Not(Contains(Pair("x-oss-object-acl", "private"))));
}

TEST(Requests, SymlinkTargetsAreEncodedWhole) {
  EXPECT_THAT(put_symlink_request("l", "users/a/b c+d", {}).headers,
              ElementsAre(Pair("x-oss-symlink-target", "users%2Fa%2Fb%20c%2Bd")));
}

TEST(Requests, DirectoriesAreDeletedUnderTheirNameWithoutTheSlash) {
  const RequestSpec spec = delete_directory_request("users/a/b c/");
  EXPECT_EQ(spec.operation, Operation::kDelete);
  EXPECT_EQ(spec.method, http::Method::kPost);
  EXPECT_EQ(spec.key, "users/a/b c");
  EXPECT_EQ(spec.query, (sign::Pairs{{"x-oss-delete", ""}}));
}

TEST(Requests, RenamesNameDirectoriesWithoutTheirSlash) {
  const RequestSpec spec = rename_request("users/a/b c/", "users/a/d/");
  EXPECT_EQ(spec.method, http::Method::kPost);
  EXPECT_EQ(spec.key, "users/a/d");
  EXPECT_THAT(spec.query, ElementsAre(Pair("x-oss-rename", "")));
  EXPECT_THAT(spec.headers, ElementsAre(Pair("x-oss-rename-source", "users%2Fa%2Fb%20c")));
}

TEST(Requests, CopiedPartsNameTheirRange) {
  const RequestSpec spec = copy_part_request("b", "k", "U", 2, "s", "\"E\"", {0, 102'400});
  EXPECT_THAT(spec.headers, Contains(Pair("x-oss-copy-source-range", "bytes=0-102399")));
  EXPECT_THAT(spec.query, ElementsAre(Pair("partNumber", "2"), Pair("uploadId", "U")));
}

}  // namespace
}  // namespace stsfs::oss
