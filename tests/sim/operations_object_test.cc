#include <gmock/gmock.h>

#include "sim/oss_fixture.h"
#include "stsfs/base/crc64.h"

namespace stsfs::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ObjectOperations : public OssTest {
 protected:
  void SetUp() override { make(); }
};

// --- PutObject ---

TEST_F(ObjectOperations, PutAnswersWithMd5EtagAndCrc) {
  const Seen answer = put("k", "123456789");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("ETag"), "\"25F9E794323B453885F5181F1B624D0B\"");
  EXPECT_EQ(answer.header("x-oss-hash-crc64ecma"), "11051210869376104954");
  EXPECT_EQ(answer.header("Content-MD5"), "JfnnlDI7RTiF9RgfG2JNCw==");
  EXPECT_EQ(answer.header("Server"), "AliyunOSS");
  EXPECT_THAT(answer.header("x-oss-request-id"), MatchesRegex("[0-9A-F]{24}"));
  EXPECT_EQ(answer.header("Date"), "Fri, 02 Jan 2026 03:04:05 GMT");
  EXPECT_EQ(answer.header("x-oss-version-id"), "");
}

TEST_F(ObjectOperations, GetGivesBackWhatPutSaid) {
  put("dir/k \xE4\xB8\xAD", "content",
      {{"Content-Type", "text/html"},
       {"Cache-Control", "no-cache"},
       {"Content-Disposition", "inline"},
       {"Expires", "Fri, 28 Feb 2030 05:38:42 GMT"},
       {"X-Oss-Meta-Mode", "33188"}});
  const Seen answer = get("dir/k \xE4\xB8\xAD");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "content");
  EXPECT_EQ(answer.header("Content-Type"), "text/html");
  EXPECT_EQ(answer.header("Cache-Control"), "no-cache");
  EXPECT_EQ(answer.header("Content-Disposition"), "inline");
  EXPECT_EQ(answer.header("Expires"), "Fri, 28 Feb 2030 05:38:42 GMT");
  EXPECT_EQ(answer.header("x-oss-meta-mode"), "33188");
  EXPECT_EQ(answer.header("x-oss-object-type"), "Normal");
  EXPECT_EQ(answer.header("x-oss-storage-class"), "Standard");
  EXPECT_EQ(answer.header("Last-Modified"), "Fri, 02 Jan 2026 03:04:05 GMT");
  EXPECT_EQ(answer.header("x-oss-hash-crc64ecma"), std::to_string(crc64(0, as_bytes("content"))));
}

TEST_F(ObjectOperations, ForbidOverwriteKeepsWhatIsThere) {
  put("k", "first");
  const Seen answer = put("k", "second", {{"x-oss-forbid-overwrite", "true"}});
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.code(), "FileAlreadyExists");
  EXPECT_EQ(get("k").body, "first");
  EXPECT_EQ(put("new", "x", {{"x-oss-forbid-overwrite", "true"}}).status, 200);
}

TEST_F(ObjectOperations, ForbidOverwriteMeansNothingOnceVersioned) {
  make({.name = "versioned", .versioning = Versioning::kSuspended});
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(ask({.method = "PUT",
                   .key = "k",
                   .headers = {{"x-oss-forbid-overwrite", "true"}},
                   .body = "x",
                   .bucket = "versioned"})
                  .status,
              200);
}

TEST_F(ObjectOperations, WrongContentMd5IsInvalidDigest) {
  const Seen wrong = put("k", "x", {{"Content-MD5", "eB5eJF1ptWaXm4bijSPyxw=="}});
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(wrong.code(), "InvalidDigest");
  EXPECT_EQ(put("k", "x", {{"Content-MD5", "no base64"}}).code(), "InvalidDigest");
  EXPECT_EQ(head("k").status, 404);
  EXPECT_EQ(put("k", "0123456789", {{"Content-MD5", "eB5eJF1ptWaXm4bijSPyxw=="}}).status, 200);
}

TEST_F(ObjectOperations, ConditionsOnPutAreNotImplemented) {
  const Seen answer = put("k", "x", {{"If-Modified-Since", "Fri, 02 Jan 2026 03:04:05 GMT"}});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.code(), "NotImplemented");
  EXPECT_EQ(answer.element("Header"), "if-modified-since");
  EXPECT_EQ(put("k", "x", {{"If-Match", "\"A\""}}).code(), "NotImplemented");
}

