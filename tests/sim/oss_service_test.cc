// From a wire request to an operation: addressing, the order of refusals, faults and records.

#include <gmock/gmock.h>

#include "sim/oss_fixture.h"

namespace stsfs::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class Service : public OssTest {
 protected:
  void SetUp() override {
    make();
    put("dir/k", "content");
  }

  /// As a client sends it: signed for `signed_for`, whatever stands in host and path.
  Seen send(const std::string& host, const std::string& path, const Target& signed_for) {
    WireRequest request;
    request.method = "GET";
    request.path = path;
    request.host = host;
    request.now = cloud_.now();
    sign_v4(request, signed_for, "rootkey", "rootsecret");
    const auto responder = answer_oss(services_, std::move(request));
    const HttpAnswer answer = responder->answer();
    Seen out{answer.status, answer.headers, answer.text, 0};
    if (answer.content) out.body = std::string(answer.content->segments()[0].blob->bytes());
    return out;
  }
  RequestRecord last_record() const { return records_.log(0).back(); }
};

// --- addressing ---

TEST_F(Service, BucketStandsInTheHostOrInThePath) {
  const Target object{"bucket", "dir/k"};
  EXPECT_EQ(send("bucket.oss-cn-hangzhou.aliyuncs.com", "/dir/k", object).body, "content");
  EXPECT_EQ(send("bucket.example.com:8080", "/dir/k", object).body, "content");
  EXPECT_EQ(send("127.0.0.1:8080", "/bucket/dir/k", object).body, "content");
  EXPECT_EQ(send("localhost", "/bucket/dir/k", object).body, "content");
  EXPECT_EQ(send("[::1]:80", "/bucket/dir/k", object).body, "content");
  EXPECT_EQ(send("oss-cn-hangzhou.aliyuncs.com", "/bucket/dir/k", object).body, "content");
}

// ali-oss with an IP endpoint: the bucket's host name, and with sldEnable the bucket in the path
// too.
TEST_F(Service, BucketMayStandInBothWhenTheSignatureSaysSo) {
  const std::string host = "bucket.oss-cn-hangzhou.aliyuncs.com";
  EXPECT_EQ(send(host, "/bucket/dir/k", {"bucket", "dir/k"}).body, "content");
  put("bucket/dir/k", "deeper");
  EXPECT_EQ(send(host, "/bucket/dir/k", {"bucket", "bucket/dir/k"}).body, "deeper");
  EXPECT_EQ(send(host, "/bucket/dir/k", {"bucket", "dir/k"}).body, "content");
}

TEST_F(Service, EncodedPathsMeanTheirKeys) {
  put("a b+c%/\xE4\xB8\xAD", "odd");
  EXPECT_EQ(
      send("127.0.0.1", "/bucket/a%20b%2Bc%25%2F%E4%B8%AD", {"bucket", "a b+c%/\xE4\xB8\xAD"}).body,
      "odd");
}

TEST_F(Service, BrokenEscapesAreAnError) {
  EXPECT_EQ(send("127.0.0.1", "/bucket/%zz", {"bucket", "%zz"}).status, 400);
}

// --- refusals ---

TEST_F(Service, WrongSignatureIsToldBeforeAnythingElse) {
  const Seen answer = ask({.key = "none", .secret = "wrong"});
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.code(), "SignatureDoesNotMatch");
  EXPECT_EQ(answer.header("x-oss-ec"), "0002-00000040");
  EXPECT_THAT(answer.body, HasSubstr("<StringToSign>"));
  EXPECT_EQ(ask({.id = "unknown"}).code(), "InvalidAccessKeyId");
}

TEST_F(Service, WhoMayNotKnowDoesNotLearnWhetherItExists) {
  const Ask missing{.key = "none", .id = "nobody", .secret = "ns"};
  EXPECT_EQ(ask(missing).code(), "AccessDenied");
}

TEST_F(Service, RefusedBodiesAreNotKept) {
  Ask wanted{.method = "PUT", .key = "k", .body = "x", .id = "nobody", .secret = "ns"};
  EXPECT_EQ(ask(wanted).status, 403);
  EXPECT_EQ(head("k").status, 404);
}

