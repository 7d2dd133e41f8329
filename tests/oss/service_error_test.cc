#include "service_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"

namespace stsfs::oss {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string error_xml(const std::string& code, const std::string& more = {}) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code +
         "</Code><Message>As the server says it.</Message>"
         "<RequestId>5C3D9175B6FC201293AD4890</RequestId>"
         "<HostId>examplebucket.oss-cn-hangzhou.aliyuncs.com</HostId>" +
         more + "</Error>";
}

ServiceError read(int status, const std::string& body, http::Headers headers = {}) {
  return read_service_error({status, std::move(headers), body});
}

Errc errc_for(int status, const std::string& code, Operation operation = Operation::kPut) {
  return errc_of(read(status, error_xml(code)), operation);
}

RequestSpec spec(Operation operation) {
  return {.operation = operation, .key = "users/a/x", .query = {}, .headers = {}, .body = nullptr};
}

TEST(ServiceError, ReadsTheWholeBody) {
  const ServiceError error = read(403, error_xml("AccessDenied", "<EC>0003-00000001</EC>"));
  EXPECT_EQ(error.code, "AccessDenied");
  EXPECT_EQ(error.message, "As the server says it.");
  EXPECT_EQ(error.ec, "0003-00000001");
  EXPECT_EQ(error.request_id, "5C3D9175B6FC201293AD4890");
}

TEST(ServiceError, ReadsTheHeaderThatStandsInForTheBodyOfAHead) {
  const std::string xml = error_xml("NoSuchKey");
  const ServiceError error =
      read(404, "", {{"x-oss-err", base64_encode(as_bytes(xml))}, {"x-oss-ec", "0026-00000001"}});
  EXPECT_EQ(error.code, "NoSuchKey");
  EXPECT_EQ(error.ec, "0026-00000001");
}

TEST(ServiceError, TellsAMissingBucketFromAMissingKey) {
  EXPECT_EQ(errc_for(404, "NoSuchBucket", Operation::kHead), Errc::kBucketGone);
  EXPECT_EQ(errc_for(404, "NoSuchKey", Operation::kHead), Errc::kNotFound);
}

TEST(ServiceError, BelievesOnlyTheServerThatAFileIsNotThere) {
  // A captive portal, a proxy: no OSS error and no request id.
  EXPECT_EQ(errc_of(read(404, "<html>Not found</html>"), Operation::kGet), Errc::kProtocol);
  EXPECT_EQ(errc_of(read(404, ""), Operation::kHead), Errc::kProtocol);
  const http::Headers id{{"x-oss-request-id", "5C3D"}};
  EXPECT_EQ(errc_of(read(404, "", id), Operation::kHead), Errc::kNotFound);
  EXPECT_EQ(errc_of(read(404, "", id), Operation::kGet), Errc::kProtocol);
  EXPECT_EQ(errc_of(read(412, "", id), Operation::kGet), Errc::kChanged);
}

TEST(ServiceError, HasOneTableOfCodes) {
  struct Case {
    int status;
    const char* code;
    Errc errc;
  };
  const Case cases[] = {
      {403, "SecurityTokenExpired", Errc::kCredential},
      {403, "InvalidSecurityToken", Errc::kCredential},
      {403, "InvalidAccessKeyId", Errc::kCredential},
      {403, "SignatureDoesNotMatch", Errc::kCredential},
      {403, "RequestTimeTooSkewed", Errc::kClockSkew},
      {403, "AccessDenied", Errc::kDenied},
      {403, "InvalidObjectState", Errc::kArchived},
      {403, "UserDisable", Errc::kBucketGone},
      {404, "NoSuchUpload", Errc::kNotFound},
      {404, "SymlinkTargetNotExist", Errc::kNotFound},
      {400, "InvalidTargetType", Errc::kLoop},
      {409, "FileAlreadyExists", Errc::kExists},
      {409, "FileImmutable", Errc::kNotPermitted},
      {412, "PreconditionFailed", Errc::kChanged},
      {416, "InvalidRange", Errc::kRange},
      {400, "EntityTooLarge", Errc::kTooLarge},
      {400, "InvalidDigest", Errc::kCorrupt},
      {400, "RequestTimeout", Errc::kUnavailable},
      {429, "QpsLimitExceeded", Errc::kThrottled},
      {503, "ServiceUnavailable", Errc::kThrottled},
      {503, "SomeNewLimitExceeded", Errc::kThrottled},
      {500, "InternalError", Errc::kUnavailable},
      {502, "BadGateway", Errc::kUnavailable},
      {400, "SomethingNew", Errc::kInvalid},
      {403, "SomethingNew", Errc::kDenied},
      {403, "QuotaExceeded", Errc::kNoSpace},
      {403, "BucketStorageCapacityExceeded", Errc::kNoSpace},
      {503, "SomeQuotaExceeded", Errc::kThrottled},
  };
  for (const Case& one : cases) EXPECT_EQ(errc_for(one.status, one.code), one.errc) << one.code;
}