TEST_F(ObjectOperations, ConditionsOnPutHoldWhenSwitchedOn) {
  turn("put_honours_if_match");
  EXPECT_EQ(put("k", "1", {{"If-None-Match", "*"}}).status, 200);
  EXPECT_EQ(put("k", "2", {{"If-None-Match", "*"}}).code(), "PreconditionFailed");
  const std::string etag = head("k").header("ETag");
  EXPECT_EQ(put("k", "3", {{"If-Match", "\"other\""}}).status, 412);
  EXPECT_EQ(put("k", "4", {{"If-Match", etag}}).status, 200);
}

TEST_F(ObjectOperations, ConditionsOnOtherWritesAreAsThoseOnPut) {
  put("from", "x");
  const std::string id = initiate("m");
  upload_part("m", id, 1, "x");
  const Ask writes[] = {
      {.method = "PUT", .key = "copy", .headers = {{"x-oss-copy-source", "/bucket/from"}}},
      {.method = "POST", .key = "log", .query = {{"append", ""}, {"position", "0"}}, .body = "x"},
      {.method = "PUT",
       .key = "link",
       .query = {{"symlink", ""}},
       .headers = {{"x-oss-symlink-target", "from"}}},
      {.method = "POST", .key = "upload", .query = {{"uploads", ""}}},
      {.method = "POST",
       .key = "m",
       .query = {{"uploadId", id}},
       .headers = {{"x-oss-complete-all", "yes"}}},
  };
  const auto code = [&](Ask write, const char* name, const char* value) {
    write.headers.emplace_back(name, value);
    return ask(write).code();
  };
  for (const Ask& write : writes)
    for (const char* name : {"If-Match", "If-None-Match", "If-Unmodified-Since"})
      EXPECT_EQ(code(write, name, "*"), "NotImplemented") << write.key << " " << name;
  turn("put_honours_if_match");
  for (const Ask& write : writes) {
    EXPECT_EQ(code(write, "If-Unmodified-Since", "x"), "NotImplemented") << write.key;
    EXPECT_EQ(code(write, "If-Match", "*"), "PreconditionFailed") << write.key;
    EXPECT_EQ(code(write, "If-None-Match", "*"), "") << write.key;
  }
  for (const char* key : {"copy", "log", "link", "m"}) EXPECT_EQ(head(key).status, 200) << key;
  EXPECT_EQ(code(writes[0], "If-None-Match", "*"), "PreconditionFailed");
}

TEST_F(ObjectOperations, EightKilobytesOfUserMetadataAndNoMore) {
  const std::string name = "x-oss-meta-a";  // one byte of the name counts
  EXPECT_EQ(put("k", "", {{name, std::string(8191, 'v')}}).status, 200);
  const Seen answer = put("k", "", {{name, std::string(8192, 'v')}});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.element("EC"), "0011-00000002");
}

TEST_F(ObjectOperations, MetadataNamesAreLettersDigitsAndDashes) {
  EXPECT_EQ(put("k", "", {{"x-oss-meta-a_b", "v"}}).status, 400);
  EXPECT_EQ(put("k", "", {{"x-oss-meta-A-1", "v"}}).status, 200);
  EXPECT_EQ(head("k").header("x-oss-meta-a-1"), "v");
}

TEST_F(ObjectOperations, KeysAreUpTo1023BytesOfUtf8) {
  EXPECT_EQ(put(std::string(1023, 'k'), "").status, 200);
  EXPECT_EQ(put(std::string(1024, 'k'), "").code(), "InvalidObjectName");
  EXPECT_EQ(put("/k", "").code(), "InvalidObjectName");
  EXPECT_EQ(put("\\k", "").code(), "InvalidObjectName");
  EXPECT_EQ(put("\xFF", "").code(), "InvalidObjectName");
  EXPECT_EQ(put("a\nb +%\"'", "").status, 200);
}

TEST_F(ObjectOperations, ClassAndAclAreChecked) {
  EXPECT_EQ(put("k", "", {{"x-oss-storage-class", "Cheap"}}).code(), "InvalidArgument");
  EXPECT_EQ(put("k", "", {{"x-oss-object-acl", "everyone"}}).code(), "InvalidArgument");
  EXPECT_EQ(put("k", "", {{"x-oss-storage-class", "IA"}}).status, 200);
  EXPECT_EQ(head("k").header("x-oss-storage-class"), "IA");
}

