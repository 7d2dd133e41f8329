#include "stsfs/oss/oss_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/fake_engine.h"
#include "fakes/fake_provider.h"
#include "fakes/text_sink.h"
#include "stsfs/base/await.h"
#include "stsfs/base/crc64.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::oss {
namespace {

using fakes::FakeProvider;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class OssStoreTest : public ::testing::Test {
 protected:
  OssStoreTest() { make({}); }

  void make(OssStoreOptions options) {
    options.endpoint = "https://oss.example";
    options.region = "cn-hangzhou";
    options.bucket = "examplebucket";
    store_ = *OssStore::create(engine_, provider_, clock_, options);
  }
  Deadline deadline() const { return Deadline::in(clock_, std::chrono::seconds(30)); }

  Result<ObjectMeta> head(const std::string& key) {
    return await<ObjectMeta>(nullptr, [&](Callback<ObjectMeta> done) {
      return store_->start_head(key, deadline(), std::move(done));
    });
  }
  Result<Written> put(const std::string& content, const PutOptions& options = {}) {
    return await<Written>(nullptr, [&](Callback<Written> done) {
      return store_->start_put("k", http::memory_body(content), options, deadline(),
                               std::move(done));
    });
  }
  Result<void> get(ByteRange range, const std::string& etag = {}) {
    return await<void>(nullptr, [&](Callback<void> done) {
      return store_->start_get("k", etag, range, sink_, deadline(), std::move(done));
    });
  }
  static std::string error_xml(const std::string& code, const std::string& message = "m") {
    return "<Error><Code>" + code + "</Code><Message>" + message +
           "</Message><RequestId>5C3D9175B6FC201293AD4890</RequestId></Error>";
  }
  static http::Headers object_headers(const std::string& content) {
    return {{"Content-Length", std::to_string(content.size())},
            {"ETag", "\"E\""},
            {"Last-Modified", "Fri, 24 Feb 2012 06:07:48 GMT"},
            {"x-oss-hash-crc64ecma", std::to_string(crc64(0, as_bytes(content)))}};
  }
  static http::Headers range_headers(const std::string& content, const std::string& range) {
    http::Headers headers = object_headers(content);
    headers.push_back({"Content-Range", range});
    return headers;
  }

  fakes::FakeClock clock_;
  fakes::FakeEngine engine_;
  FakeProvider provider_{FakeProvider::credential("STS.one", "secret-one", "token-one")};
  std::unique_ptr<OssStore> store_;
  fakes::TextSink sink_;
};

TEST_F(OssStoreTest, SignsWithV4AndSendsTheToken) {
  engine_.answer(200, object_headers("abc"));
  ASSERT_TRUE(head("users/a/x"));
  const auto& sent = engine_.seen().front();
  EXPECT_EQ(sent.url, "https://examplebucket.oss.example/users/a/x");
  EXPECT_EQ(sent.header("x-oss-date"), "20260102T030405Z");
  EXPECT_EQ(sent.header("x-oss-content-sha256"), "UNSIGNED-PAYLOAD");
  EXPECT_EQ(sent.header("x-oss-security-token"), "token-one");
  EXPECT_THAT(sent.header("Authorization"),
              StartsWith("OSS4-HMAC-SHA256 "
                         "Credential=STS.one/20260102/cn-hangzhou/oss/aliyun_v4_request,"));
}

TEST_F(OssStoreTest, SignsWithV1WhenAskedTo) {
  make({.endpoint = {}, .region = {}, .bucket = {}, .signature = SignatureVersion::kV1});
  engine_.answer(200, object_headers("abc"));
  ASSERT_TRUE(head("x"));
  EXPECT_THAT(engine_.seen().front().header("Authorization"), StartsWith("OSS STS.one:"));
  EXPECT_EQ(engine_.seen().front().header("x-oss-date"), "Fri, 02 Jan 2026 03:04:05 GMT");
}

TEST_F(OssStoreTest, RefusesBadKeysWithoutSendingAnything) {
  for (const std::string& key : {std::string(), std::string(1024, 'k'), std::string("/k")})
    EXPECT_FALSE(head(key));
  EXPECT_TRUE(engine_.seen().empty());
}

TEST_F(OssStoreTest, ComparesWhatItSentWithWhatTheServerGot) {
  engine_.answer(200, {{"ETag", "\"E\""}, {"x-oss-hash-crc64ecma", "11051210869376104954"}});
  const auto good = put("123456789");
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->crc64, 11051210869376104954ULL);
  engine_.answer(200, {{"ETag", "\"E\""}, {"x-oss-hash-crc64ecma", "1"}});
  const auto bad = put("123456789");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::kCorrupt);
}

TEST_F(OssStoreTest, ComparesTheChecksumOfWhatItReadsWhole) {
  engine_.answer(206, range_headers("0123456789", "bytes 0-9/10"), "0123456789");
  EXPECT_TRUE(get({0, 10}));
  EXPECT_EQ(sink_.text, "0123456789");
  engine_.answer(206, range_headers("0123456789", "bytes 0-9/10"), "0123456780");
  const auto damaged = get({0, 100});
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Errc::kCorrupt);
}

