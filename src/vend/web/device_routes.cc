#include <algorithm>

#include "routes.h"
#include "stsfs/base/log.h"
#include "stsfs/base/text.h"

namespace stsfs::vend {
namespace {

constexpr std::size_t kDeviceCodeMaxBytes = 256;

/// Where people are sent: as the configuration says, or as the device itself reached us.
std::string public_url(const Config& config, const ServiceRequest& request) {
  if (!config.public_url.empty()) return config.public_url;
  const bool plain = std::all_of(request.host.begin(), request.host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == ':' || c == '[' || c == ']';
  });
  return (request.tls ? "https://" : "http://") + (plain ? request.host : std::string("localhost"));
}

/// RFC 8628's `error` beside our own members. Source: RFC 8628, section 3.5.
ServiceResponse refusal(const char* error, const char* code, const char* message) {
  ServiceResponse response = error_response(400, code, message);
  response.body.insert(1, std::string(R"("error":")") + error + "\",");
  return response;
}

}  // namespace

ServiceResponse post_device_code(Office& office, const ServiceRequest& request) {
  const auto settings = office.settings();
  const DeviceConfig& device = settings->config.device;
  auto grant =
      office.devices.start(throttle_address(request.address), device.lifetime, device.pause);
  if (!grant) return failure_response(grant.error());
  office.metrics.add(Count::kDeviceCodes);
  office.audit.record({.action = "device.code", .address = request.address, .allowed = true});
  const std::string url = public_url(settings->config, request) + "/device";
  std::string body = R"({"StatusCode":200,"device_code":")";
  body += grant->device_code.reveal();
  return json_response(body + R"(","user_code":")" + grant->user_code + R"(","verification_uri":)" +
                       as_json(url) + R"(,"verification_uri_complete":)" +
                       as_json(url + "?user_code=" + grant->user_code) + R"(,"expires_in":)" +
                       std::to_string(device.lifetime.count()) + R"(,"interval":)" +
                       std::to_string(device.pause.count()) + "}");
}

ServiceResponse post_device_token(Office& office, const ServiceRequest& request) {
  const auto code = json_member(request.body, "device_code");
  if (!code || code->empty() || code->size_bytes() > kDeviceCodeMaxBytes)
    return error_response(400, "InvalidRequest", "the body reads {\"device_code\"}");
  auto poll = office.devices.poll(*code);
  if (!poll) {
    log_error("vend", "{}", poll.error().message);
    return failure_response(poll.error());
  }
  switch (poll->answer) {
    case DeviceAnswer::kPending:
      return refusal("authorization_pending", "AuthorizationPending",
                     "nobody has confirmed the code yet");
    case DeviceAnswer::kSlowDown:
      return refusal("slow_down", "SlowDown", "asked too soon: wait 5 seconds longer each time");
    case DeviceAnswer::kExpired:
      return refusal("expired_token", "ExpiredToken",
                     "the code has expired or was used; start again");
    case DeviceAnswer::kDenied:
      return refusal("access_denied", "AccessDenied",
                     "the person refused, or all of the person's logins were ended");
    case DeviceAnswer::kApproved:
      break;
  }
  auto user = office.users.find(poll->name);
  if (!user) return failure_response(user.error());
  if (!*user || !(*user)->enabled)  // since the person confirmed
    return refusal("access_denied", "AccessDenied", "the user is not admitted any more");
  auto issued = office.logins.issue(poll->name, office.settings()->config.token_lifetime);
  if (!issued) return failure_response(issued.error());
  office.audit.record(
      {.action = "device.token", .user = poll->name, .address = request.address, .allowed = true});
  return json_response(token_json(*issued));
}

}  // namespace stsfs::vend