// --- ranges, on 1000 bytes. Source: OSS API, GetObject, `Range` and x-oss-range-behavior ---

struct RangeRow {
  const char* range;
  int plain;  // status without, and with x-oss-range-behavior: standard
  int standard;
  const char* content_range;  // of a 206
};
class Ranges : public ObjectOperations, public ::testing::WithParamInterface<RangeRow> {};

TEST_P(Ranges, AnswerAsDocumented) {
  const RangeRow& row = GetParam();
  std::string content;
  for (int i = 0; i < 1000; ++i) content += static_cast<char>('a' + i % 26);
  put("k", content);
  const Seen plain = get("k", {{"Range", row.range}});
  EXPECT_EQ(plain.status, row.plain);
  if (plain.status == 200) {
    EXPECT_EQ(plain.body, content);
  }
  const Seen standard = get("k", {{"Range", row.range}, {"x-oss-range-behavior", "standard"}});
  EXPECT_EQ(standard.status, row.standard);
  for (const Seen* answer : {&plain, &standard}) {
    // A part still tells the checksum of the whole.
    if (answer->status != 416) {
      EXPECT_EQ(answer->header("x-oss-hash-crc64ecma"),
                std::to_string(crc64(0, as_bytes(content))));
    }
    if (answer->status != 206) continue;
    EXPECT_EQ(answer->header("Content-Range"), row.content_range);
    unsigned first = 0;
    unsigned last = 0;
    ASSERT_EQ(sscanf(row.content_range, "bytes %u-%u", &first, &last), 2);
    EXPECT_EQ(answer->body, content.substr(first, last - first + 1));
  }
  if (standard.status == 416) {
    EXPECT_EQ(standard.code(), "InvalidRange");
  }
}
INSTANTIATE_TEST_SUITE_P(
    Documented, Ranges,
    ::testing::Values(RangeRow{"bytes=0-499", 206, 206, "bytes 0-499/1000"},
                      RangeRow{"bytes=500-", 206, 206, "bytes 500-999/1000"},
                      RangeRow{"bytes=-500", 206, 206, "bytes 500-999/1000"},
                      RangeRow{"bytes=999-999", 206, 206, "bytes 999-999/1000"},
                      RangeRow{"bytes=500-2000", 200, 206, "bytes 500-999/1000"},
                      RangeRow{"bytes=0-18446744073709551615", 200, 206, "bytes 0-999/1000"},
                      RangeRow{"bytes=1000-2000", 200, 416, ""},
                      RangeRow{"bytes=1000-", 200, 416, ""},
                      RangeRow{"bytes=-2000", 200, 206, "bytes 0-999/1000"},
                      RangeRow{"byte=0-1", 200, 200, ""}, RangeRow{"bytes=5-1", 200, 200, ""},
                      RangeRow{"bytes=0-1,5-6", 206, 206, "bytes 0-1/1000"}));

TEST_F(ObjectOperations, AnyRangeOfNothingIsUnsatisfiable) {
  put("empty", "");
  EXPECT_EQ(get("empty", {{"Range", "bytes=0-0"}, {"x-oss-range-behavior", "standard"}}).status,
            416);
  EXPECT_EQ(get("empty", {{"Range", "bytes=0-0"}}).status, 200);
}

// --- conditions ---

TEST_F(ObjectOperations, ConditionsOfReadsHold) {
  put("k", "content");
  const std::string etag = head("k").header("ETag");
  const std::string now = "Fri, 02 Jan 2026 03:04:05 GMT";
  const std::string before = "Fri, 02 Jan 2026 03:04:04 GMT";
  EXPECT_EQ(get("k", {{"If-Match", etag}}).status, 200);
  EXPECT_EQ(get("k", {{"If-Match", "\"other\""}}).code(), "PreconditionFailed");
  EXPECT_EQ(get("k", {{"If-None-Match", etag}}).status, 304);
  EXPECT_EQ(get("k", {{"If-None-Match", etag}}).body, "");
  EXPECT_EQ(get("k", {{"If-None-Match", "\"other\""}}).status, 200);
  EXPECT_EQ(get("k", {{"If-Modified-Since", now}}).status, 304);
  EXPECT_EQ(get("k", {{"If-Modified-Since", before}}).status, 200);
  EXPECT_EQ(get("k", {{"If-Unmodified-Since", before}}).status, 412);
  EXPECT_EQ(get("k", {{"If-Unmodified-Since", now}}).status, 200);
  EXPECT_EQ(head("k", {{"If-Match", "\"other\""}}).status, 412);
  EXPECT_EQ(head("k", {{"If-None-Match", etag}}).status, 304);
}

