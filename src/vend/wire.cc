#include "wire.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "stsfs/base/text.h"
#include "stsfs/sign/strict_json.h"

namespace stsfs::vend {
namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr int kDepthMax = 8;
constexpr std::chrono::seconds kRetryAfter{5};

int status_of(Errc code) {
  switch (code) {
    case Errc::kCredential:
      return 401;
    case Errc::kDenied:
      return 403;
    case Errc::kNotFound:
      return 404;
    case Errc::kExists:
      return 409;
    case Errc::kThrottled:
      return 429;
    case Errc::kInvalid:
      return 400;
    default:
      return 503;
  }
}

const char* code_of(int status) {
  switch (status) {
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "NotFound";
    case 409:
      return "Conflict";
    case 429:
      return "TooManyAttempts";
    default:
      return "InvalidRequest";
  }
}

}  // namespace

ServiceResponse json_response(std::string body) {
  return {200,
          {{"Content-Type", "application/json;charset=utf-8"}, {"Cache-Control", "no-store"}},
          std::move(body)};
}

ServiceResponse no_content() { return {204, {{"Cache-Control", "no-store"}}, {}}; }

ServiceResponse error_response(int status, std::string_view code, std::string_view message) {
  ServiceResponse response =
      json_response(R"({"StatusCode":)" + std::to_string(status) + R"(,"ErrorCode":)" +
                    as_json(code) + R"(,"ErrorMessage":)" + as_json(message) + "}");
  response.status = status;
  return response;
}

ServiceResponse failure_response(const Error& error) {
  const int status = status_of(error.code);
  ServiceResponse response =
      status == 503 ? error_response(503, "ServiceUnavailable",
                                     "the vending server cannot do that now, try again soon")
                    : error_response(status, code_of(status), error.message);
  if (status == 503 || status == 429)
    add_retry_after(response, error.retry_after.count() > 0
                                  ? error.retry_after
                                  : std::chrono::milliseconds(kRetryAfter));
  return response;
}

void add_retry_after(ServiceResponse& response, std::chrono::milliseconds wait) {
  const auto seconds =
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(wait).count());
  response.headers.push_back({"Retry-After", std::to_string(seconds)});
}

std::string as_json(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<Secret> json_member(const Secret& body, const char* name) {
  if (!sign::check_json_strictly(body.reveal(), kDepthMax)) return std::nullopt;
  nlohmann::json document = nlohmann::json::parse(body.reveal(), nullptr, false);
  if (!document.is_object()) return std::nullopt;
  std::optional<Secret> out;
  for (auto& [key, value] : document.items()) {
    if (!value.is_string()) continue;
    auto& text = value.get_ref<std::string&>();
    if (key == name)
      out = Secret(std::move(text));
    else
      wipe(text);
  }
  return out;
}

std::optional<std::string> form_value(std::string_view text, std::string_view name) {
  for (std::string_view pair : split(text, '&')) {
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
    std::string value(pair.substr(equals + 1));
    std::replace(value.begin(), value.end(), '+', ' ');
    auto decoded = percent_decode(value);
    wipe(value);
    return decoded;
  }
  return std::nullopt;
}

std::string_view cookie_value(std::string_view header, std::string_view name) {
  for (std::string_view pair : split(header, ';')) {
    pair = trim(pair);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return pair.substr(name.size() + 1);
  }
  return {};
}

std::string_view bearer_of(const ServiceRequest& request, std::size_t size_max) {
  const std::string_view header = request.authorization.reveal();
  if (header.size() <= kBearer.size() || header.size() > kBearer.size() + size_max ||
      !equals_ignoring_case(header.substr(0, kBearer.size()), kBearer))
    return {};
  return trim(header.substr(kBearer.size()));
}

}  // namespace stsfs::vend
