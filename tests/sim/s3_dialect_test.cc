// The S3-compatible surface, over requests as AWS clients sign them.

#include "server/s3_dialect.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "sim/oss_fixture.h"
#include "stsfs/sign/aws_v4.h"

namespace stsfs::sim {
namespace {

constexpr std::string_view kNameSpace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";

class S3DialectTest : public OssTest {
 protected:
  void SetUp() override { make(); }

  /// As `ask`, signed with AWS V4. The bucket stands in the host when `host` begins with it.
  Seen s3(const Ask& wanted, std::string payload_hash = "UNSIGNED-PAYLOAD",
          std::string host = "127.0.0.1") {
    WireRequest request = wire(wanted.method, "/", cloud_.now());
    if (!host.starts_with(wanted.bucket + ".") && !wanted.bucket.empty())
      request.path += wanted.bucket + "/";
    request.path += percent_encode_path(wanted.key);
    request.query = wanted.query;
    request.headers = wanted.headers;
    request.host = host;
    request.headers.emplace_back("Host", host);
    request.headers.emplace_back("x-amz-date", format_compact(request.now));
    request.headers.emplace_back("x-amz-content-sha256", payload_hash);
    if (wanted.method == "PUT" || wanted.method == "POST")
      request.headers.emplace_back("Content-Length", std::to_string(wanted.body.size()));
    sign(request, payload_hash, wanted);
    const auto responder = answer_oss(services_, std::move(request));
    if (!wanted.body.empty()) responder->take_body(wanted.body);
    const HttpAnswer answer = responder->answer();
    Seen out{answer.status, answer.headers, answer.text, answer.head_size};
    if (answer.content) {
      out.body.resize(answer.content->size());
      EXPECT_TRUE(answer.content->read(
          0, {reinterpret_cast<std::byte*>(out.body.data()), out.body.size()}));
    }
    return out;
  }