// --- what is missing ---

TEST_F(ObjectOperations, MissingKeyNamesItself) {
  const Seen answer = get("no/such");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.header("Content-Type"), "application/xml");
  EXPECT_EQ(answer.header("x-oss-ec"), "0026-00000001");
  EXPECT_EQ(answer.body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>"
            "<Message>The specified key does not exist.</Message><RequestId>" +
                answer.header("x-oss-request-id") +
                "</RequestId><HostId>127.0.0.1</HostId><Key>no/such</Key>"
                "<EC>0026-00000001</EC><RecommendDoc>https://api.aliyun.com/"
                "troubleshoot?q=0026-00000001</RecommendDoc></Error>");
}

TEST_F(ObjectOperations, HeadTellsItsErrorInAHeader) {
  const Seen answer = head("no/such");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.body, "");
  const auto xml = base64_decode(answer.header("x-oss-err"));
  ASSERT_TRUE(xml);
  EXPECT_THAT(std::string(as_text(*xml)), HasSubstr("<Code>NoSuchKey</Code>"));
}

TEST_F(ObjectOperations, MissingBucketIsAnotherErrorThanMissingKey) {
  const Seen answer = ask({.key = "k", .bucket = "nothing"});
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.code(), "NoSuchBucket");
  EXPECT_EQ(answer.element("BucketName"), "nothing");
}

TEST_F(ObjectOperations, UnknownMethodIsNotAllowed) {
  EXPECT_EQ(ask({.method = "PATCH", .key = "k"}).code(), "MethodNotAllowed");
}

// --- Head, GetObjectMeta, overrides ---

TEST_F(ObjectOperations, HeadTellsTheLengthWithoutABody) {
  put("k", "content");
  const Seen answer = head("k");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.head_size, 7U);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(answer.header("Content-MD5"), base64_encode(sign::md5("content")));
}

TEST_F(ObjectOperations, ObjectMetaIsBrief) {
  put("k", "content", {{"x-oss-meta-a", "b"}, {"Content-Type", "text/html"}});
  const auto meta = [&] {
    return ask({.method = "HEAD", .key = "k", .query = {{"objectMeta", ""}}});
  };
  EXPECT_EQ(meta().head_size, 7U);
  EXPECT_EQ(meta().header("ETag"), head("k").header("ETag"));
  EXPECT_EQ(meta().header("x-oss-meta-a"), "");
  EXPECT_EQ(meta().header("Content-Type"), "");
  EXPECT_EQ(meta().header("x-oss-object-type"), "Normal");
  turn("brief_with_object_type", false);
  EXPECT_EQ(meta().header("x-oss-object-type"), "");
}

TEST_F(ObjectOperations, ResponseParametersOverrideHeaders) {
  put("k", "x", {{"Content-Type", "text/html"}});
  const Seen answer = get("k", {},
                          {{"response-content-type", "text/plain"},
                           {"response-content-disposition", "attachment; filename=a"}});
  EXPECT_EQ(answer.header("Content-Type"), "text/plain");
  EXPECT_EQ(answer.header("Content-Disposition"), "attachment; filename=a");
}

TEST_F(ObjectOperations, OverridesAreNotForTheAnonymous) {
  put("k", "x", {{"x-oss-object-acl", "public-read"}});
  const Ask plain{.key = "k", .id = ""};
  EXPECT_EQ(ask(plain).status, 200);
  EXPECT_EQ(ask({.key = "k", .query = {{"response-content-type", "text/plain"}}, .id = ""}).status,
            400);
}

// --- append ---