TEST_F(Service, BodyNeedsALengthOrChunks) {
  WireRequest request;
  request.method = "PUT";
  request.path = "/bucket/k";
  request.host = "127.0.0.1";
  request.now = cloud_.now();
  sign_v4(request, {"bucket", "k"}, "rootkey", "rootsecret");
  EXPECT_EQ(answer_oss(services_, request)->answer().status, 411);
  request.headers.emplace_back("Transfer-Encoding", "chunked");
  EXPECT_EQ(answer_oss(services_, request)->answer().status, 200);

  WireRequest append;
  append.method = "POST";
  append.path = "/bucket/log";
  append.query = {{"append", ""}, {"position", "0"}};
  append.host = "127.0.0.1";
  append.now = cloud_.now();
  sign_v4(append, {"bucket", "log"}, "rootkey", "rootsecret");
  EXPECT_EQ(answer_oss(services_, append)->answer().status, 411);
  append.headers.emplace_back("Transfer-Encoding", "chunked");
  EXPECT_EQ(answer_oss(services_, append)->answer().status, 200);
}

TEST_F(Service, ErrorsNameTheHostWithoutItsPort) {
  for (const char* host : {"127.0.0.1", "127.0.0.1:8000"}) {
    WireRequest request;
    request.method = "GET";
    request.path = "/bucket/none";
    request.host = host;
    request.now = cloud_.now();
    sign_v4(request, {"bucket", "none"}, "rootkey", "rootsecret");
    EXPECT_THAT(answer_oss(services_, request)->answer().text,
                HasSubstr("<HostId>127.0.0.1</HostId>"));
  }
}

TEST_F(Service, KeysToDeleteNeedALength) {
  const std::string body = "<Delete><Object><Key>k</Key></Object></Delete>";
  Ask wanted{.method = "POST",
             .query = {{"delete", ""}},
             .headers = {{"Content-MD5", base64_encode(sign::md5(body))}},
             .body = body,
             .chunked = true};
  EXPECT_EQ(ask(wanted).code(), "MissingContentLength");
  wanted.chunked = false;
  EXPECT_EQ(ask(wanted).status, 200);
}

TEST_F(Service, ClockOffsetIsTheServices) {
  cloud_.set_clock_offset(std::chrono::hours(1));
  WireRequest request;
  request.method = "GET";
  request.path = "/bucket/dir/k";
  request.host = "127.0.0.1";
  request.now = clock_.wall();
  sign_v4(request, {"bucket", "dir/k"}, "rootkey", "rootsecret");
  const HttpAnswer answer = answer_oss(services_, request)->answer();
  EXPECT_EQ(answer.status, 403);
  EXPECT_THAT(answer.text, HasSubstr("<Code>RequestTimeTooSkewed</Code>"));
  EXPECT_THAT(answer.text, HasSubstr("<ServerTime>2026-01-02T04:04:05.000Z</ServerTime>"));
  EXPECT_EQ(put("now", "x").status, 200);  // signed by the service's clock
  EXPECT_EQ(head("now").header("Last-Modified"), "Fri, 02 Jan 2026 04:04:05 GMT");
}

// --- records ---

TEST_F(Service, EveryRequestIsCountedOnceUnderItsName) {
  records_.clear();
  put("k", "12345");
  get("k");
  get("none");
  list({});
  const auto counts = records_.counts();
  EXPECT_EQ(counts.at("PutObject").requests, 1U);
  EXPECT_EQ(counts.at("PutObject").bytes_in, 5U);
  EXPECT_EQ(counts.at("GetObject").requests, 2U);
  EXPECT_EQ(counts.at("GetObject").errors, 1U);
  EXPECT_EQ(counts.at("ListObjectsV2").requests, 1U);
  EXPECT_EQ(counts.size(), 3U);
  EXPECT_THAT(records_.codes(), ElementsAre(Pair("NoSuchKey", 1U)));
  records_.clear();
  EXPECT_THAT(records_.codes(), IsEmpty());
}

TEST_F(Service, LogSaysWhoDidWhat) {
  get("dir/k", {{"Range", "bytes=1-2"}});
  const RequestRecord record = last_record();
  EXPECT_EQ(record.operation, "GetObject");
  EXPECT_EQ(record.bucket, "bucket");
  EXPECT_EQ(record.key, "dir/k");
  EXPECT_EQ(record.range, "bytes=1-2");
  EXPECT_EQ(record.status, 206);
  EXPECT_EQ(record.access_key_id, "rootkey");
  EXPECT_EQ(record.bytes_out, 2U);
  get("none");
  EXPECT_EQ(last_record().code, "NoSuchKey");
}