TEST_F(OssStoreTest, DoesNotCompareThatOfAPart) {
  engine_.answer(206, range_headers("0123456789", "bytes 2-4/10"), "234");
  EXPECT_TRUE(get({2, 3}));
  EXPECT_EQ(sink_.text, "234");
  EXPECT_EQ(sink_.meta.size_bytes, 10u);
}

TEST_F(OssStoreTest, GivesNothingToTheSinkFromAWrongAnswer) {
  engine_.answer(200, object_headers("0123456789"), "0123456789");
  EXPECT_EQ(get({0, 5}).error().code, Errc::kProtocol);
  engine_.answer(206, range_headers("0123456789", "bytes 1-5/10"), "12345");
  EXPECT_EQ(get({0, 5}).error().code, Errc::kProtocol);
  engine_.answer(206, range_headers("0123456789", "bytes 0-4/10"), "01234");
  EXPECT_EQ(get({0, 5}, "\"other\"").error().code, Errc::kChanged);
  EXPECT_EQ(sink_.begins, 0);
  EXPECT_EQ(sink_.text, "");
}

TEST_F(OssStoreTest, NoticesABodyThatIsTooShortOrTooLong) {
  engine_.answer(206, range_headers("0123456789", "bytes 0-4/10"), "0123");
  EXPECT_EQ(get({0, 5}).error().code, Errc::kUnavailable);
  engine_.answer(206, range_headers("0123456789", "bytes 0-4/10"), "012345");
  EXPECT_EQ(get({0, 5}).error().code, Errc::kProtocol);
}

TEST_F(OssStoreTest, ReplacesARefusedCredentialAndSendsOnceMore) {
  for (const char* code : {"SecurityTokenExpired", "InvalidSecurityToken", "InvalidAccessKeyId",
                           "AccessKeyIdAndSecurityTokenNotMatch"}) {
    SCOPED_TRACE(code);
    const std::string before = (*provider_.current())->access_key_id;
    provider_.next(FakeProvider::credential("STS.after-" + before, "secret", "token-two"));
    engine_.answer(403, {}, error_xml(code));
    engine_.answer(200, {{"ETag", "\"E\""}});
    EXPECT_TRUE(put("again and whole"));
    EXPECT_EQ(provider_.refused().back(), before);
    EXPECT_EQ(engine_.seen().back().body, "again and whole");
    EXPECT_EQ(engine_.seen().back().header("x-oss-security-token"), "token-two");
    EXPECT_THAT(engine_.seen().back().header("Authorization"), HasSubstr("STS.after-" + before));
  }
}

TEST_F(OssStoreTest, ReplacesACredentialOnlyOnce) {
  provider_.next(FakeProvider::credential("STS.two", "s", "t"));
  provider_.next(FakeProvider::credential("STS.three", "s", "t"));
  engine_.answer(403, {}, error_xml("SecurityTokenExpired"));
  engine_.answer(403, {}, error_xml("SecurityTokenExpired"));
  const auto result = put("x");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kCredential);
  EXPECT_EQ(engine_.seen().size(), 2u);
}

TEST_F(OssStoreTest, SaysWhyNoOtherCredentialCame) {
  engine_.answer(403, {}, error_xml("SecurityTokenExpired"));
  const auto result = put("x");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kCredential);
  EXPECT_THAT(result.error().message, HasSubstr("SecurityTokenExpired"));
  EXPECT_THAT(result.error().message, HasSubstr("log in again: stsfs login"));
}

TEST_F(OssStoreTest, DoesNotReplaceForAPolicyThatSaysNo) {
  engine_.answer(403, {}, error_xml("AccessDenied"));
  const auto result = put("x");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kDenied);
  EXPECT_TRUE(provider_.refused().empty());
}

TEST_F(OssStoreTest, WaitsForACredentialThatIsLate) {
  provider_.is_late();
  engine_.answer(200, object_headers("abc"));
  const auto result = head("x");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(provider_.refused(), (std::vector<std::string>{""})) << "any will do";
}

TEST_F(OssStoreTest, FailsWithoutACredential) {
  provider_.fail_with(Error{Errc::kCredential, "log in first", {}});
  const auto result = put("x");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kCredential);
  EXPECT_EQ(result.error().message, "PutObject k: log in first");
}

TEST_F(OssStoreTest, CorrectsTheClockAndSendsOnceMore) {
  const std::string skewed =
      "<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message>"
      "<ServerTime>2026-01-02T04:04:05.000Z</ServerTime></Error>";
  engine_.answer(403, {}, skewed);
  engine_.answer(200, object_headers("abc"));
  EXPECT_TRUE(head("x"));
  EXPECT_EQ(provider_.clock_offset(), std::chrono::hours(1));
  EXPECT_EQ(engine_.seen().back().header("x-oss-date"), "20260102T040405Z");
  engine_.answer(403, {}, skewed);
  engine_.answer(403, {}, skewed);
  const auto result = head("x");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kClockSkew);
}

