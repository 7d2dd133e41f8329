// Every refusal by its status, code and EC, as the service's error pages have them
// (help.aliyun.com/zh/oss/user-guide/<EC>); in the body and, for HEAD, in x-oss-err.

#include "sim/oss_fixture.h"

namespace stsfs::sim {
namespace {

struct Expected {
  int status;
  const char* code;
  const char* ec;
};

class ErrorAnswers : public OssTest {
 protected:
  void SetUp() override { make(); }

  void expect(const Seen& answer, const Expected& wanted) {
    EXPECT_EQ(answer.status, wanted.status);
    EXPECT_EQ(answer.code(), wanted.code);
    EXPECT_EQ(answer.element("EC"), wanted.ec);
    EXPECT_EQ(answer.header("x-oss-ec"), wanted.ec);
    EXPECT_EQ(answer.element("RequestId"), answer.header("x-oss-request-id"));
    EXPECT_NE(answer.element("Message"), "");
    EXPECT_EQ(answer.element("HostId"), "127.0.0.1");
  }
  Seen post(const std::string& key, sign::Pairs query, const std::string& body = {},
            sign::Pairs headers = {}) {
    return ask({.method = "POST",
                .key = key,
                .query = std::move(query),
                .headers = std::move(headers),
                .body = body});
  }
  Seen delete_many(const std::string& body) {
    return post("", {{"delete", ""}}, body, {{"Content-MD5", base64_encode(sign::md5(body))}});
  }
};

TEST_F(ErrorAnswers, OfUploads) {
  expect(put("k", "x", {{"Content-MD5", "AAAA"}}), {400, "InvalidDigest", "0017-00000502"});
  expect(put("k", "x", {{"Content-MD5", base64_encode(sign::md5("y"))}}),
         {400, "InvalidDigest", "0017-00000503"});
  expect(put("k", "x", {{"x-oss-tagging", "a=b=c&=d"}}), {400, "InvalidTag", "0010-00000219"});
  expect(put("k", "x", {{"x-oss-meta-a_b", "x"}}), {400, "InvalidArgument", "0011-00000004"});
  expect(put("k", "x", {{"x-oss-meta-a", std::string(9000, 'x')}}),
         {400, "InvalidArgument", "0011-00000002"});
  put("k", "x");
  expect(put("k", "x", {{"x-oss-forbid-overwrite", "true"}}),
         {409, "FileAlreadyExists", "0026-00000002"});
}

TEST_F(ErrorAnswers, OfNames) {
  expect(get(std::string(1024, 'x')), {400, "InvalidObjectName", "0016-00000003"});
  expect(get("\xFF"), {400, "InvalidObjectName", "0016-00000004"});
  expect(get("/k"), {400, "InvalidObjectName", "0016-00000005"});
  expect(get("\\k"), {400, "InvalidObjectName", "0016-00000005"});
}

TEST_F(ErrorAnswers, OfReads) {
  expect(get("none"), {404, "NoSuchKey", "0026-00000001"});
  expect(ask({.key = "k", .bucket = "nobucket"}), {404, "NoSuchBucket", "0015-00000101"});
  put("k", "x");
  expect(get("k", {{"If-Match", "\"other\""}}), {412, "PreconditionFailed", "0017-00001001"});
  put("cold", "x", {{"x-oss-storage-class", "Archive"}});
  expect(get("cold"), {403, "InvalidObjectState", "0016-00000404"});
  expect(post("k", {{"restore", ""}}), {400, "OperationNotSupported", "0016-00000702"});
  EXPECT_EQ(post("cold", {{"restore", ""}}).status, 202);
  expect(post("cold", {{"restore", ""}}), {409, "RestoreAlreadyInProgress", "0016-00000701"});
}

TEST_F(ErrorAnswers, OfSymbolicLinks) {
  const auto link = [&](sign::Pairs headers) {
    return ask({.method = "PUT",
                .key = "link",
                .query = {{"symlink", ""}},
                .headers = std::move(headers)});
  };
  expect(link({}), {400, "InvalidArgument", "0043-00000001"});
  EXPECT_EQ(link({{"x-oss-symlink-target", "none"}}).status, 200);
  expect(get("link"), {404, "SymlinkTargetNotExist", "0026-00000012"});
  put("k", "x");
  expect(get("k", {}, {{"symlink", ""}}), {400, "NotSymlink", "0043-00000101"});
}

TEST_F(ErrorAnswers, OfAppends) {
  put("k", "x");
  expect(post("k", {{"append", ""}, {"position", "x"}}, "x"),
         {400, "MissingArgument", "0016-00000502"});
  expect(post("k", {{"append", ""}, {"position", "1"}}, "x"),
         {409, "ObjectNotAppendable", "0026-00000017"});
  expect(post("new", {{"append", ""}, {"position", "1"}}, "x"),
         {409, "PositionNotEqualToLength", "0026-00000016"});
}

TEST_F(ErrorAnswers, OfMultipartUploads) {
  const std::string id = initiate("k");
  expect(upload_part("k", id, 0, "x"), {400, "InvalidArgument", "0017-00000220"});
  expect(upload_part("k", id, 10'001, "x"), {400, "InvalidArgument", "0017-00000220"});
  expect(upload_part("k", "none", 1, "x"), {404, "NoSuchUpload", "0042-00000002"});
  const std::string one = unquoted(upload_part("k", id, 1, "x").header("ETag"));
  const std::string two = unquoted(upload_part("k", id, 2, "y").header("ETag"));
  const auto part = [](int number, const std::string& etag) {
    return "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" + etag +
           "</ETag></Part>";
  };
  const auto complete = [&](const std::string& parts) {
    return post("k", {{"uploadId", id}},
                "<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>");
  };
  expect(complete(part(2, two) + part(1, one)), {400, "InvalidPartOrder", "0042-00000209"});
  expect(complete(part(1, one) + part(2, two)), {400, "EntityTooSmall", "0042-00000213"});
  expect(complete(""), {400, "MalformedXML", "0042-00000205"});
  expect(post("k", {{"uploadId", id}}, "<Complete"), {400, "MalformedXML", "0042-00000205"});
}

TEST_F(ErrorAnswers, OfDeletingMany) {
  expect(post("", {{"delete", ""}}, "<Delete/>"), {400, "MissingArgument", "0016-00000606"});
  expect(delete_many("<Delete><Object>"), {400, "MalformedXML", "0016-00000607"});
  expect(delete_many("<Remove/>"), {400, "MalformedXML", "0016-00000608"});
  expect(delete_many("<Delete><Object><Key></Key></Object></Delete>"),
         {400, "MalformedXML", "0016-00000611"});
  expect(delete_many("<Delete><Quiet>true</Quiet></Delete>"),
         {400, "MalformedXML", "0016-00000615"});
}

TEST_F(ErrorAnswers, OfListings) {
  expect(ask({.query = {{"max-keys", "1001"}}}), {400, "InvalidArgument", "0015-00000402"});
  expect(list({{"max-keys", "0"}}), {400, "InvalidArgument", "0015-00000402"});
  expect(ask({.query = {{"versions", ""}, {"max-keys", "x"}}}),
         {400, "InvalidArgument", "0012-00000102"});
}

TEST_F(ErrorAnswers, OfTags) {
  const auto tag = [&](const std::string& name, const std::string& value) {
    return ask({.method = "PUT",
                .key = "k",
                .query = {{"tagging", ""}},
                .body = "<Tagging><TagSet><Tag><Key>" + name + "</Key><Value>" + value +
                        "</Value></Tag></TagSet></Tagging>"});
  };
  put("k", "x");
  expect(tag(std::string(129, 'x'), "v"), {400, "InvalidTag", "0010-00000209"});
  expect(tag("k", std::string(257, 'x')), {400, "InvalidTag", "0010-00000217"});
}

TEST_F(ErrorAnswers, OfCredentials) {
  expect(ask({.id = "unknown"}), {403, "InvalidAccessKeyId", "0002-00000902"});
  expect(ask({.secret = "wrong"}), {403, "SignatureDoesNotMatch", "0002-00000040"});
  const auto with = [&](const std::string& authorization) {
    return ask({.headers = {{"Authorization", authorization}}, .id = ""});
  };
  expect(with("OSSxxx a:b"), {400, "InvalidArgument", "0002-00000061"});
  expect(with("OSS ak:b"), {403, "AccessDenied", "0002-00000503"});
}

/// HEAD has no body: the same document stands in a header.
TEST_F(ErrorAnswers, OfHeadStandInAHeader) {
  put("cold", "x", {{"x-oss-storage-class", "Archive"}});
  put("k", "x");
  const auto document = [&](const std::string& key, sign::Pairs headers = {}) {
    Seen answer = head(key, std::move(headers));
    EXPECT_EQ(answer.body, "");
    answer.body = as_text(base64_decode(answer.header("x-oss-err")).value());
    return answer;
  };
  expect(document("none"), {404, "NoSuchKey", "0026-00000001"});
  expect(document("k", {{"If-Match", "\"other\""}}), {412, "PreconditionFailed", "0017-00001001"});
  expect(document("/k"), {400, "InvalidObjectName", "0016-00000005"});
  Seen denied = ask({.method = "HEAD", .key = "k", .id = "nobody", .secret = "ns"});
  denied.body = as_text(base64_decode(denied.header("x-oss-err")).value());
  expect(denied, {403, "AccessDenied", "0003-00000001"});
}

}  // namespace
}  // namespace stsfs::sim