// --- faults ---

TEST_F(Service, InjectedErrorsKeepTheOperationFromHappening) {
  ASSERT_TRUE(faults_.add(R"({"operation":"PutObject","status":503,"code":"ServiceUnavailable",)"
                          R"("count":1})"));
  const Seen answer = put("k", "x");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.code(), "ServiceUnavailable");
  EXPECT_EQ(head("k").status, 404);
  EXPECT_EQ(put("k", "x").status, 200);
}

TEST_F(Service, InjectedErrorsAreWordedAsTheServiceWordsThem) {
  struct Row {
    const char* fault;
    const char* code;
    const char* message;
    const char* ec;
  };
  for (const Row& row :
       {Row{R"({"status":429})", "QpsLimitExceeded", "Please reduce your request rate.", ""},
        Row{R"({"status":503})", "ServiceUnavailable",
            "Thread pool is almost full, please retry later.", ""},
        Row{R"({"status":503,"code":"TotalQpsLimitExceeded"})", "TotalQpsLimitExceeded",
            "Total qps limit exceeded.", "0004-00000302"},
        Row{R"({"status":403,"code":"SecurityTokenExpired"})", "SecurityTokenExpired",
            "The security token you provided has expired.", "0002-00000007"},
        Row{R"({"status":418})", "InternalError", "Injected by a fault.", ""},
        Row{R"({"status":500,"code":"NotOneOfOss"})", "NotOneOfOss", "Injected by a fault.", ""}}) {
    faults_.clear();
    ASSERT_TRUE(faults_.add(row.fault));
    const Seen answer = put("k", "x");
    EXPECT_EQ(answer.code(), row.code) << row.fault;
    EXPECT_EQ(answer.element("Message"), row.message) << row.fault;
    EXPECT_EQ(answer.element("EC"), row.ec) << row.fault;
  }
}

TEST_F(Service, LostAnswersAreOfOperationsThatHappened) {
  ASSERT_TRUE(faults_.add(R"({"operation":"PutObject","reset_after":true,"count":1})"));
  put("after", "x");
  EXPECT_EQ(last_record().status, 0);
  EXPECT_EQ(head("after").status, 200);
  ASSERT_TRUE(faults_.add(R"({"operation":"PutObject","reset_before":true,"count":1})"));
  put("before", "x");
  EXPECT_EQ(head("before").status, 404);
}

TEST_F(Service, AnswersLieWhereTheyAreTold) {
  ASSERT_TRUE(faults_.add(R"({"operation":"HeadObject","wrong_crc":true,"wrong_etag":true})"));
  EXPECT_EQ(head("dir/k").header("x-oss-hash-crc64ecma"), "1");
  EXPECT_NE(head("dir/k").header("ETag"), get("dir/k").header("ETag"));
}

// Whatever comes: an answer, never a crash.
TEST_F(Service, NonsenseIsAnswered) {
  std::uint64_t seed = 7;
  const auto random = [&](std::size_t below) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return static_cast<std::size_t>(seed >> 33) % below;
  };
  const std::vector<std::string> words{
      "acl",      "uploads",   "uploadId", "partNumber",   "symlink", "versionId", "1",
      "bytes=0-", "x-oss-dir", "restore",  "delete",       "\xFF",    "list-type", "max-keys",
      "position", "append",    "<Delete>", "x-oss-rename", "",        "objectMeta"};
  const std::vector<std::string> methods{"GET", "PUT", "POST", "DELETE", "HEAD"};
  for (int i = 0; i < 3000; ++i) {
    Ask wanted{.method = methods[random(methods.size())],
               .key = random(3) == 0 ? "" : words[random(words.size())]};
    for (std::size_t n = random(4); n > 0; --n)
      wanted.query.emplace_back(words[random(words.size())], words[random(words.size())]);
    if (random(2) == 0) wanted.headers.emplace_back("x-oss-copy-source", "/bucket/dir/k");
    if (random(2) == 0) wanted.headers.emplace_back("Range", words[random(words.size())]);
    if (random(2) == 0) wanted.body = words[random(words.size())];
    const int status = ask(wanted).status;
    ASSERT_GE(status, 200) << wanted.method << " " << wanted.key;
    ASSERT_LT(status, 500) << wanted.method << " " << wanted.key;
    if (!cloud_.find_bucket("bucket")) make();  // it may have been deleted
  }
}

}  // namespace
}  // namespace stsfs::sim