 private:
  static void sign(WireRequest& request, const std::string& payload_hash, const Ask& wanted) {
    std::vector<std::string> names;
    for (const auto& [name, value] : request.headers)
      if (name == "Host" || to_lower(name).starts_with("x-amz-")) names.push_back(to_lower(name));
    std::sort(names.begin(), names.end());
    std::string joined;
    for (const std::string& name : names) joined += (joined.empty() ? "" : ";") + name;
    const std::string date = format_compact(request.now);
    const std::string day = date.substr(0, 8);
    const sign::aws4::Scope scope{day, "cn-hangzhou", "s3"};
    const std::string canonical = sign::aws4::canonical_request(
        request.method, request.path, request.query, request.headers, joined, payload_hash);
    request.headers.emplace_back(
        "Authorization",
        "AWS4-HMAC-SHA256 Credential=" + wanted.id + "/" + scope.to_string() +
            ", SignedHeaders=" + joined + ", Signature=" +
            sign::aws4::signature(sign::aws4::signing_key(wanted.secret, scope),
                                  sign::aws4::string_to_sign(date, scope, canonical)));
  }
};

TEST_F(S3DialectTest, MetadataIsTheSameOnBothSurfaces) {
  const Seen put = s3({.method = "PUT",
                       .key = "a b",
                       .headers = {{"x-amz-meta-mode", "33188"}, {"x-amz-acl", "private"}},
                       .body = "hello"});
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(put.header("ETag"), "\"5D41402ABC4B2A76B9719D911017C592\"");
  EXPECT_NE(put.header("x-amz-request-id"), "");
  EXPECT_EQ(put.header("x-oss-request-id"), "");
  const Seen ours = head("a b");
  EXPECT_EQ(ours.header("x-oss-meta-mode"), "33188");
  EXPECT_EQ(ours.header("x-amz-meta-mode"), "");
  const Seen theirs = s3({.method = "HEAD", .key = "a b"});
  EXPECT_EQ(theirs.header("x-amz-meta-mode"), "33188");
  EXPECT_EQ(theirs.header("x-oss-meta-mode"), "");
  EXPECT_EQ(theirs.head_size, 5U);
}

TEST_F(S3DialectTest, TheBucketMayStandInTheHost) {
  EXPECT_EQ(
      s3({.method = "PUT", .key = "k", .body = "v"}, "UNSIGNED-PAYLOAD", "bucket.localhost").status,
      200);
  EXPECT_EQ(s3({.key = "k"}, "UNSIGNED-PAYLOAD", "bucket.s3.oss-cn-hangzhou.aliyuncs.com").body,
            "v");
  EXPECT_EQ(s3({.key = "k"}, "UNSIGNED-PAYLOAD", "s3.oss-cn-hangzhou.aliyuncs.com").body, "v");
  EXPECT_EQ(s3({.key = "k"}, "UNSIGNED-PAYLOAD", "storage.example.com").body, "v");
}

TEST_F(S3DialectTest, RangesAreTheStandardOnes) {
  put("k", "0123456789");
  EXPECT_EQ(s3({.key = "k", .headers = {{"Range", "bytes=7-99"}}}).body, "789");
  const Seen beyond = s3({.key = "k", .headers = {{"Range", "bytes=10-"}}});
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(beyond.code(), "InvalidRange");
  EXPECT_EQ(get("k", {{"Range", "bytes=7-99"}}).body, "0123456789");
}

TEST_F(S3DialectTest, ErrorsAreInTheWordsOfS3) {
  const Seen missing = s3({.key = "no"});
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.code(), "NoSuchKey");
  EXPECT_EQ(missing.element("Resource"), "/bucket/no");
  EXPECT_EQ(missing.element("EC"), "");
  const Seen headed = s3({.method = "HEAD", .key = "no"});
  EXPECT_EQ(headed.status, 404);
  EXPECT_EQ(headed.body, "");
  EXPECT_EQ(headed.header("x-oss-err"), "");
  EXPECT_EQ(s3({.key = "no", .secret = "wrong"}).code(), "SignatureDoesNotMatch");
  EXPECT_EQ(s3({.key = "no", .id = "nobody", .secret = "ns"}).code(), "AccessDenied");
  EXPECT_EQ(s3({.method = "PUT",
                .key = "k",
                .headers = {{"Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="}},
                .body = "v"})
                .code(),
            "BadDigest");
  EXPECT_EQ(s3({.method = "PUT", .key = "k", .body = "v"}, std::string(64, '0')).code(),
            "XAmzContentSHA256Mismatch");
  EXPECT_EQ(head("k").status, 404);
}

TEST_F(S3DialectTest, CopiesKeepOrReplaceMetadata) {
  put("from", "v", {{"x-oss-meta-a", "1"}});
  const Seen kept =
      s3({.method = "PUT", .key = "kept", .headers = {{"x-amz-copy-source", "bucket/from"}}});
  EXPECT_NE(kept.body.find("<CopyObjectResult" + std::string(kNameSpace)), std::string::npos);
  EXPECT_EQ(head("kept").header("x-oss-meta-a"), "1");
  s3({.method = "PUT",
      .key = "replaced",
      .headers = {{"x-amz-copy-source", "/bucket/from"},
                  {"x-amz-metadata-directive", "REPLACE"},
                  {"x-amz-storage-class", "STANDARD_IA"},
                  {"x-amz-meta-b", "2"}}});
  const Seen replaced = s3({.method = "HEAD", .key = "replaced"});
  EXPECT_EQ(replaced.header("x-amz-meta-a"), "");
  EXPECT_EQ(replaced.header("x-amz-meta-b"), "2");
  EXPECT_EQ(replaced.header("x-amz-storage-class"), "STANDARD_IA");
  EXPECT_EQ(head("replaced").header("x-oss-storage-class"), "IA");
  EXPECT_EQ(s3({.method = "PUT",
                .key = "k",
                .headers = {{"x-amz-copy-source", "bucket/from"},
                            {"x-amz-copy-source-if-match", "\"0\""}}})
                .code(),
            "PreconditionFailed");
}

TEST_F(S3DialectTest, ListingsAreS3s) {
  put("d/一", "v");
  put("e f", "v");
  const Seen v1 = s3({.query = {{"delimiter", "/"}}});
  EXPECT_NE(v1.body.find("<ListBucketResult" + std::string(kNameSpace)), std::string::npos);
  EXPECT_EQ(v1.elements("Key"), std::vector<std::string>{"e f"});
  EXPECT_EQ(v1.element("StorageClass"), "STANDARD");
  EXPECT_EQ(v1.element("Type"), "");
  EXPECT_NE(v1.body.find("<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>"),
            std::string::npos);
  const Seen v2 = s3({.query = {{"list-type", "2"}, {"encoding-type", "url"}, {"max-keys", "1"}}});
  EXPECT_EQ(v2.elements("Key"), std::vector<std::string>{"d%2F%E4%B8%80"});
  EXPECT_EQ(v2.element("IsTruncated"), "true");
  EXPECT_EQ(list({}).element("StorageClass"), "Standard");
}

TEST_F(S3DialectTest, UploadsInPartsAndPartCopies) {
  put("from", std::string(200'000, 'x'));
  const std::string id = s3({.method = "POST",
                             .key = "k",
                             .query = {{"uploads", ""}},
                             .headers = {{"x-amz-meta-m", "1"}}})
                             .element("UploadId");
  const Seen copied = s3({.method = "PUT",
                          .key = "k",
                          .query = {{"partNumber", "1"}, {"uploadId", id}},
                          .headers = {{"x-amz-copy-source", "bucket/from"},
                                      {"x-amz-copy-source-range", "bytes=0-149999"}}});
  EXPECT_EQ(copied.status, 200);
  const Seen sent = s3({.method = "PUT",
                        .key = "k",
                        .query = {{"partNumber", "2"}, {"uploadId", id}},
                        .body = "end"});
  EXPECT_EQ(s3({.key = "k", .query = {{"uploadId", id}}}).elements("PartNumber").size(), 2U);
  EXPECT_EQ(s3({.query = {{"uploads", ""}}}).element("UploadId"), id);
  const Seen done =
      s3({.method = "POST",
          .key = "k",
          .query = {{"uploadId", id}},
          .body = "<CompleteMultipartUpload "
                  "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Part><PartNumber>1</"
                  "PartNumber><ETag>" +
                  copied.element("ETag") + "</ETag></Part><Part><PartNumber>2</PartNumber><ETag>" +
                  sent.header("ETag") + "</ETag></Part></CompleteMultipartUpload>"});
  EXPECT_EQ(done.status, 200) << done.body;
  const Seen whole = s3({.method = "HEAD", .key = "k"});
  EXPECT_EQ(whole.head_size, 150'003U);
  EXPECT_EQ(whole.header("x-amz-meta-m"), "1");
}

TEST_F(S3DialectTest, BucketsAnswerHeadAndLocation) {
  EXPECT_EQ(s3({.method = "HEAD"}).status, 200);
  EXPECT_EQ(s3({.method = "HEAD", .bucket = "absent"}).status, 404);
  EXPECT_NE(s3({.query = {{"location", ""}}})
                .body.find("<LocationConstraint" + std::string(kNameSpace) + "oss-cn-hangzhou"),
            std::string::npos);
  EXPECT_EQ(ask({.method = "HEAD"}).status, 405);
}

TEST_F(S3DialectTest, AQuietDeleteIsAnEmptyDocument) {
  put("k", "v");
  const std::string body = "<Delete><Object><Key>k</Key></Object><Quiet>true</Quiet></Delete>";
  const Seen gone = s3({.method = "POST",
                        .query = {{"delete", ""}},
                        .headers = {{"Content-MD5", base64_encode(sign::md5(body))}},
                        .body = body});
  EXPECT_EQ(gone.status, 200);
  EXPECT_NE(gone.body.find("<DeleteResult xmlns="), std::string::npos);
  EXPECT_EQ(head("k").status, 404);
}

TEST_F(S3DialectTest, TheCodingOfTheWayIsNotStored) {
  const std::string chunks = "5\r\nhello\r\n0\r\n\r\n";
  const Seen done = s3(
      {.method = "PUT",
       .key = "k",
       .headers = {{"Content-Encoding", "aws-chunked,gzip"}, {"x-amz-decoded-content-length", "5"}},
       .body = chunks},
      "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
  EXPECT_EQ(done.status, 200) << done.body;
  const Seen whole = get("k");
  EXPECT_EQ(whole.body, "hello");
  EXPECT_EQ(whole.header("content-encoding"), "gzip");
}

}  // namespace
}  // namespace stsfs::sim
