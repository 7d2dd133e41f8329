#include "service_error.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "xml.h"

namespace stsfs::oss {
namespace {

constexpr std::uint64_t kRetryAfterMaxMs = 60'000;

struct Row {
  std::string_view code;
  Errc errc;
};

// Source: OSS documentation, "HTTP nnn status code", and the pages of the operations.
constexpr auto kCodes = std::to_array<Row>({
    {"NoSuchKey", Errc::kNotFound},
    {"NoSuchVersion", Errc::kNotFound},
    {"NoSuchUpload", Errc::kNotFound},
    {"SymlinkTargetNotExist", Errc::kNotFound},
    {"InvalidTargetType", Errc::kLoop},
    {"NoSuchBucket", Errc::kBucketGone},
    {"UserDisable", Errc::kBucketGone},
    {"InDebt", Errc::kBucketGone},
    {"InDebtOverdue", Errc::kBucketGone},
    {"BucketDisable", Errc::kBucketGone},
    {"AbnormalBucketOwnerStatus", Errc::kBucketGone},
    {"SecondLevelDomainForbidden", Errc::kBucketGone},
    {"PermanentRedirect", Errc::kBucketGone},
    {"NonStandardHostForbidden", Errc::kBucketGone},
    {"InvalidBucketName", Errc::kBucketGone},
    {"AccessDenied", Errc::kDenied},
    {"SecurityTokenExpired", Errc::kCredential},
    {"InvalidSecurityToken", Errc::kCredential},
    {"AccessKeyIdAndSecurityTokenNotMatch", Errc::kCredential},
    {"SecurityTokenNotSupported", Errc::kCredential},
    {"InvalidAccessKeyId", Errc::kCredential},
    {"SignatureDoesNotMatch", Errc::kCredential},
    {"RequestTimeTooSkewed", Errc::kClockSkew},
    {"InvalidObjectState", Errc::kArchived},
    {"KmsServiceNotEnabled", Errc::kIo},
    {"FileAlreadyExists", Errc::kExists},
    {"FileImmutable", Errc::kNotPermitted},
    {"MethodNotAllowed", Errc::kNotPermitted},
    {"PositionNotEqualToLength", Errc::kChanged},
    {"PreconditionFailed", Errc::kChanged},
    {"ObjectNotAppendable", Errc::kIo},
    {"RestoreAlreadyInProgress", Errc::kBusy},
    {"ArchiveRestoreNotFinished", Errc::kBusy},
    {"InvalidRange", Errc::kRange},
    {"InvalidArgument", Errc::kInvalid},
    {"InvalidObjectName", Errc::kInvalid},
    {"EntityTooLarge", Errc::kTooLarge},
    {"MetadataTooLarge", Errc::kMetadataFull},
    {"EntityTooSmall", Errc::kIo},
    {"InvalidPart", Errc::kIo},
    {"InvalidPartOrder", Errc::kIo},
    {"FilePartNotExist", Errc::kIo},
    {"MalformedXML", Errc::kIo},
    {"InvalidDigest", Errc::kCorrupt},
    {"RequestTimeout", Errc::kUnavailable},
    {"OperationNotSupported", Errc::kNotSupported},
    {"NotImplemented", Errc::kNotSupported},
    {"MissingContentLength", Errc::kIo},
    {"MirrorFailed", Errc::kUnavailable},
    {"InternalError", Errc::kUnavailable},
    {"QpsLimitExceeded", Errc::kThrottled},
    {"ServiceUnavailable", Errc::kThrottled},
    {"ServiceBusy", Errc::kThrottled},
    {"TotalQpsLimitExceeded", Errc::kThrottled},
    {"MetaOperationQpsLimitExceeded", Errc::kThrottled},
    {"ActiveRequestLimitExceeded", Errc::kThrottled},
    {"DownloadTrafficRateLimitExceeded", Errc::kThrottled},
    {"UploadTrafficRateLimitExceeded", Errc::kThrottled},
    {"CpuLimitExceeded", Errc::kThrottled},
});

// Some refusals are told apart only by their EC. Source: help.aliyun.com, page of each EC.
constexpr auto kEcs = std::to_array<Row>({
    {"0011-00000002", Errc::kMetadataFull},  // user metadata of 8 KB or more
    {"0043-00000101", Errc::kInvalid},       // GetSymlink of what is no link
});

/// A bucket of which the capacity is limited (PutBucketQosInfo) holds as much as it may. OSS has
/// that by invitation only and documents no code for it: told by the words.
bool tells_of_quota(const ServiceError& error) {
  return error.status == 403 && (error.code.find("QuotaExceed") != std::string::npos ||
                                 error.code.find("CapacityExceed") != std::string::npos);
}

Errc errc_of_status(int status) {
  switch (status) {
    case 401:
    case 403:
      return Errc::kDenied;
    case 404:
      return Errc::kNotFound;
    case 405:
      return Errc::kNotPermitted;
    case 408:
      return Errc::kUnavailable;
    case 409:
      return Errc::kExists;
    case 412:
      return Errc::kChanged;
    case 416:
      return Errc::kRange;
    case 429:
    case 503:
      return Errc::kThrottled;
    default:
      if (status >= 500) return Errc::kUnavailable;
      return status >= 400 ? Errc::kInvalid : Errc::kProtocol;
  }
}

/// No OSS error in the answer: a proxy, a captive portal, or a HEAD without `x-oss-err`. Only the
/// server itself may say that a file is not there.
Errc errc_without_code(const ServiceError& error, Operation operation) {
  if (error.status == 429 || error.status >= 500) return errc_of_status(error.status);
  const bool head = operation == Operation::kHead || operation == Operation::kBrief;
  const bool bodiless = error.status == 304 || error.status == 412 || error.status == 416;
  if (error.request_id.empty() || !(head || bodiless)) return Errc::kProtocol;
  return error.status == 304 ? Errc::kProtocol : errc_of_status(error.status);
}

std::string remedy(const ServiceError& error, WallTime now) {
  if (error.status == 407)
    return "that is the proxy's answer: check proxy= and the environment's http_proxy for its user "
           "and password";
  if (!error.endpoint.empty())
    return "the bucket is not at this endpoint: set endpoint=" + printable(error.endpoint, 128);
  if (error.code == "NoSuchBucket")
    return "check the bucket's name, and that the endpoint is that of its region";
  if (error.code == "SecondLevelDomainForbidden" || error.code == "NonStandardHostForbidden" ||
      error.code == "PermanentRedirect")
    return "check endpoint=: this server does not take the bucket in that form of address";
  if (error.code == "InvalidAccessKeyId")
    return "the access key is unknown there or was revoked: log in again (stsfs login)";
  if (names_credential(error)) return "the login may have ended: log in again (stsfs login)";
  if (error.code == "SignatureDoesNotMatch")
    return "the secret does not belong to this access key, or something on the way changes "
           "requests: check the credentials and the proxy";
  if (error.code == "AccessDenied")
    return "the policy of this login does not allow it: ask whoever administers the folder";
  if (error.code == "RequestTimeTooSkewed" && error.server_time)
    return fmt::format("set this machine's clock: here it is {}, there {}", format_iso8601(now),
                       format_iso8601(*error.server_time));
  if (error.code == "InDebt" || error.code == "InDebtOverdue" || error.code == "UserDisable")
    return "the cloud account that owns the bucket is suspended: ask its owner";
  if (tells_of_quota(error))
    return "no more may be stored there: remove something, or ask whoever administers the folder";
  if (error.code == "InvalidObjectState")
    return "the object is archived: ask for it with setfattr -n user.oss.restore -v 1, and wait";
  return {};
}

std::chrono::milliseconds retry_after_of(const http::Headers& headers) {
  std::uint64_t ms = 0;
  if (const std::string* value = http::find_header(headers, "Retry-After"))
    ms = std::min(parse_u64(*value).value_or(0), kRetryAfterMaxMs / 1000) * 1000;
  if (const std::string* value = http::find_header(headers, "x-oss-qos-delay-time"))
    ms = std::max(ms, parse_u64(*value).value_or(0));
  return std::chrono::milliseconds(std::min(ms, kRetryAfterMaxMs));
}

void read_body(std::string_view body, ServiceError& error) {
  if (body.empty() || body.size() > kErrorBodyMax) return;
  const auto document = XmlAnswer::parse(body, "Error");
  if (!document) return;
  error.code = document->text("Code");
  error.message = document->text("Message");
  error.ec = document->text("EC");
  error.endpoint = document->text("Endpoint");
  if (const std::string id = document->text("RequestId"); !id.empty()) error.request_id = id;
  if (const auto time = parse_iso8601(document->text("ServerTime"))) error.server_time = time;
}

}  // namespace

ServiceError read_service_error(const http::Response& response) {
  ServiceError error;
  error.status = response.status;
  const auto header = [&](const char* name) {
    const std::string* value = http::find_header(response.headers, name);
    return value == nullptr ? std::string() : *value;
  };
  error.request_id = header("x-oss-request-id");
  error.server_time = parse_http_date(header("Date"));
  error.retry_after = retry_after_of(response.headers);
  read_body(response.body, error);
  if (error.code.empty())
    if (const auto xml = base64_decode(header("x-oss-err"))) read_body(as_text(*xml), error);
  if (error.ec.empty()) error.ec = header("x-oss-ec");
  return error;
}

Errc errc_of(const ServiceError& error, Operation operation) {
  if (error.code.empty()) return errc_without_code(error, operation);
  if (!error.endpoint.empty() && error.status == 403) return Errc::kBucketGone;
  // What an HNS directory with entries answers.
  if (operation == Operation::kDelete && error.code == "FileAlreadyExists") return Errc::kNotEmpty;
  for (const Row& row : kEcs)
    if (row.code == error.ec) return row.errc;
  for (const Row& row : kCodes)
    if (row.code == error.code) return row.errc;
  return tells_of_quota(error) ? Errc::kNoSpace : errc_of_status(error.status);
}

bool names_credential(const ServiceError& error) {
  return error.code == "SecurityTokenExpired" || error.code == "InvalidSecurityToken" ||
         error.code == "InvalidAccessKeyId" || error.code == "AccessKeyIdAndSecurityTokenNotMatch";
}

std::string what_was_tried(const RequestSpec& spec) {
  return spec.key.empty() ? name_of(spec.operation)
                          : fmt::format("{} {}", name_of(spec.operation), printable(spec.key));
}

Error to_error(const ServiceError& error, const RequestSpec& spec, WallTime now) {
  std::string message = what_was_tried(spec) + fmt::format(": {}", error.status);
  if (error.code.empty())
    message += " without an OSS error code: something other than OSS may have answered";
  else
    message += " " + printable(error.code, 64);
  if (!error.message.empty()) message += " \"" + printable(error.message, 200) + "\"";
  std::string ids;
  if (!error.ec.empty()) ids += "EC " + printable(error.ec, 32);
  if (!error.request_id.empty())
    ids += (ids.empty() ? "request " : ", request ") + printable(error.request_id, 64);
  if (!ids.empty()) message += " (" + ids + ")";
  if (const std::string what_to_do = remedy(error, now); !what_to_do.empty())
    message += "; " + what_to_do;
  return {errc_of(error, spec.operation), std::move(message), error.retry_after};
}

}  // namespace stsfs::oss