TEST_F(ObjectOperations, AppendsGrowFromTheirPosition) {
  const auto append = [&](const std::string& position, const std::string& body) {
    return ask({.method = "POST",
                .key = "log",
                .query = {{"append", ""}, {"position", position}},
                .headers = {{"x-oss-meta-n", position}},
                .body = body});
  };
  const Seen first = append("0", "12345");
  EXPECT_EQ(first.header("x-oss-next-append-position"), "5");
  EXPECT_EQ(first.header("x-oss-hash-crc64ecma"), "6748440630437108969");
  const Seen second = append("5", "67890");
  EXPECT_EQ(second.header("x-oss-hash-crc64ecma"), "12811388247244714686");
  EXPECT_NE(second.header("ETag"), first.header("ETag"));
  const Seen late = append("5", "x");
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(late.code(), "PositionNotEqualToLength");
  EXPECT_EQ(late.header("x-oss-next-append-position"), "10");
  const Seen all = get("log");
  EXPECT_EQ(all.body, "1234567890");
  EXPECT_EQ(all.header("x-oss-object-type"), "Appendable");
  EXPECT_EQ(all.header("x-oss-meta-n"), "0");  // of the first append
  EXPECT_EQ(head("log").header("x-oss-next-append-position"), "10");
}

TEST_F(ObjectOperations, OnlyAppendableObjectsAreAppendedTo) {
  put("k", "");
  const Ask ask_append{
      .method = "POST", .key = "k", .query = {{"append", ""}, {"position", "0"}}, .body = "x"};
  EXPECT_EQ(ask(ask_append).code(), "ObjectNotAppendable");
}

TEST_F(ObjectOperations, SealedObjectsNoLongerGrow) {
  const auto post = [&](const char* what, const std::string& position, const std::string& body) {
    return ask({.method = "POST",
                .key = "log",
                .query = {{what, ""}, {"position", position}},
                .body = body});
  };
  post("append", "0", "abc");
  EXPECT_EQ(post("seal", "2", "").code(), "PositionNotEqualToLength");
  EXPECT_EQ(post("seal", "3", "").status, 200);
  EXPECT_EQ(post("append", "3", "x").code(), "ObjectNotAppendable");
}

// --- delete ---

TEST_F(ObjectOperations, DeletingIsDoneWhetherOrNotItWasThere) {
  put("k", "x");
  EXPECT_EQ(ask({.method = "DELETE", .key = "k"}).status, 204);
  EXPECT_EQ(ask({.method = "DELETE", .key = "k"}).status, 204);
  EXPECT_EQ(head("k").status, 404);
}

class DeleteMany : public ObjectOperations {
 protected:
  Seen erase(const std::string& body, sign::Pairs query = {}) {
    query.emplace_back("delete", "");
    return ask({.method = "POST",
                .query = std::move(query),
                .headers = {{"Content-MD5", base64_encode(sign::md5(body))}},
                .body = body});
  }
};

TEST_F(DeleteMany, ListsWhatIsDeletedUnlessQuiet) {
  put("a&b", "x");
  put("c", "x");
  const std::string objects =
      "<Object><Key>a&amp;b</Key></Object><Object><Key>c</Key></Object>"
      "<Object><Key>none</Key></Object></Delete>";
  const Seen loud = erase("<Delete><Quiet>false</Quiet>" + objects);
  EXPECT_EQ(loud.elements("Key"), (std::vector<std::string>{"a&amp;b", "c", "none"}));
  EXPECT_EQ(head("c").status, 404);
  const Seen quiet = erase("<Delete><Quiet>true</Quiet>" + objects);
  EXPECT_EQ(quiet.status, 200);
  EXPECT_EQ(quiet.body, "");
}

TEST_F(DeleteMany, TakesControlCharactersAndSpacesInKeys) {
  put("a\n\t ", "x");
  put(" ", "x");
  const Seen answer = erase(
      "<Delete><Object><Key>a&#xA;&#x9; </Key></Object><Object><Key> </Key></Object></Delete>",
      {{"encoding-type", "url"}});
  EXPECT_EQ(answer.elements("Key"), (std::vector<std::string>{"a%0A%09%20", "%20"}));
  EXPECT_EQ(head("a\n\t ").status, 404);
  EXPECT_EQ(head(" ").status, 404);
}

TEST_F(DeleteMany, NeedsContentMd5AndWellFormedXml) {
  const std::string body = "<Delete><Object><Key>k</Key></Object></Delete>";
  EXPECT_EQ(ask({.method = "POST", .query = {{"delete", ""}}, .body = body}).status, 400);
  EXPECT_EQ(erase("<Delete><Object>").code(), "MalformedXML");
  EXPECT_EQ(erase("<Delete></Delete>").code(), "MalformedXML");
  std::string many = "<Delete>";
  for (int i = 0; i < 1001; ++i) many += "<Object><Key>k</Key></Object>";
  EXPECT_EQ(erase(many + "</Delete>").code(), "MalformedXML");
}