TEST_F(OssStoreTest, CorrectsTheClockByTheDateHeaderToo) {
  engine_.answer(403, {{"Date", "Fri, 02 Jan 2026 02:04:05 GMT"}},
                 error_xml("RequestTimeTooSkewed"));
  engine_.answer(200, object_headers("abc"));
  EXPECT_TRUE(head("x"));
  EXPECT_EQ(provider_.clock_offset(), -std::chrono::hours(1));
}

TEST_F(OssStoreTest, KeepsSecretsOutOfMessages) {
  engine_.answer(403, {},
                 error_xml("SignatureDoesNotMatch", "you sent token-one and secret-one, did you"));
  const auto result = put("x");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, Not(HasSubstr("token-one")));
  EXPECT_THAT(result.error().message, Not(HasSubstr("secret-one")));
}

TEST_F(OssStoreTest, SaysWhatWasTriedWhenTheNetworkFails) {
  engine_.fail_with(Error{Errc::kUnavailable, "connection refused", {}});
  const auto result = head("users/a/x");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kUnavailable);
  EXPECT_EQ(result.error().message, "HeadObject users/a/x: connection refused");
}

TEST_F(OssStoreTest, DoesNotTakeAMissingBucketForAnEmptyFolder) {
  engine_.answer(404, {}, error_xml("NoSuchBucket"));
  const auto page = await<ListPage>(nullptr, [&](Callback<ListPage> done) {
    return store_->start_list({}, deadline(), std::move(done));
  });
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, Errc::kBucketGone);
  EXPECT_THAT(page.error().message, HasSubstr("check the bucket's name"));
}

TEST_F(OssStoreTest, GathersAllPartsOverPages) {
  const auto page = [](int number, bool last) {
    return "<ListPartsResult><NextPartNumberMarker>" + std::to_string(number) +
           "</NextPartNumberMarker><IsTruncated>" + (last ? "false" : "true") +
           "</IsTruncated><Part><PartNumber>" + std::to_string(number) +
           "</PartNumber><ETag>\"E\"</ETag><Size>5</Size></Part></ListPartsResult>";
  };
  engine_.answer(200, {}, page(1, false));
  engine_.answer(200, {}, page(2, true));
  const auto parts = await<std::vector<Part>>(nullptr, [&](Callback<std::vector<Part>> done) {
    return store_->start_list_parts("k", "U", deadline(), std::move(done));
  });
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ(parts->size(), 2u);
  EXPECT_THAT(engine_.seen().back().url, HasSubstr("part-number-marker=1"));
}

TEST_F(OssStoreTest, ComparesTheChecksumOfTheWholeUpload) {
  const Part first{1, "\"A\"", 5, crc64(0, as_bytes("12345"))};
  const Part second{2, "\"B\"", 4, crc64(0, as_bytes("6789"))};
  const auto complete = [&] {
    return await<Written>(nullptr, [&](Callback<Written> done) {
      return store_->start_complete("k", "U", {first, second}, {}, deadline(), std::move(done));
    });
  };
  const std::string xml =
      "<CompleteMultipartUploadResult><ETag>\"W-2\"</ETag></CompleteMultipartUploadResult>";
  engine_.answer(200, {{"x-oss-hash-crc64ecma", "11051210869376104954"}}, xml);
  const auto good = complete();
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->etag, "\"W-2\"");
  engine_.answer(200, {{"x-oss-hash-crc64ecma", "1"}}, xml);
  EXPECT_EQ(complete().error().code, Errc::kCorrupt);
}

TEST_F(OssStoreTest, NamesTheKeysThatWereNotDeleted) {
  engine_.answer(200, {},
                 "<DeleteResult><EncodingType>url</EncodingType>"
                 "<Deleted><Key>a</Key></Deleted></DeleteResult>");
  const auto left =
      await<std::vector<std::string>>(nullptr, [&](Callback<std::vector<std::string>> done) {
        return store_->start_delete_many({{"a", ""}, {"b", ""}, {"not in xml \x01", ""}},
                                         deadline(), std::move(done));
      });
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_EQ(*left, (std::vector<std::string>{"b", "not in xml \x01"}));
  EXPECT_THAT(engine_.seen().back().body, Not(HasSubstr("\x01")));
}

TEST_F(OssStoreTest, TakesADeleteOfNothingForDone) {
  engine_.answer(404, {}, error_xml("NoSuchKey"));
  EXPECT_TRUE(await<void>(nullptr, [&](Callback<void> done) {
    return store_->start_delete("k", "", deadline(), std::move(done));
  }));
  engine_.answer(404, {}, error_xml("NoSuchBucket"));
  EXPECT_FALSE(await<void>(nullptr, [&](Callback<void> done) {
    return store_->start_delete("k", "", deadline(), std::move(done));
  }));
}

}  // namespace
}  // namespace stsfs::oss
