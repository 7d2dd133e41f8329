#include "injected_error.h"

#include <algorithm>
#include <array>

namespace stsfs::sim {
namespace {

struct Words {
  int status;
  std::string_view code;
  std::string_view message;
  std::string_view ec = {};
};

// Of several with one status the first is what a fault without a code means.
constexpr auto kOss = std::to_array<Words>({
    {400, "RequestTimeout",
     "Your socket connection to the server was not read from or written to within the timeout "
     "period."},
    {400, "InvalidDigest", "The Content-MD5 you specified did not match what we received.",
     "0017-00000503"},
    {403, "AccessDenied", "Access denied by authorizer's policy.", "0003-00000301"},
    {403, "SecurityTokenExpired", "The security token you provided has expired.", "0002-00000007"},
    {403, "InvalidSecurityToken", "The security token you provided is invalid.", "0002-00000006"},
    {403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records.",
     "0002-00000902"},
    {403, "UserDisable", "UserDisable", "0003-00000801"},
    {404, "NoSuchKey", "The specified key does not exist.", "0026-00000001"},
    {404, "NoSuchBucket", "The specified bucket does not exist.", "0015-00000101"},
    {404, "NoSuchUpload",
     "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
     "been aborted or completed.",
     "0042-00000002"},
    {409, "FileAlreadyExists",
     "The object you specified already exists and can not be overwritten.", "0026-00000002"},
    {412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.",
     "0017-00001001"},
    {416, "InvalidRange", "The requested range cannot be satisfied."},
    {429, "QpsLimitExceeded", "Please reduce your request rate."},
    {500, "InternalError", "We encountered an internal error. Please try again."},
    {502, "BadGateway", "Bad Gateway"},
    {503, "ServiceUnavailable", "Thread pool is almost full, please retry later."},
    {503, "TotalQpsLimitExceeded", "Total qps limit exceeded.", "0004-00000302"},
    {503, "MetaOperationQpsLimitExceeded", "Meta operation qps limit exceeded."},
    {503, "ActiveRequestLimitExceeded", "Active request limit exceeded."},
    {503, "DownloadTrafficRateLimitExceeded", "Download traffic rate limit exceeded."},
    {503, "UploadTrafficRateLimitExceeded", "Upload traffic rate limit exceeded."},
    {503, "CpuLimitExceeded", "Cpu limit exceeded."},
    {504, "GatewayTimeout", "Gateway Timeout"},
});

constexpr auto kSts = std::to_array<Words>({
    {400, "Throttling.User", "Request was denied due to user flow control."},
    {403, "NoPermission",
     "You are not authorized to do this action. You should be authorized by RAM."},
    {404, "EntityNotExist.Role", "The specified Role not exists."},
    {429, "Throttling.User", "Request was denied due to user flow control."},
    {500, "InternalError", "STS Server Internal Error happened."},
    {503, "Throttling.User", "Request was denied due to user flow control."},
});

/// The row of that code, or, without a code, the first of that status. Points into `effect`.
template <std::size_t N>
Words words_of(const std::array<Words, N>& known, const FaultEffect& effect) {
  const auto found = std::find_if(known.begin(), known.end(), [&](const Words& row) {
    return effect.code.empty() ? row.status == effect.status : row.code == effect.code;
  });
  if (found != known.end()) return *found;
  constexpr std::string_view kAnother = "Injected by a fault.";
  if (effect.code.empty()) return {effect.status, "InternalError", kAnother};
  return {effect.status, effect.code, kAnother};
}

}  // namespace

Refusal injected_oss_error(const FaultEffect& effect) {
  const Words words = words_of(kOss, effect);
  return {effect.status, std::string(words.code), std::string(words.message),
          std::string(words.ec)};
}

StsFailure injected_sts_error(const FaultEffect& effect) {
  const Words words = words_of(kSts, effect);
  return {effect.status, std::string(words.code), std::string(words.message)};
}

}  // namespace stsfs::sim