TEST_F(DeleteMany, MayDeleteOnlyAPartAndSaysSo) {
  put("a", "x");
  put("b", "x");
  turn("delete_many_partial");
  const Seen answer =
      erase("<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>");
  EXPECT_EQ(answer.elements("Key"), (std::vector<std::string>{"a"}));
  EXPECT_EQ(head("b").status, 200);
}

TEST_F(DeleteMany, AsksThePolicyForEveryKey) {
  put("secret/a", "x");
  const std::string body = "<Delete><Object><Key>secret/a</Key></Object></Delete>";
  const Seen answer = ask({.method = "POST",
                           .query = {{"delete", ""}},
                           .headers = {{"Content-MD5", base64_encode(sign::md5(body))}},
                           .body = body,
                           .id = "reader",
                           .secret = "rs"});
  EXPECT_EQ(answer.code(), "AccessDenied");
  EXPECT_EQ(head("secret/a").status, 200);
}

// --- versions ---

class Versions : public OssTest {
 protected:
  void SetUp() override { make({.versioning = Versioning::kEnabled}); }
};

TEST_F(Versions, EveryPutHasItsOwn) {
  const std::string first = put("k", "1").header("x-oss-version-id");
  const std::string second = put("k", "2").header("x-oss-version-id");
  EXPECT_NE(first, "");
  EXPECT_NE(first, second);
  EXPECT_EQ(get("k").body, "2");
  EXPECT_EQ(get("k").header("x-oss-version-id"), second);
  EXPECT_EQ(get("k", {}, {{"versionId", first}}).body, "1");
  EXPECT_EQ(get("k", {}, {{"versionId", "other"}}).code(), "NoSuchVersion");
}

TEST_F(Versions, DeletingOneNeedsItsOwnRightAloneAndAmongMany) {
  const std::string first = put("k", "1").header("x-oss-version-id");
  put("k", "2");
  const auto allow = [&](const std::string& action) {
    const auto problem = cloud_.access().set_bucket_policy(
        "bucket",
        R"({"Version":"1","Statement":[{"Effect":"Allow","Action":")" + action +
            R"(","Principal":["acs:ram::123456789012:user/nobody"],"Resource":"acs:oss:*:*:bucket/*"}]})");
    ASSERT_EQ(problem, std::nullopt);
  };
  const std::string body =
      "<Delete><Object><Key>k</Key><VersionId>" + first + "</VersionId></Object></Delete>";
  const Ask many{.method = "POST",
                 .query = {{"delete", ""}},
                 .headers = {{"Content-MD5", base64_encode(sign::md5(body))}},
                 .body = body,
                 .id = "nobody",
                 .secret = "ns"};
  const Ask one{.method = "DELETE",
                .key = "k",
                .query = {{"versionId", first}},
                .id = "nobody",
                .secret = "ns"};
  allow("oss:DeleteObject");
  EXPECT_EQ(ask(one).code(), "AccessDenied");
  EXPECT_EQ(ask(many).code(), "AccessDenied");
  EXPECT_EQ(get("k", {}, {{"versionId", first}}).body, "1");
  allow("oss:DeleteObjectVersion");
  EXPECT_EQ(ask(many).element("VersionId"), first);
  EXPECT_EQ(get("k", {}, {{"versionId", first}}).code(), "NoSuchVersion");
}

TEST_F(Versions, DeletingPutsAMarkerOnTop) {
  put("k", "1");
  const Seen deleted = ask({.method = "DELETE", .key = "k"});
  EXPECT_EQ(deleted.status, 204);
  EXPECT_EQ(deleted.header("x-oss-delete-marker"), "true");
  const std::string marker = deleted.header("x-oss-version-id");
  const Seen gone = get("k");
  EXPECT_EQ(gone.code(), "NoSuchKey");
  EXPECT_EQ(gone.header("x-oss-delete-marker"), "true");
  const Seen direct = get("k", {}, {{"versionId", marker}});
  EXPECT_EQ(direct.status, 405);
  EXPECT_EQ(direct.header("Allow"), "DELETE");
  ask({.method = "DELETE", .key = "k", .query = {{"versionId", marker}}});
  EXPECT_EQ(get("k").body, "1");
}

}  // namespace
}  // namespace stsfs::sim