TEST(ServiceError, TellsAnHnsDirectoryWithEntries) {
  EXPECT_EQ(errc_for(409, "FileAlreadyExists", Operation::kDelete), Errc::kNotEmpty);
}

TEST(ServiceError, TellsFullMetadataByItsEc) {
  const ServiceError error = read(400, error_xml("InvalidArgument", "<EC>0011-00000002</EC>"));
  EXPECT_EQ(errc_of(error, Operation::kPut), Errc::kMetadataFull);
}

TEST(ServiceError, SaysWhatWasTriedAndHowItEnded) {
  const ServiceError error = read(403, error_xml("AccessDenied", "<EC>0003-00000001</EC>"));
  const std::string message = to_error(error, spec(Operation::kPut), {}).message;
  for (const char* part : {"PutObject users/a/x", "403", "AccessDenied", "0003-00000001",
                           "5C3D9175B6FC201293AD4890", "As the server says it.", "policy"})
    EXPECT_THAT(message, HasSubstr(part));
}

TEST(ServiceError, NamesTheEndpointThatWouldBeRight) {
  const ServiceError error =
      read(403, error_xml("AccessDenied",
                          "<Endpoint>oss-cn-beijing.aliyuncs.com</Endpoint><Bucket>b</Bucket>"));
  const Error ours = to_error(error, spec(Operation::kList), {});
  EXPECT_EQ(ours.code, Errc::kBucketGone);
  EXPECT_THAT(ours.message, HasSubstr("endpoint=oss-cn-beijing.aliyuncs.com"));
}

TEST(ServiceError, TellsOfAProxyThatAsksForAPassword) {
  EXPECT_THAT(to_error(read(407, ""), spec(Operation::kList), {}).message,
              HasSubstr("the proxy's answer: check proxy="));
}

TEST(ServiceError, ReadsTheServersTime) {
  // As quoted in aliyun/aliyun-oss-android-sdk#167.
  const ServiceError error = read(
      403, error_xml("RequestTimeTooSkewed",
                     "<MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>"
                     "<RequestTime>2024-09-23T06:32:40.000Z</RequestTime>"
                     "<ServerTime>2024-09-23T07:32:40.000Z</ServerTime><EC>0002-00000504</EC>"));
  ASSERT_TRUE(error.server_time);
  EXPECT_EQ(format_iso8601(*error.server_time), "2024-09-23T07:32:40Z");
}

TEST(ServiceError, HeedsHowLongToWait) {
  EXPECT_EQ(read(503, "", {{"Retry-After", "3"}}).retry_after, std::chrono::seconds(3));
  EXPECT_EQ(read(503, "", {{"x-oss-qos-delay-time", "1500"}}).retry_after,
            std::chrono::milliseconds(1500));
  EXPECT_EQ(read(503, "", {{"Retry-After", "999999999999999999"}}).retry_after,
            std::chrono::seconds(60));
}

TEST(ServiceError, TakesNothingFromABodyThatIsTooLong) {
  EXPECT_EQ(read(404, error_xml("NoSuchKey", std::string(70'000, ' '))).code, "");
}

TEST(ServiceError, PrintsForeignBytesHarmlessly) {
  const ServiceError error = read(403, error_xml("Access\x01"
                                                 "Denied"));
  EXPECT_THAT(to_error(error, spec(Operation::kPut), {}).message, Not(HasSubstr("\x01")));
}

}  // namespace
}  // namespace stsfs::oss
