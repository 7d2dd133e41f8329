#include <gmock/gmock.h>

#include "sim/oss_fixture.h"
#include "stsfs/base/crc64.h"

namespace stsfs::sim {
namespace {

using ::testing::HasSubstr;

class Copies : public OssTest {
 protected:
  void SetUp() override { make(); }
  Seen copy(const std::string& source, const std::string& to, sign::Pairs headers = {}) {
    headers.emplace_back("x-oss-copy-source", source);
    return ask({.method = "PUT", .key = to, .headers = std::move(headers)});
  }
};

TEST_F(Copies, TakeTheAttributesAlong) {
  const Seen original = put("a", "content", {{"x-oss-meta-m", "1"}, {"Content-Type", "text/css"}});
  clock_.advance(std::chrono::seconds(5));
  const Seen copied = copy("/bucket/a", "b");
  EXPECT_EQ(copied.status, 200);
  EXPECT_EQ(copied.element("ETag"), original.header("ETag"));
  EXPECT_EQ(copied.element("LastModified"), "2026-01-02T03:04:10.000Z");
  EXPECT_EQ(copied.header("x-oss-hash-crc64ecma"), std::to_string(crc64(0, as_bytes("content"))));
  const Seen object = get("b");
  EXPECT_EQ(object.body, "content");
  EXPECT_EQ(object.header("x-oss-meta-m"), "1");
  EXPECT_EQ(object.header("Content-Type"), "text/css");
  EXPECT_EQ(object.header("Last-Modified"), "Fri, 02 Jan 2026 03:04:10 GMT");
}

TEST_F(Copies, ReplaceTakesTheRequestsAttributes) {
  put("a", "x", {{"x-oss-meta-m", "1"}});
  copy("/bucket/a", "b", {{"x-oss-metadata-directive", "REPLACE"}, {"x-oss-meta-n", "2"}});
  EXPECT_EQ(head("b").header("x-oss-meta-m"), "");
  EXPECT_EQ(head("b").header("x-oss-meta-n"), "2");
  copy("/bucket/a", "c", {{"x-oss-meta-n", "2"}});  // COPY is the default
  EXPECT_EQ(head("c").header("x-oss-meta-n"), "");
}

TEST_F(Copies, TakeNoOtherDirective) {
  put("a", "x");
  for (const char* name : {"x-oss-metadata-directive", "x-oss-tagging-directive"}) {
    const Seen answer = copy("/bucket/a", "b", {{name, "KEEP"}});
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.code(), "InvalidArgument");
    EXPECT_EQ(answer.element("ArgumentName"), name);
    EXPECT_EQ(copy("/bucket/a", "b", {{name, "Copy"}}).status, 200);
  }
}

TEST_F(Copies, OntoItselfItIsAChangeOfAttributesWhateverTheDirective) {
  const std::string etag =
      put("k", "x", {{"x-oss-meta-m", "1"}, {"x-oss-storage-class", "IA"}}).header("ETag");
  EXPECT_EQ(copy("/bucket/k", "k", {{"x-oss-meta-m", "2"}}).status, 200);
  EXPECT_EQ(head("k").header("x-oss-meta-m"), "2");
  EXPECT_EQ(head("k").header("ETag"), etag);
  EXPECT_EQ(head("k").header("x-oss-storage-class"), "IA");
  turn("self_copy_changes_etag");
  copy("/bucket/k", "k");
  EXPECT_NE(head("k").header("ETag"), etag);
  EXPECT_EQ(get("k").body, "x");
}

TEST_F(Copies, HeedConditionsOnTheSource) {
  const std::string etag = put("a", "x").header("ETag");
  EXPECT_EQ(copy("/bucket/a", "b", {{"x-oss-copy-source-if-match", "\"no\""}}).code(),
            "PreconditionFailed");
  EXPECT_EQ(copy("/bucket/a", "b", {{"x-oss-copy-source-if-none-match", etag}}).status, 304);
  EXPECT_EQ(copy("/bucket/a", "b",
                 {{"x-oss-copy-source-if-unmodified-since", "Fri, 02 Jan 2026 03:04:04 GMT"}})
                .status,
            412);
  EXPECT_EQ(head("b").status, 404);
  EXPECT_EQ(copy("/bucket/a", "b", {{"x-oss-copy-source-if-match", etag}}).status, 200);
  EXPECT_EQ(copy("/bucket/a", "b", {{"x-oss-forbid-overwrite", "true"}}).code(),
            "FileAlreadyExists");
}

TEST_F(Copies, ComeFromOtherBucketsToo) {
  make({.name = "other"});
  ask({.method = "PUT", .key = "a", .body = "x", .bucket = "other"});
  EXPECT_EQ(copy("/other/a", "b").status, 200);
  EXPECT_EQ(get("b").body, "x");
  EXPECT_EQ(copy("/nothing/a", "b").code(), "NoSuchBucket");
  EXPECT_EQ(copy("/other/none", "b").code(), "NoSuchKey");
}

TEST_F(Copies, NeedTheRightToReadTheSource) {
  put("secret/a", "x");
  // This user may write anywhere in the bucket, but not read there.
  const Ask wanted{.method = "PUT",
                   .key = "b",
                   .headers = {{"x-oss-copy-source", "/bucket/secret/a"}},
                   .id = "reader",
                   .secret = "rs"};
  EXPECT_EQ(ask(wanted).code(), "AccessDenied");
}

TEST_F(Copies, SourcesMustBeNamedWhole) {
  put("a", "x");
  for (const char* source : {"", "/", "/bucket", "/bucket/", "%zz/a", "bucket/a"}) {
    if (*source == '\0') continue;
    EXPECT_EQ(copy(source, "b").code(), "InvalidArgument") << source;
  }
}

TEST_F(Copies, AreOfLessThanOneGibibyte) {
  Object object;
  object.etag = "\"e\"";
  ContentWriter writer(storage_);
  const std::string zeros(64 << 20, '\0');
  for (int i = 0; i < 16; ++i) ASSERT_TRUE(writer.write(zeros));
  object.content = writer.finish();
  ASSERT_TRUE(cloud_.find_bucket("bucket")->put("large", object));
  EXPECT_EQ(copy("/bucket/large", "b").code(), "EntityTooLarge");
}

TEST_F(Copies, OfALinkAreLinks) {
  put("target", "x");
  ask({.method = "PUT",
       .key = "link",
       .query = {{"symlink", ""}},
       .headers = {{"x-oss-symlink-target", "target"}}});
  EXPECT_EQ(copy("/bucket/link", "link2").status, 200);
  EXPECT_EQ(ask({.key = "link2", .query = {{"symlink", ""}}}).header("x-oss-symlink-target"),
            "target");
}

TEST_F(Copies, MayComeWithoutChecksumWhereItIsSwitched) {
  put("a", "x");
  turn("copy_without_crc");
  EXPECT_EQ(copy("/bucket/a", "b").header("x-oss-hash-crc64ecma"), "");
  EXPECT_NE(head("b").header("x-oss-hash-crc64ecma"), "");
  turn("copied_objects_without_crc");
  copy("/bucket/a", "c");
  EXPECT_EQ(head("c").header("x-oss-hash-crc64ecma"), "");
}

TEST_F(Copies, OfAVersionNameIt) {
  make({.name = "v", .versioning = Versioning::kEnabled});
  const Seen first = ask({.method = "PUT", .key = "k", .body = "1", .bucket = "v"});
  ask({.method = "PUT", .key = "k", .body = "2", .bucket = "v"});
  const std::string version = first.header("x-oss-version-id");
  const Seen copied = copy("/v/k?versionId=" + version, "b");
  EXPECT_EQ(copied.header("x-oss-copy-source-version-id"), version);
  EXPECT_EQ(get("b").body, "1");
}

TEST_F(Copies, AreNotMadeOfAppendableObjectsWhereVersionsAreKept) {
  make({.name = "v", .versioning = Versioning::kEnabled});
  for (const char* bucket : {"bucket", "v"})
    ask({.method = "POST",
         .key = "k",
         .query = {{"append", ""}, {"position", "0"}},
         .body = "1",
         .bucket = bucket});
  EXPECT_EQ(copy("/bucket/k", "b").status, 200);
  EXPECT_EQ(copy("/v/k", "b").code(), "OperationNotSupported");
}

}  // namespace
}  // namespace stsfs::sim
